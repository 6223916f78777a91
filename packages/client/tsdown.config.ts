import { defineConfig } from "tsdown";

export default defineConfig({
  entry: ["src/index.ts", "src/protocol.ts"],
  platform: "neutral",
  target: "es2022",
  tsconfig: "../../tsconfig.build.json",
  dts: true,
  outExtensions: () => ({ js: ".js", dts: ".d.ts" }),
});
