import { defineConfig } from "tsdown";

export default defineConfig({
  entry: ["simulation/main.ts", "simulation/worker.ts", "fuzz/main.ts"],
  platform: "node",
  target: "node20.19",
  tsconfig: "../tsconfig.build.json",
  dts: false,
  outExtensions: () => ({ js: ".js" }),
});
