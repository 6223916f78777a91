import { type FileHandle, open, stat } from "node:fs/promises";
import { HoldfastError } from "holdfast-client/protocol";
import { ifThere } from "../engines/level/if-there.js";
import type { Entry } from "../store.js";
import { kindOf } from "./backup-file.js";
import { type BackupHeader, contentBytesOf, damagedBackup, SECTION_HEADER_BYTES, type Section, unpackSection } from "./backup-format.js";

/** Reads the file of a backup, and sees that it is whole. */
export class BackupReader {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Reads all of it. What it says of itself; `NOT_FOUND` when there is no such file, `BAD_REQUEST` when it is no backup, damaged or incomplete. */
  async check(): Promise<BackupHeader & { readonly entries: number; readonly bytes: number }> {
    let header: BackupHeader | undefined;
    let entries = 0;
    let bytes = 0;
    for await (const { section, size } of this.#sections()) {
      bytes += size;
      if (section.kind === "header") header = section;
      else if (section.kind === "page") entries += section.entries.length;
    }
    if (header === undefined) throw damagedBackup("it has no header");
    return { storeVersion: header.storeVersion, at: header.at, program: header.program, entries, bytes };
  }

  /** The entries, page by page, in order of their keys. */
  async *pages(): AsyncGenerator<readonly Entry[]> {
    for await (const { section } of this.#sections()) if (section.kind === "page") yield section.entries;
  }

  /** Every section, up to the trailer, which must fit what came before it and end the file. */
  async *#sections(): AsyncGenerator<{ readonly section: Section; readonly size: number }> {
    await assertFile(this.#path);
    const file = await open(this.#path, "r");
    try {
      let entries = 0;
      for (let at = 0; ; ) {
        const bytes = await readSection(file, at);
        const section = unpackSection(bytes, at);
        if ((section.kind === "header") !== (at === 0)) throw damagedBackup(`there is a ${section.kind} at byte ${at}`);
        if (section.kind === "page") entries += section.entries.length;
        if (section.kind === "trailer" && (section.entries !== entries || section.bytes !== at)) {
          throw damagedBackup(`its trailer says ${section.entries} entries in ${section.bytes} bytes, it has ${entries} in ${at}`);
        }
        yield { section, size: bytes.length };
        at += bytes.length;
        if (section.kind !== "trailer") continue;
        if ((await file.stat()).size !== at) throw damagedBackup(`something follows its trailer at byte ${at}`);
        return;
      }
    } finally {
      await file.close();
    }
  }
}

/** It is read twice, so a pipe will not do; to open one would wait for whoever writes to it. */
async function assertFile(path: string): Promise<void> {
  const found = await ifThere(stat(path));
  if (found === undefined) throw new HoldfastError("NOT_FOUND", `there is no file ${path}`);
  if (found.isFile()) return;
  throw new HoldfastError("BAD_REQUEST", `${path} is ${kindOf(found)}, expected the file of a backup`);
}

async function readSection(file: FileHandle, at: number): Promise<Buffer> {
  const start = await readExactly(file, at, SECTION_HEADER_BYTES);
  const content = start && contentBytesOf(start);
  if (start !== undefined && content === undefined) {
    throw at === 0
      ? new HoldfastError("BAD_REQUEST", "the file is not a backup: it does not begin like one")
      : damagedBackup(`no section begins at byte ${at}`);
  }
  const section = content === undefined ? undefined : await readExactly(file, at, SECTION_HEADER_BYTES + content);
  if (section === undefined)
    throw new HoldfastError("BAD_REQUEST", `the backup is incomplete: it ends after byte ${at}, without a trailer`);
  return section;
}

/** Undefined when the file ends before. */
async function readExactly(file: FileHandle, at: number, bytes: number): Promise<Buffer | undefined> {
  const target = Buffer.allocUnsafe(bytes);
  for (let done = 0; done < bytes; ) {
    const { bytesRead } = await file.read(target, done, bytes - done, at + done);
    if (bytesRead === 0) return undefined;
    done += bytesRead;
  }
  return target;
}
