// Prints what the client adds to a page: the built package as a bundler ships it, minified and gzipped, without
// socket.io-client. An entry of its own, and what the main one loads when it is asked for, count what they add to it.
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { rolldown } from "rolldown";

const STORED = "stored/open.js";
const REQUESTER = "requester.js";
const ANSWER = "answer.js";
const EXTENDING = "extending.js";
const ROOMS = "rooms/rooms.js";
const WATCHES = "rooms/watches.js";
const LOADED_LATER = [STORED, REQUESTER, ANSWER, EXTENDING, ROOMS, WATCHES];

const ENTRIES = [
  { name: "holdfast-client", file: "index.js", bytesMax: 10_240 },
  { name: "holdfast-client/admin", file: "admin.js", bytesMax: 700 },
  { name: "holdfast-client/together", file: "together.js", bytesMax: 500 },
  { name: "holdfast-client/waiting", file: "waiting.js", bytesMax: 100 },
  { name: "holdfast-client/authenticate", file: "authenticate.js", bytesMax: 250 },
  { name: "holdfast-client/users", file: "users.js", bytesMax: 500 },
  { name: "requests, with the first one", file: REQUESTER, bytesMax: 1_000 },
  { name: "answers to requests, with the first one", file: ANSWER, bytesMax: 300 },
  { name: "longer leases, with the first deliveries", file: EXTENDING, bytesMax: 600 },
  { name: "rooms, with the first one", file: ROOMS, bytesMax: 2_600 },
  { name: "watches of rooms, with the first one", file: WATCHES, bytesMax: 1_300 },
  { name: "stored outbox, with idb", file: STORED, bytesMax: 3_700 },
];

/** Bytes of a bundle with everything that these files of the package export. */
async function sizeOf(files) {
  const exports = files.map((file) => `export * from ${JSON.stringify(fileURLToPath(new URL(`dist/${file}`, import.meta.url)))};`);
  const bundle = await rolldown({
    input: "page",
    external: (id) => id === "socket.io-client" || LOADED_LATER.some((later) => id.endsWith(later) && !files.includes(later)),
    platform: "browser",
    plugins: [
      { name: "page", resolveId: (id) => (id === "page" ? id : undefined), load: (id) => (id === "page" ? exports.join("") : undefined) },
    ],
  });
  const { output } = await bundle.generate({ minify: true, comments: false });
  await bundle.close();
  return gzipSync(output[0].code, { level: 9 }).length;
}

const [main] = ENTRIES;
const mainBytes = await sizeOf([main.file]);
for (const entry of ENTRIES) {
  const bytes = entry === main ? mainBytes : (await sizeOf([main.file, entry.file])) - mainBytes;
  console.log(`${entry.name}: ${bytes} bytes, at most ${entry.bytesMax}`);
  if (bytes > entry.bytesMax) process.exitCode = 1;
}
