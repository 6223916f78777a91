import type { KeyRange } from "../store.js";
import { IdIndex } from "./id-index.js";
import type { Producer } from "./producer.js";

/** What a queue and a room have in common: positions in a numbered log, and how it recognises what comes again. */
export abstract class LogState {
  readonly number: number;
  readonly namespace: string;
  readonly name: string;
  /** The next sequence to give. */
  next = 1;
  /** One past the last sequence that is durable. */
  durableNext = 1;
  lastCrc = 0;
  readonly producers = new Map<string, Producer>();
  readonly ids: IdIndex;
  /** Producers that the commit that is being filled writes. */
  #dirtyProducers: Producer[] = [];
  /** Ids of producers that are to be forgotten with the next commit. */
  idleProducers: string[] = [];
  producersCheckedAt = 0;
  /** Bytes of blocks deleted since space was last given back. */
  drainedBytes = 0;

  /** @param seed for hashes of what comes from outside: a number that nobody there knows */
  constructor(number: number, namespace: string, name: string, seed: number) {
    this.ids = new IdIndex(seed);
    this.number = number;
    this.namespace = namespace;
    this.name = name;
  }

  /** The producer is to be written with this commit. */
  touchProducer(producer: Producer): void {
    if (producer.isDirty) return;
    producer.isDirty = true;
    if (this.#dirtyProducers.length === 0) this.#dirtyProducers = [producer];
    else this.#dirtyProducers.push(producer);
  }

  /** Those that are to be written, which they are now. */
  takeDirtyProducers(): readonly Producer[] {
    const producers = this.#dirtyProducers;
    if (producers.length === 0) return producers;
    this.#dirtyProducers = [];
    for (const producer of producers) producer.isDirty = false;
    return producers;
  }

  /** How long ids that the application chose are remembered. */
  abstract readonly dedupWindowMs: number;

  /** A producer that was idle for less than this is not forgotten, however many there are. */
  abstract readonly producerIdleMinMs: number;

  /** Where the store may have space to give back once blocks were deleted. */
  abstract drainedRanges(): KeyRange[];
}
