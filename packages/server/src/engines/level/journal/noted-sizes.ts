import type { Store, Write } from "../../../store.js";
import { damaged } from "./damaged.js";
import type { JournalFile } from "./journal-file.js";
import { FILE_NAMES } from "./open-files.js";
import { textOf } from "./overlay.js";

/** No key of the core begins like this. */
const PREFIX = Buffer.of(0x00, 0x03);
const PREFIX_TEXT = textOf(PREFIX);
const SIZE_BYTES = 6;

const keyOf = ({ name }: Pick<JournalFile, "name">): Buffer => Buffer.concat([PREFIX, Buffer.from(name, "latin1")]);

/** Whether a key, as an overlay names keys, is that of a size. */
export const isNoteOfSize = (text: string): boolean => text.startsWith(PREFIX_TEXT);

/**
 * How long the files of a journal were, as the store below has noted it: a u48 for each. They never shrink, so one that is shorter
 * was cut since, and nothing else would tell the records that it had from some that were never written.
 */
export class NotedSizes {
  readonly #base: Pick<Store, "get" | "write">;
  readonly #sizes = new Map<string, number>();

  constructor(base: Pick<Store, "get" | "write">) {
    this.#base = base;
  }

  /** Reads what the lives before noted; an earlier program noted nothing. `ENGINE_UNAVAILABLE` when a file is shorter. */
  check(files: readonly JournalFile[]): void {
    for (const file of files) {
      const noted = this.#read(file);
      if (file.size < noted) throw damaged(`${file.name} has ${file.size} bytes, expected ${noted} or more`);
      this.#sizes.set(file.name, noted);
    }
  }

  #read(file: JournalFile): number {
    const stored = this.#base.get(keyOf(file));
    if (stored === undefined) return 0;
    if (stored.length !== SIZE_BYTES) throw damaged(`the size of ${file.name} has ${stored.length} bytes, expected ${SIZE_BYTES}`);
    return Buffer.from(stored).readUIntLE(0, SIZE_BYTES);
  }

  /** Whether a file is longer than noted. */
  isPassedBy(file: JournalFile): boolean {
    return file.size > (this.#sizes.get(file.name) ?? 0);
  }

  /** Notes the size of a file that was synced since it grew: what power loss may take back would be missed. */
  async note(file: JournalFile): Promise<void> {
    const { name, size } = file;
    await this.#base.write([noteOf(file)]);
    this.#sizes.set(name, size);
  }

  /** What notes the sizes of files anew, also where they are less than before; of those that are missing, none. */
  static writesOf(files: readonly JournalFile[]): Write[] {
    const missing = FILE_NAMES.filter((name) => files.every((file) => file.name !== name));
    return [...files.map(noteOf), ...missing.map((name) => ({ key: keyOf({ name }), value: undefined }))];
  }
}

function noteOf(file: JournalFile): Write {
  const value = Buffer.alloc(SIZE_BYTES);
  value.writeUIntLE(file.size, 0, SIZE_BYTES);
  return { key: keyOf(file), value };
}
