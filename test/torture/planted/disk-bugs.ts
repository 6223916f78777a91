import type { PlantedBug } from "./bug.js";

const JOURNAL = "engines/level/journal/journaled-store.ts";

/** Bugs of the journal and of the store below it, each in the code that does it. */
export const DISK_BUGS: readonly PlantedBug[] = [
  {
    bug: "a journal that is never synced",
    edits: [
      {
        file: "engines/level/journal/journal-file.ts",
        find: "await fdatasyncAsync(this.#descriptor);",
        replace: "await new Promise((resolve) => setImmediate(resolve));",
      },
    ],
    caught: { by: "power", finds: /lost:/ },
  },
  {
    bug: "a receipt while the journal is being synced",
    edits: [
      {
        file: JOURNAL,
        find: "active.file.write(record, active.end);\n    await active.file.sync();",
        replace: "active.file.write(record, active.end);\n    active.file.sync().catch(ignore);",
      },
    ],
    caught: { by: "power", finds: /lost:/ },
  },
  {
    bug: "a record that is written after its sync",
    edits: [
      {
        file: JOURNAL,
        find: "active.file.write(record, active.end);\n    await active.file.sync();",
        replace: "await active.file.sync();\n    active.file.write(record, active.end);",
      },
    ],
    caught: { by: "power", finds: /lost:/ },
  },
  {
    bug: "a file's length noted before its sync",
    edits: [
      {
        file: JOURNAL,
        find: "    await active.file.sync();\n    if (this.#sizes.isPassedBy(active.file)) await this.#mover.inTurn(() => this.#sizes.note(active.file));",
        replace:
          "    if (this.#sizes.isPassedBy(active.file)) await this.#mover.inTurn(() => this.#sizes.note(active.file));\n    await active.file.sync();",
      },
    ],
    caught: { by: "power", finds: /does not open/ },
  },
  {
    bug: "a record without a check of its CRC",
    edits: [
      {
        file: "engines/level/journal/record.ts",
        find: "if (record.length < bytes || crc32(record.subarray(8, bytes)) !== crc) return undefined;",
        replace: "if (record.length < bytes || crc === undefined) return undefined;",
      },
    ],
    caught: { by: "power", finds: /unreadable:|does not open|altered:/ },
  },
  {
    bug: "a mark written before the batch",
    edits: [
      {
        file: "engines/level/journal/mover.ts",
        find: "const entries = overlay.entries();",
        replace: `
    if (mark !== undefined) await this.inTurn(() => this.#base.write([writeOfMark(mark)]));
    const entries = overlay.entries();`,
      },
    ],
    caught: { by: "power", finds: /lost:|counts:|does not open/ },
  },
  {
    bug: "a file used again though its move was not synced",
    edits: [
      { file: "engines/level/level-store.ts", find: "await batch.write({ sync: true });", replace: "await batch.write({ sync: false });" },
    ],
    caught: { by: "power", finds: /lost:|does not open/ },
  },
  {
    bug: "files whose names are not synced",
    edits: [
      { file: "engines/level/journal/open-files.ts", find: "await syncDirectory(directory);", replace: "" },
      {
        file: "engines/level/level-store.ts",
        find: "const { mtimeMs } = statSync(this.#directory);",
        replace: "return;\n    const { mtimeMs } = statSync(this.#directory);",
      },
    ],
    caught: { by: "power", finds: /does not open|lost:/ },
  },
  {
    bug: "a blob file that is never synced",
    edits: [{ file: "engines/level/blobs/blob-writer.ts", find: "await directory.sync(file);", replace: "" }],
    caught: { by: "power", finds: /does not open|lost:|unreadable:/ },
  },
  {
    bug: "a blob file whose name is not synced",
    edits: [{ file: "engines/level/blobs/blob-directory.ts", find: "if (at === 0) this.#unnamed.add(file);", replace: "" }],
    caught: { by: "power", finds: /does not open/ },
  },
];
