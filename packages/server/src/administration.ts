import type { Page, Peeked, QueueAddress } from "./engine.js";

/** Looking after queues: the part of the engine contract that people use rather than traffic. All fail with `NOT_FOUND` for a queue that does not exist. */
export interface Administration {
  /**
   * Removes every message that the queue had when this was called: ready, delayed, parked and in flight, whose leases are
   * stale at once; not its dead letters. Resolves to how many, once that survives a crash: none of them is delivered any
   * more. What was appended after the call stays. Chosen ids and producers' numbers are remembered as before.
   *
   * It is one small commit, however many messages there are; their space is given back afterwards, also after a crash.
   */
  purge(address: QueueAddress): Promise<number>;

  /** Leases nothing from the queue until `resume`, also after a restart. It takes messages, and leases that are open go on. */
  pause(address: QueueAddress): Promise<void>;
  /** Leases from the queue again. */
  resume(address: QueueAddress): Promise<void>;

  /**
   * Dead letters of the queue with a sequence above `after`, in order, without leasing them: the messages of its
   * dead-letter queue whose history names it. A page may be shorter than `limit`, or empty, and have a `next` all the same.
   */
  deadLetters(address: QueueAddress, after: number, limit: number): Promise<Page<Peeked, number>>;

  /**
   * Moves dead letters of the queue back to its end, in their order, each as it was published: same id (whatever the dedup
   * window holds), new sequence, no attempts, no history. Resolves to how many, once that survives a crash.
   *
   * Each moves in one commit, so that it is in exactly one place whatever crashes; many move in several commits, between
   * which others go on. After `UNKNOWN` some may have moved: called again it goes on with the rest. Letters that are in
   * flight, or die after the call, stay. In the dead-letter queue they count as acked.
   *
   * @param ids only letters with these ids
   */
  redrive(address: QueueAddress, ids: readonly string[] | undefined): Promise<number>;

  /**
   * Removes the dead letters that the queue had when this was called, those in flight too: their leases are stale. In
   * several commits, as `redrive`. In the dead-letter queue they count as purged.
   */
  purgeDeadLetters(address: QueueAddress): Promise<number>;
}
