import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const source = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  resolve: {
    alias: [
      { find: "#platform", replacement: source("packages/client/src/platform/node.ts") },
      { find: /^holdfast-client$/, replacement: source("packages/client/src/index.ts") },
      { find: /^holdfast-client\/admin$/, replacement: source("packages/client/src/admin.ts") },
      { find: /^holdfast-client\/waiting$/, replacement: source("packages/client/src/waiting.ts") },
      { find: /^holdfast-client\/together$/, replacement: source("packages/client/src/together.ts") },
      { find: /^holdfast-client\/authenticate$/, replacement: source("packages/client/src/authenticate.ts") },
      { find: /^holdfast-client\/users$/, replacement: source("packages/client/src/users.ts") },
      { find: /^holdfast-client\/protocol$/, replacement: source("packages/client/src/protocol.ts") },
      { find: /^holdfast$/, replacement: source("packages/server/src/index.ts") },
      { find: /^holdfast\/conformance$/, replacement: source("packages/server/src/engines/conformance/index.ts") },
    ],
  },
  test: {
    include: ["packages/*/src/**/*.test.ts", "test/**/*.test.ts"],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    maxWorkers: 2,
    // To load the sources anew for each file would take longer than most files run. So nothing that a file changes may outlive it.
    isolate: false,
    restoreMocks: true,
    unstubGlobals: true,
  },
});
