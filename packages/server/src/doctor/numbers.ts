import * as keys from "../core/keys.js";
import type { KeyRange, StoreSnapshot } from "../store.js";

/** The numbers of queues and rooms that have something in these ranges, which are those of number 0. Skips from one to the next. */
export async function numbersIn(snapshot: Pick<StoreSnapshot, "read">, ranges: readonly KeyRange[]): Promise<Set<number>> {
  const numbers = new Set<number>();
  for (const { from } of ranges) {
    const to = Buffer.of((from[0] ?? 0) + 1);
    for (let next = from; ; ) {
      const [entry] = await snapshot.read({ from: next, to, entriesMax: 1, bytesMax: 1 });
      if (entry === undefined) break;
      numbers.add(keys.queueOf(entry[0]));
      next = keys.afterQueue(entry[0]);
    }
  }
  return numbers;
}
