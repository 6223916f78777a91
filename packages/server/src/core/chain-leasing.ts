import type { Chain, ChainHead } from "./chain.js";
import type { Chains } from "./chains.js";
import type { Consumer } from "./consumer.js";
import type { Expiry } from "./expiry.js";
import type { Holding } from "./holding.js";
import { Lease } from "./lease.js";
import type { Allowance, Call, LeaseNumbers } from "./lease-call.js";
import type { Queue } from "./queue.js";
import { wantedBy } from "./reserve.js";
import { isSpent } from "./retry.js";
import type { Scanner } from "./scanner.js";
import type { Transitions } from "./transitions.js";
import type { Wakes } from "./wakes.js";

/** Messages of an ordered queue's log that one lease call looks at, at most: behind one busy key there may be millions. */
const LOOKED_MAX = 2_048;

/** Leases from the chains of an ordered queue. */
export class ChainLeasing {
  readonly #numbers: LeaseNumbers;
  readonly #scanner: Scanner;
  readonly #expiry: Expiry;
  readonly #transitions: Transitions;
  readonly #holding: Holding;
  readonly #wakes: Wakes;

  constructor(numbers: LeaseNumbers, scanner: Scanner, expiry: Expiry, transitions: Transitions, holding: Holding, wakes: Wakes) {
    this.#numbers = numbers;
    this.#scanner = scanner;
    this.#expiry = expiry;
    this.#transitions = transitions;
    this.#holding = holding;
    this.#wakes = wakes;
  }

  /**
   * The heads of chains first; then the log is looked through for keys that are free. A call brings messages of one kind:
   * those that were marked in time, or those that wait for a commit that marks them. So the first need not wait for it too.
   */
  lease(consumer: Consumer, chains: Chains, leases: Lease[], allowance: Allowance, until: number, now: number): Call {
    const { queue } = consumer;
    const left: Chain[] = [];
    let wait: boolean | undefined;
    let cut = false;
    let looked = 0;
    for (; leases.length < allowance.count && looked < LOOKED_MAX; looked++) {
      // What was looked through in the life before may come before what is held, so all of it is seen again first.
      const isBehind = queue.recovers;
      const chain = isBehind ? undefined : chains.next(now);
      const head = chain?.head;
      if (chain === undefined || head === undefined) {
        if (left.length > 0 || (chains.fifo && chains.isHeld && !isBehind)) break;
        if (this.#rests(queue, chains, now) || !this.#scanner.step(queue, chains, now)) break;
      } else if (this.#expiry.isOver(queue, head, now)) {
        chains.take(chain, head, now);
        this.#expiry.endHead(queue, chain, head, now);
        chains.review(chain, now);
      } else if (head.block === undefined && isSpent(queue.options, head.attempts)) {
        chains.take(chain, head, now);
        this.#transitions.exhaustHead(queue, chain, head, now);
        chains.review(chain, now);
      } else {
        const size = sizeOf(head);
        const isLate = chains.isPushing || !isMarked(head);
        wait ??= isLate;
        cut = leases.length > 0 && size > allowance.bytes;
        if (cut || isLate !== wait) {
          left.push(chain);
          if (cut || chains.fifo) break;
          continue;
        }
        leases.push(this.#take(consumer, chains, chain, head, until, now));
        allowance.bytes -= size;
        chains.review(chain, now);
        looked--;
      }
    }
    for (const chain of left) chains.review(chain, now);
    return { wait: wait === true, cut, more: left.length > 0 || looked === LOOKED_MAX };
  }

  /** Puts into chains what consumers will take, so that the commit that is about to be sealed can mark it. */
  lookAhead(queue: Queue, chains: Chains, now: number): void {
    for (let left = Math.min(wantedBy(queue), LOOKED_MAX); left > 0 && !this.#rests(queue, chains, now); left--) {
      if (!this.#scanner.step(queue, chains, now)) return;
    }
  }

  /** Enough waits in memory for its turn, so the log is not looked through further yet. */
  #rests(queue: Queue, chains: Chains, now: number): boolean {
    const until = queue.recovers ? undefined : chains.restsUntil(now);
    if (until !== undefined) this.#wakes.forQueueAt(queue, until);
    return until !== undefined;
  }

  #take(consumer: Consumer, chains: Chains, chain: Chain, head: ChainHead, until: number, now: number): Lease {
    const { queue } = consumer;
    this.#mark(queue, head);
    chains.take(chain, head, now);
    const number = this.#numbers.next++;
    const { sequence } = head;
    let lease: Lease;
    if (head.block !== undefined) {
      const source = this.#transitions.readable(queue, head.block);
      lease = new Lease(number, consumer, sequence, 1, head.block.publishedAt, until, head, source);
    } else {
      const record = this.#transitions.storedHeld(queue, chain, head);
      lease = new Lease(number, consumer, sequence, head.attempts + 1, head.publishedAt, until, { entry: head, chain }, record);
    }
    chain.addLease(lease);
    return lease;
  }

  /** Marks what is about to be delivered, unless a commit did. */
  #mark(queue: Queue, head: ChainHead): void {
    if (head.block === undefined) this.#holding.markLeased(queue, head);
    else if (!head.block.takeReserved(head.index)) {
      head.block.markLeased(head.index);
      queue.dirtyBlocks.set(head.block.first, head.block);
    }
  }
}

/** Whether its delivery counts after a crash already; else it has to wait for a commit. */
const isMarked = (head: ChainHead): boolean => head.block?.isReserved(head.index) === true;

const sizeOf = (head: ChainHead): number =>
  head.block === undefined ? head.size : head.block.stop(head.index) - head.block.start(head.index);
