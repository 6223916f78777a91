import { defineConfig } from "tsdown";

export default defineConfig({
  // Beside one another, since they start one another.
  entry: {
    main: "simulation/main.ts",
    worker: "simulation/worker.ts",
    fuzz: "fuzz/main.ts",
    "memory-probe": "fuzz/memory-probe.ts",
    torture: "torture/main.ts",
    "torture-client": "torture/client/main.ts",
    "torture-crowd": "torture/crowd/main.ts",
    "torture-damage": "torture/damage/main.ts",
    "torture-devices": "torture/devices/main.ts",
    "torture-images": "torture/power/worker.ts",
    soak: "soak/main.ts",
    "soak-talker": "soak/talker.ts",
    "soak-probe": "soak/probe.ts",
  },
  platform: "node",
  target: "node20.19",
  tsconfig: "../tsconfig.build.json",
  // It has a part that is not JavaScript.
  external: ["classic-level"],
  dts: false,
  outExtensions: () => ({ js: ".js" }),
});
