/** Where a value lies in a blob file. */
export interface Reference {
  readonly file: number;
  /** Of the record that has the value. */
  readonly at: number;
  /** Of the value. */
  readonly bytes: number;
}

export const SECRET_BYTES = 8;
export const REFERENCE_BYTES = SECRET_BYTES + 12;

/**
 * What stands for a value that lies in a blob file: a secret of the store, u32 file, u32 place, u32 bytes. Values come from
 * outside, and nothing in them can pass for a reference, since nobody there knows the secret.
 */
export class References {
  readonly #secret: Buffer;

  constructor(secret: Uint8Array) {
    this.#secret = Buffer.from(secret);
  }

  pack({ file, at, bytes }: Reference): Buffer {
    const packed = Buffer.allocUnsafe(REFERENCE_BYTES);
    this.#secret.copy(packed);
    packed.writeUInt32LE(file, SECRET_BYTES);
    packed.writeUInt32LE(at, SECRET_BYTES + 4);
    packed.writeUInt32LE(bytes, SECRET_BYTES + 8);
    return packed;
  }

  /** What a stored value refers to; undefined when it is the value itself. */
  read(stored: Uint8Array): Reference | undefined {
    if (stored.length !== REFERENCE_BYTES) return undefined;
    const packed = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
    if (this.#secret.compare(packed, 0, SECRET_BYTES) !== 0) return undefined;
    return {
      file: packed.readUInt32LE(SECRET_BYTES),
      at: packed.readUInt32LE(SECRET_BYTES + 4),
      bytes: packed.readUInt32LE(SECRET_BYTES + 8),
    };
  }
}
