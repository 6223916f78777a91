import { defineConfig } from "tsdown";

export default defineConfig({
  entry: [
    "src/index.ts",
    "src/admin.ts",
    "src/together.ts",
    "src/waiting.ts",
    "src/authenticate.ts",
    "src/users.ts",
    "src/protocol.ts",
    "src/stored/open.ts",
    "src/requester.ts",
    "src/answer.ts",
    "src/extending.ts",
    "src/rooms/rooms.ts",
    "src/rooms/watches.ts",
    "src/platform/node.ts",
    "src/platform/browser.ts",
  ],
  // Which of the two it is, is for whoever loads the package to say.
  deps: { neverBundle: ["#platform"] },
  platform: "neutral",
  target: "es2022",
  // Fields are assigned, not defined: what a constructor sets anyway is not named twice in a page's bundle.
  tsconfig: "tsconfig.build.json",
  dts: true,
  // A page's bundler gives the chunks names of its own.
  hash: false,
  outExtensions: () => ({ js: ".js", dts: ".d.ts" }),
});
