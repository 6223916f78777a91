import type { ReceiptRun } from "holdfast-client/protocol";
import type { AppendRequest } from "../../packages/server/src/engine.js";
import { failureOf } from "./failure.js";
import type { Publish } from "./history.js";
import { digestOf, type Letter, packLetters, TTLS_MS } from "./messages.js";
import { type Channel, newChannel } from "./network.js";
import { Producer } from "./producer.js";
import type { World } from "./world.js";

/** Messages for one queue, as they travel. */
export interface Parcel {
  readonly queue: string;
  readonly letters: readonly Letter[];
  readonly numbered?: { readonly producer: Producer; readonly firstNumber: number; readonly oldestOpen: number };
}

/** How one message of a request ended; undefined when nobody knows. */
export type Fate = { readonly sequence: number; readonly duplicate: boolean } | { readonly code: string; readonly retryable: boolean };

/** Ids that applications chose, remembered to be used again. */
const KNOWN_MAX = 40;

/** One of so many messages of a queue without order has a priority. */
const URGENT_EVERY = 4;

/** Those who publish. */
export class Publishers {
  readonly #world: World;
  readonly #producers: Producer[] = [];
  /** Letters with chosen ids, which may be sent again. */
  readonly known: Letter[] = [];
  #letters = 0;
  #batches = 0;

  constructor(world: World) {
    this.#world = world;
    for (const { name } of world.origins)
      for (let count = world.random.between(1, 2); count > 0; count--) this.#producers.push(this.#newProducer(name));
  }

  get producers(): readonly Producer[] {
    return this.#producers;
  }

  #newProducer(queue: string): Producer {
    const id = `p${++this.#letters}`;
    const channel = this.#world.random.chance(0.5) ? newChannel(id) : undefined;
    return new Producer(id, queue, channel);
  }

  /** Another application takes the place of this one, which leaves what it does not know open. */
  replace(producer: Producer): void {
    this.#producers[this.#producers.indexOf(producer)] = this.#newProducer(producer.queue);
  }

  /** A new message; its id is of the producer, chosen, or made for it alone. */
  write(queue: string, id?: { readonly id: string; readonly chosenId: boolean }): Letter {
    const { random } = this.#world;
    const number = ++this.#letters;
    const text = `m${number}`;
    const origin = this.#world.origins.find(({ name }) => name === queue);
    const unordered = origin?.settings.ordering === "none";
    const bodyBytes = random.chance(0.02) ? random.below(40_000) : text.length + random.below(40);
    return {
      queue,
      ...(id ?? { id: `plain-${number}`, chosenId: false }),
      text,
      bodyBytes: Math.max(bodyBytes, text.length),
      ...(unordered && number % URGENT_EVERY === 0 ? { priority: 1 + (number % 9) } : {}),
      ...(origin?.replies === undefined ? {} : { replyTo: origin.replies }),
      ...(random.chance(0.2) ? { event: random.pick(["made", "paid"]) } : {}),
      ...(random.chance(0.9) ? { key: random.pick(["a", "b", "c"]) } : {}),
      ...(random.chance(0.15) ? { ttlMs: random.pick(TTLS_MS) } : {}),
    };
  }

  remember(letter: Letter): void {
    if (this.known.length < KNOWN_MAX) this.known.push(letter);
    else this.known[this.#world.random.below(KNOWN_MAX)] = letter;
  }

  /** Sends a request, as one or more copies. */
  send(parcels: readonly Parcel[], atomic: boolean): void {
    const { network } = this.#world;
    const channel = parcels.length === 1 ? parcels[0]?.numbered?.producer.channel : undefined;
    // A message without an id gets one where it arrives, so that a second copy of it is another message.
    const repeatable = parcels.every(({ numbered, letters }) => numbered !== undefined || letters.every(({ chosenId }) => chosenId));
    const copies = repeatable && channel === undefined ? network.copies() : 1;
    for (let copy = 0; copy < copies; copy++) {
      const batch = atomic ? ++this.#batches : undefined;
      const calls = parcels.map((parcel) => parcel.letters.map((letter, index) => this.#invoke(parcel, letter, index, batch, channel)));
      network.send(() => this.#world.spawn(this.#append(parcels, calls, atomic)), channel);
    }
  }

  #invoke({ numbered, queue }: Parcel, letter: Letter, index: number, batch: number | undefined, channel: Channel | undefined): number {
    const { id, event, key, delayMs, ttlMs } = letter;
    const call = this.#world.nextCall();
    const publish: Omit<Publish, "index" | "at"> = {
      type: "publish",
      call,
      queue,
      id,
      ...(numbered === undefined ? {} : { producer: { id: numbered.producer.id, number: numbered.firstNumber + index } }),
      ...(channel === undefined ? {} : { channel: channel.name }),
      ...(batch === undefined ? {} : { batch }),
      body: digestOf(letter),
      ...(event === undefined ? {} : { event }),
      ...(key === undefined ? {} : { key }),
      ...(delayMs === undefined ? {} : { delayMs }),
      ...(ttlMs === undefined ? {} : { ttlMs }),
    };
    this.#world.record(publish);
    return call;
  }

  async #append(parcels: readonly Parcel[], calls: readonly (readonly number[])[], atomic: boolean): Promise<void> {
    const { engine } = this.#world.server;
    if (engine === undefined) return;
    let fates: readonly Fate[][];
    try {
      const runs = await engine.append(
        parcels.map((parcel) => this.#requestOf(parcel)),
        atomic,
      );
      fates = runs.map(fatesOf);
    } catch (error) {
      const code = failureOf(error);
      if (code === undefined) return;
      const retryable = (error as { readonly retryable?: boolean }).retryable === true;
      fates = parcels.map(({ letters }) => letters.map(() => ({ code, retryable })));
    }
    const channel = parcels.length === 1 ? parcels[0]?.numbered?.producer.channel : undefined;
    this.#world.network.answer(() => {
      for (const [at, parcel] of parcels.entries()) this.#answer(parcel, calls[at] ?? [], fates[at] ?? []);
    }, channel);
  }

  #requestOf({ queue, letters, numbered }: Parcel): AppendRequest {
    const request = { ...this.#world.address(queue), count: letters.length, records: packLetters(letters) };
    if (numbered === undefined) return request;
    const { producer, firstNumber, oldestOpen } = numbered;
    return { ...request, producer: { id: producer.id, firstNumber, oldestOpen } };
  }

  #answer({ queue, letters, numbered }: Parcel, calls: readonly number[], fates: readonly Fate[]): void {
    for (const [index, call] of calls.entries()) {
      const fate = fates[index];
      const letter = letters[index];
      // Past a refusal for now the engine says nothing more of a producer's numbers.
      if (fate === undefined || letter === undefined) continue;
      if ("code" in fate) {
        this.#world.record({ type: "publish-done", call, outcome: "fail", code: fate.code });
        if (!fate.retryable) numbered?.producer.close(numbered.firstNumber + index);
      } else {
        this.#world.record({ type: "publish-done", call, outcome: "ok", id: letter.id, ...fate });
        this.#world.know(queue, fate.sequence);
        numbered?.producer.close(numbered.firstNumber + index);
      }
    }
  }
}

export const fatesOf = (runs: readonly ReceiptRun[]): Fate[] =>
  runs.flatMap(({ count, sequence, duplicate, error }) =>
    Array.from({ length: count }, (_, index) =>
      error === undefined ? { sequence: sequence + index, duplicate } : { code: error.code, retryable: error.retryable },
    ),
  );
