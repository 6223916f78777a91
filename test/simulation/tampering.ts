import { Catalog } from "../../packages/server/src/core/catalog.js";
import { Chain, type ParkedMessage } from "../../packages/server/src/core/chain.js";
import type { Queue } from "../../packages/server/src/core/queue.js";
import { Transitions } from "../../packages/server/src/core/transitions.js";
import { isReplyQueue } from "../../packages/server/src/options.js";
import type { Write } from "../../packages/server/src/store.js";

/** Replaces a method by one made of it. */
export function replace<Target extends object, Name extends keyof Target>(
  target: Target,
  name: Name,
  make: (original: Target[Name]) => Target[Name],
): () => void {
  const original = target[name];
  target[name] = make(original);
  return () => {
    target[name] = original;
  };
}

/** The same for a getter. */
function replaceGetter<Target extends object, Name extends keyof Target>(
  target: Target,
  name: Name,
  make: (original: (this: Target) => Target[Name]) => (this: Target) => Target[Name],
): () => void {
  const known = Object.getOwnPropertyDescriptor(target, name);
  if (known?.get === undefined) throw new Error(`${String(name)} is no getter`);
  Object.defineProperty(target, name, { ...known, get: make(known.get) });
  return () => {
    Object.defineProperty(target, name, known);
  };
}

/** Lets a message that was given back wait behind those of its key that never left. */
export function laterFirst(): () => void {
  const parked = new WeakMap<Chain, ParkedMessage[]>();
  const takeOut = [
    replace(
      Chain.prototype,
      "park",
      (park) =>
        function (this: Chain, message) {
          parked.set(this, [...(parked.get(this) ?? []), message]);
          park.call(this, message);
        },
    ),
    replace(
      Chain.prototype,
      "take",
      (take) =>
        function (this: Chain, head) {
          if (head.block !== undefined) parked.get(this)?.shift();
          take.call(this, head);
        },
    ),
    replaceGetter(
      Chain.prototype,
      "head",
      (head) =>
        function (this: Chain) {
          const first = head.call(this);
          const other = parked.get(this)?.[0];
          return first?.block === undefined && other !== undefined ? other : first;
        },
    ),
  ];
  return () => {
    for (const undo of takeOut) undo();
  };
}

/** Runs it as if the queue allowed one attempt more. */
export function withOneMoreAttempt<Result>(queue: Queue, run: () => Result): Result {
  const { options } = queue;
  if (options.maxAttempts > 0) queue.options = { ...options, maxAttempts: options.maxAttempts + 1 };
  try {
    return run();
  } finally {
    queue.options = options;
  }
}

/** Lets messages expire while the reply queue seems to be gone. */
export function untoldExpiries(): () => void {
  let expiring = false;
  const takeOut = [
    replace(
      Transitions.prototype,
      "expire",
      (expire) =>
        function (this: Transitions, ...of) {
          expiring = true;
          expire.apply(this, of);
          expiring = false;
        },
    ),
    replace(
      Catalog.prototype,
      "find",
      (find) =>
        function (this: Catalog, address) {
          return expiring && isReplyQueue(address.queue) ? undefined : find.call(this, address);
        },
    ),
  ];
  return () => {
    for (const undo of takeOut) undo();
  };
}

export const SETTLED = 0x21;
/** A schedule with its next time, and its message apart. */
export const SCHEDULE = 0x50;
export const SCHEDULED = 0x51;
const DEFINITION = 0x10;
const QUEUE_KEY_BYTES = 5;

/** Writes of dead-letter queues, which a test tells by their names. */
export class DeadQueues {
  readonly #numbers = new Set<number>();

  owns({ key, value }: Write): boolean {
    if (key.length < QUEUE_KEY_BYTES) return false;
    const number = Buffer.from(key).readUInt32BE(1);
    if (key[0] === DEFINITION && value !== undefined) {
      if (/\.dead"|graveyard"/.test(nameOf(value))) this.#numbers.add(number);
      // Another run began.
      else this.#numbers.delete(number);
    }
    return this.#numbers.has(number);
  }
}

export const isRemoval = ({ key, value }: Write): boolean => value === undefined || key[0] === SETTLED;

const nameOf = (definition: Uint8Array): string =>
  JSON.stringify((JSON.parse(Buffer.from(definition).toString("utf8")) as { readonly name: string }).name);
