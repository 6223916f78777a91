import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";

/** The files of a directory; zeros at the end of one, where room was made ready, are left out. */
type PackedFiles = Record<string, { readonly bytes: number; readonly base64: string }>;

/** LevelDB makes them anew. */
const NOT_STORED: ReadonlySet<string> = new Set(["LOCK", "LOG", "LOG.old"]);

/** Packs a flat directory into one file. */
export function packDirectory(directory: string, path: string): void {
  const files: PackedFiles = {};
  for (const name of readdirSync(directory).sort()) {
    if (NOT_STORED.has(name)) continue;
    const content = readFileSync(join(directory, name));
    const end = content.findLastIndex((byte) => byte !== 0) + 1;
    files[name] = { bytes: content.length, base64: content.subarray(0, end).toString("base64") };
  }
  writeFileSync(path, gzipSync(JSON.stringify(files), { level: 9 }));
}

/** Makes a directory of such a file. */
export function layOut(path: string, directory: string): void {
  mkdirSync(directory);
  const files = JSON.parse(gunzipSync(readFileSync(path)).toString("utf8")) as PackedFiles;
  for (const [name, { bytes, base64 }] of Object.entries(files)) {
    const content = Buffer.alloc(bytes);
    content.write(base64, "base64");
    writeFileSync(join(directory, name), content);
  }
}
