import type { Chain } from "./chain.js";
import type { CommitBuilder } from "./commit.js";
import { type HeldFields, type HeldMessage, packHeld } from "./held-message.js";
import * as keys from "./keys.js";
import type { Queue } from "./queue.js";
import { timesOf } from "./timing.js";

/** Writes and removes the store entries of held messages. What it changes shows in the chain once it is durable. */
export class Holding {
  readonly #commit: CommitBuilder;

  constructor(commit: CommitBuilder) {
    this.#commit = commit;
  }

  /** Stores a message that was in flight. Its chain gives nothing until that is durable, so nothing can overtake it. */
  hold(queue: Queue, chain: Chain, record: Uint8Array, fields: HeldFields): void {
    const message = heldMessage(fields, record);
    this.#write(queue, chain, message, record);
    queue.chains?.giveBack(chain, message);
    this.#commit.showChain({ queue, chain, held: message });
  }

  /** Stores a message that would wait in memory, were there room. */
  spill(queue: Queue, chain: Chain, record: Uint8Array, fields: HeldFields): void {
    this.#write(queue, chain, heldMessage(fields, record), record);
    chain.storing++;
    this.#commit.showChain({ queue, chain, stored: fields });
  }

  #write(queue: Queue, chain: Chain, message: HeldMessage, record: Uint8Array): void {
    queue.heldCount++;
    this.#commit.add(keys.heldKey(queue.number, chain.key, message), packHeld(message, record));
    this.#commit.writeExpiry(queue, message.expireAt, keys.EXPIRES_IN.held, message.sequence, Buffer.from(chain.key, "utf8"));
    this.#commit.touch(queue);
  }

  /** Notes that a held message is in flight, for the attempt that counts after a crash. */
  markLeased(queue: Queue, message: HeldMessage): void {
    this.#commit.add(keys.heldLeasedKey(queue.number, message.sequence), Buffer.of(1));
  }

  unmarkLeased(queue: Queue, message: HeldMessage): void {
    this.#commit.write(keys.heldLeasedKey(queue.number, message.sequence), undefined);
  }

  /** Takes a message out of the store. */
  remove(queue: Queue, chain: Chain, message: HeldMessage): void {
    queue.heldCount--;
    queue.drainedBytes += message.size;
    this.#commit.write(keys.heldKey(queue.number, chain.key, message), undefined);
    this.#commit.removeExpiry(queue, message.expireAt, keys.EXPIRES_IN.held, message.sequence);
    this.#commit.touch(queue);
  }

  /** Lets the chain give nothing until what was done is durable (promise O1). */
  freeze(queue: Queue, chain: Chain): void {
    queue.chains?.freeze(chain);
    this.#commit.touch(queue);
  }
}

function heldMessage({ sequence, due, attempts, publishedAt, reason }: HeldFields, record: Uint8Array): HeldMessage {
  const { expireAt, since } = timesOf(record, publishedAt);
  return { expireAt, since, sequence, due, attempts, publishedAt, size: record.length, reason };
}
