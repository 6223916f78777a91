import { defineConfig } from "vite";

export default defineConfig({
  // Where `holdfast serve --demo` finds it: it travels inside the server's package.
  build: {
    outDir: "../../packages/server/dist/demo",
    emptyOutDir: true,
    target: "es2022",
    modulePreload: { polyfill: false },
    // One file: the page needs all of it, and its service worker finds in the HTML what to keep for offline.
    rolldownOptions: { output: { codeSplitting: false } },
    chunkSizeWarningLimit: 1_000,
  },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
});
