import { defineConfig } from "tsdown";

export default defineConfig({
  entry: ["src/main.ts", "src/server.ts", "src/load.ts", "src/flood.ts", "src/rooms/server.ts", "src/rooms/members.ts"],
  platform: "node",
  target: "node20.19",
  tsconfig: "../tsconfig.build.json",
  dts: false,
  outExtensions: () => ({ js: ".js" }),
});
