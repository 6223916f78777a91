import { open } from "node:fs/promises";
import { join } from "node:path";
import { ifThere } from "../if-there.js";
import { Table } from "./table.js";

/** A table with a block that is not whole. */
export interface DamagedTable {
  /** Of its file. */
  readonly name: string;
  /** Where the first such block is, in bytes. */
  readonly at: number;
}

export const textOfDamage = ({ name, at }: DamagedTable): string => `${name} is damaged at byte ${at}`;

/** Reads the tables of a directory one after the other, each into the same memory. */
export class TableReader {
  readonly #directory: string;
  #buffer = Buffer.alloc(0);

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Looks at all of a table. One that is not there any more has no bytes: LevelDB deletes what it made another table of. */
  async examine(name: string): Promise<{ readonly bytes: number; readonly damaged?: DamagedTable }> {
    const bytes = await ifThere(this.#read(join(this.#directory, name)));
    const at = bytes && new Table(bytes).damagedAt;
    return { bytes: bytes?.length ?? 0, ...(at !== undefined && { damaged: { name, at } }) };
  }

  async #read(path: string): Promise<Buffer> {
    const file = await open(path);
    try {
      const { size } = await file.stat();
      if (this.#buffer.length < size) this.#buffer = Buffer.allocUnsafeSlow(size);
      let end = 0;
      for (let more = size; more > 0; ) {
        const { bytesRead } = await file.read(this.#buffer, end, size - end, end);
        end += bytesRead;
        more = bytesRead === 0 ? 0 : size - end;
      }
      return this.#buffer.subarray(0, end);
    } finally {
      await file.close();
    }
  }
}
