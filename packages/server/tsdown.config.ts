import { defineConfig } from "tsdown";

export default defineConfig({
  entry: ["src/index.ts", "src/cli/main.ts", "src/cli/bench-server.ts", "src/engines/conformance/index.ts"],
  platform: "node",
  target: "node20.19",
  tsconfig: "../../tsconfig.build.json",
  dts: true,
  outExtensions: () => ({ js: ".js", dts: ".d.ts" }),
});
