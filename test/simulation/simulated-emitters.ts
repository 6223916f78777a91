import { failureOf } from "./failure.js";
import { type Content, digestOf, packLetters, TTLS_MS } from "./messages.js";
import { newChannel } from "./network.js";
import { Producer } from "./producer.js";
import type { Emit, Target } from "./room-history.js";
import { type Fate, fatesOf } from "./simulated-publishers.js";
import { chooseExcept, chooseTargets } from "./simulated-rooms.js";
import type { World } from "./world.js";

/** Where messages go, and who gets nothing of them. */
export interface Address {
  readonly to: readonly Target[];
  readonly except: readonly Target[];
}

/** A message for rooms and users, kept so that it can be sent again. */
export interface RoomLetter extends Content, Address {}

/** One application that numbers what it emits, always to the same rooms. */
export interface Emitter extends Address {
  readonly producer: Producer<RoomLetter>;
}

/** Messages with one address, as they travel. */
export interface RoomParcel extends Address {
  readonly letters: readonly RoomLetter[];
  readonly numbered?: { readonly producer: Producer<RoomLetter>; readonly firstNumber: number; readonly oldestOpen: number };
}

const KNOWN_MAX = 40;

/** Those who emit. */
export class Emitters {
  readonly #world: World;
  readonly all: readonly Emitter[];
  /** Letters with chosen ids, which may be sent again. */
  readonly known: RoomLetter[] = [];
  #letters = 0;

  constructor(world: World) {
    this.#world = world;
    const { random, rooms } = world;
    this.all = rooms.map(({ name }, index) => {
      const channel = random.chance(0.5) ? newChannel(`emitter-${name}`) : undefined;
      const producer = new Producer<RoomLetter>(`e${index}`, name, channel);
      return { to: chooseTargets(rooms, random), except: chooseExcept(rooms, random), producer };
    });
  }

  chooseAddress(): Address {
    const { rooms, random } = this.#world;
    return { to: chooseTargets(rooms, random), except: chooseExcept(rooms, random) };
  }

  /** A new message; its id is of the producer, chosen, or made for it alone. */
  write({ to, except }: Address, id?: { readonly id: string; readonly chosenId: boolean }): RoomLetter {
    const { random } = this.#world;
    const text = `r${++this.#letters}`;
    const bodyBytes = random.chance(0.02) ? random.below(40_000) : text.length + random.below(40);
    return {
      to,
      except,
      ...(id ?? { id: `emitted-${this.#letters}`, chosenId: false }),
      text,
      bodyBytes: Math.max(bodyBytes, text.length),
      event: random.pick(["made", "paid"]),
      ...(random.chance(0.8) ? { key: random.pick(["a", "b", "c"]) } : {}),
      ...(random.chance(0.1) ? { ttlMs: random.pick(TTLS_MS) } : {}),
    };
  }

  /** A message whose id the application chose; it may come again. */
  writeChosen(): RoomLetter {
    const letter = this.write(this.chooseAddress());
    const chosen = { ...letter, id: `chosen-${letter.text}`, chosenId: true };
    if (this.known.length < KNOWN_MAX) this.known.push(chosen);
    else this.known[this.#world.random.below(KNOWN_MAX)] = chosen;
    return chosen;
  }

  /** Sends a request, as one or more copies. */
  send(parcel: RoomParcel): void {
    const { network } = this.#world;
    const { letters, numbered } = parcel;
    const channel = numbered?.producer.channel;
    const repeatable = numbered !== undefined || letters.every(({ chosenId }) => chosenId);
    const copies = repeatable && channel === undefined ? network.copies() : 1;
    for (let copy = 0; copy < copies; copy++) {
      const calls = letters.map((letter, index) => this.#invoke(parcel, letter, index));
      network.sendInLife(() => this.#world.spawn(this.#emit(parcel, calls)), channel);
    }
  }

  #invoke({ to, except, numbered }: RoomParcel, letter: RoomLetter, index: number): number {
    const { id, event, key, ttlMs } = letter;
    const call = this.#world.nextCall();
    const emit: Omit<Emit, "index" | "at"> = {
      type: "emit",
      call,
      to,
      except,
      id,
      ...(numbered === undefined ? {} : { producer: { id: numbered.producer.id, number: numbered.firstNumber + index } }),
      body: digestOf(letter),
      ...(event === undefined ? {} : { event }),
      ...(key === undefined ? {} : { key }),
      ...(ttlMs === undefined ? {} : { ttlMs }),
    };
    this.#world.record(emit);
    return call;
  }

  async #emit(parcel: RoomParcel, calls: readonly number[]): Promise<void> {
    const { engine } = this.#world.server;
    if (engine === undefined) return;
    const { to, except, letters, numbered } = parcel;
    const request = { namespace: "/", to, except, count: letters.length, records: packLetters(letters) };
    const producer = numbered && { id: numbered.producer.id, firstNumber: numbered.firstNumber, oldestOpen: numbered.oldestOpen };
    let fates: readonly (readonly Fate[])[];
    try {
      fates = (await engine.emit(producer === undefined ? request : { ...request, producer })).map(fatesOf);
    } catch (error) {
      const code = failureOf(error);
      if (code === undefined) return;
      const retryable = (error as { readonly retryable?: boolean }).retryable === true;
      fates = to.map(() => letters.map(() => ({ code, retryable })));
    }
    this.#world.network.answer(() => this.#answer(parcel, calls, fates), numbered?.producer.channel);
  }

  #answer({ to, numbered }: RoomParcel, calls: readonly number[], fates: readonly (readonly Fate[])[]): void {
    for (const [index, call] of calls.entries()) {
      const receipts = fates.flatMap((of) => of[index] ?? []);
      const [first] = receipts;
      // Past a refusal for now the engine says nothing more of a producer's numbers.
      if (first === undefined) continue;
      const stored = receipts.flatMap((fate) => ("code" in fate ? [] : [fate]));
      if (stored.length !== to.length && stored.length > 0) {
        // Each room forgets by itself what was confirmed long ago: a copy that comes late is known in some of them.
        if (numbered === undefined || stored.some(({ duplicate }) => !duplicate))
          throw new Error(`an emit to ${to.length} rooms has ${stored.length} receipts and refusals`);
        continue;
      }
      if ("code" in first) {
        this.#world.record({ type: "emit-done", call, outcome: "fail", code: first.code });
        if (!first.retryable) numbered?.producer.close(numbered.firstNumber + index);
        continue;
      }
      this.#world.record({ type: "emit-done", call, outcome: "ok", receipts: stored });
      numbered?.producer.close(numbered.firstNumber + index);
    }
  }
}
