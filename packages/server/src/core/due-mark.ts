/** A place in a due list's order. */
export interface DueMark {
  readonly due: number;
  readonly order: number;
}

/** Where an entry lies: in which list of the queue, and where in its order. */
export interface DuePlace extends DueMark {
  readonly list: number;
}

/** Before every entry. */
export const NO_MARK: DueMark = { due: 0, order: 0 };

/** Whether `a` comes after `b`. */
export const isAfter = (a: DueMark, b: DueMark): boolean => (a.due === b.due ? a.order > b.order : a.due > b.due);

export function packMark({ due, order }: DueMark): Buffer {
  const value = Buffer.alloc(12);
  value.writeUIntLE(due, 0, 6);
  value.writeUIntLE(order, 6, 6);
  return value;
}

export function unpackMark(stored: Uint8Array): DueMark {
  const value = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
  return { due: value.readUIntLE(0, 6), order: value.readUIntLE(6, 6) };
}
