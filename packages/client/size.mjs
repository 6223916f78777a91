// Prints what the client adds to a page: its own code bundled, minified and gzipped, without socket.io-client.
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { rolldown } from "rolldown";

/** Publishing and consuming alone took 10 KiB; requests, and looking after queues, are the rest. */
const BYTES_MAX = 11 * 1024;

const bundle = await rolldown({
  input: fileURLToPath(new URL("src/index.ts", import.meta.url)),
  external: ["socket.io-client"],
  platform: "browser",
  tsconfig: false,
  resolve: { alias: { "#platform": fileURLToPath(new URL("src/platform/browser.ts", import.meta.url)) } },
});
const { output } = await bundle.generate({ minify: true });
await bundle.close();
const [{ code }] = output;
const bytes = gzipSync(code, { level: 9 }).length;
console.log(`holdfast-client: ${code.length} bytes minified, ${bytes} gzipped, at most ${BYTES_MAX}`);
process.exitCode = bytes > BYTES_MAX ? 1 : 0;
