// Prints what the client adds to a page: its own code as a bundler ships it, minified and gzipped, without socket.io-client.
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { rolldown } from "rolldown";

const MAIN = { name: "holdfast-client", file: "src/index.ts", bytesMax: 10_000 };
/** What the entry for whoever runs a server adds to that. */
const ADMIN = { name: "holdfast-client/admin", file: "src/admin.ts", bytesMax: 1_000 };

const pathOf = (file) => fileURLToPath(new URL(file, import.meta.url));

/** Gzipped bytes of a bundle with everything that these files export. */
async function sizeOf(files) {
  const bundle = await rolldown({
    input: "entry",
    external: ["socket.io-client"],
    platform: "browser",
    tsconfig: false,
    resolve: { alias: { "#platform": pathOf("src/platform/browser.ts") } },
    plugins: [
      {
        name: "entry",
        resolveId: (id) => (id === "entry" ? id : undefined),
        load: (id) => (id === "entry" ? files.map((file) => `export * from ${JSON.stringify(pathOf(file))};`).join("\n") : undefined),
      },
    ],
  });
  const { output } = await bundle.generate({ minify: true, comments: false });
  await bundle.close();
  return gzipSync(output[0].code, { level: 9 }).length;
}

function check({ name, bytesMax }, bytes) {
  console.log(`${name}: ${bytes} bytes minified and gzipped, at most ${bytesMax}`);
  if (bytes > bytesMax) process.exitCode = 1;
}

const main = await sizeOf([MAIN.file]);
check(MAIN, main);
check(ADMIN, (await sizeOf([MAIN.file, ADMIN.file])) - main);
