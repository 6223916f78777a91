import type { StoredEngine } from "../../packages/server/src/engines/stored-engine.js";
import type { JoinFrom, RoomGap, RoomItem, RoomSlice } from "../../packages/server/src/room-engine.js";
import { failureOf } from "./failure.js";
import { readRecord } from "./messages.js";
import { type Channel, newChannel } from "./network.js";
import type { Target } from "./room-history.js";
import { DEVICES, USERS } from "./simulated-rooms.js";
import type { World } from "./world.js";

/** A message that a device has and did not settle. */
export interface OpenMessage {
  readonly room: number;
  readonly target: Target;
  readonly sequence: number;
}

/** One connection of a device. */
export interface SimulatedDevice {
  /** In the history. */
  readonly name: string;
  /** Of the engine, in its life. */
  readonly number: number;
  readonly user: string;
  readonly device: string;
  readonly bytesMax: number;
  /** It answers seldom, so that messages come to it again. */
  readonly slow: boolean;
  readonly channel: Channel;
  /** By room and sequence, in the order in which they came last. */
  readonly open: Map<string, OpenMessage>;
  gaps: RoomGap[];
  gone: boolean;
  /** Its socket takes nothing for a while. */
  full: boolean;
}

/** What a device does with messages. */
export interface RoomSettlement {
  readonly verb: "ack" | "nack";
  readonly delayMs?: number;
}

const OLD_MAX = 20;
const keyOf = ({ room, sequence }: OpenMessage): string => `${room}/${sequence}`;

/** Those who are in rooms: they take what comes, and settle when an operation says so. */
export class Devices {
  readonly #world: World;
  readonly #sessions = new Map<number, SimulatedDevice>();
  #names = 0;
  /** Sessions that are over, and what they had. */
  readonly old: { readonly device: SimulatedDevice; readonly message: OpenMessage }[] = [];
  /** They settle at once whatever comes. */
  healed = false;
  /** How much came to all of them. */
  came = 0;

  constructor(world: World) {
    this.#world = world;
  }

  get all(): SimulatedDevice[] {
    return [...this.#sessions.values()];
  }

  /** A life began: some come at once, others when an operation lets them. */
  arrive(): void {
    const { random, rooms } = this.#world;
    if (this.healed || rooms.length === 0) return;
    for (const user of USERS) for (const device of DEVICES) if (random.chance(0.5)) this.connect(user, device);
  }

  forgetAll(): void {
    for (const device of this.#sessions.values()) this.#leave(device);
  }

  #leave(device: SimulatedDevice): void {
    device.gone = true;
    this.#sessions.delete(device.number);
    for (const message of device.open.values()) {
      if (this.old.length < OLD_MAX) this.old.push({ device, message });
      else this.old[this.#world.random.below(OLD_MAX)] = { device, message };
    }
  }

  // --- here and away ---------------------------------------------------------------------------------------------

  connect(user: string, device: string): void {
    const { network } = this.#world;
    const call = this.#world.nextCall();
    const name = `${user}-${device}-${++this.#names}`;
    this.#world.record({ type: "session", call, session: name, user, device });
    network.sendInLife(() => this.#world.spawn(this.#connect(call, name, user, device)));
  }

  async #connect(call: number, name: string, user: string, device: string): Promise<void> {
    const { server, random } = this.#world;
    const { engine } = server;
    if (engine === undefined) return;
    let number: number;
    try {
      number = await engine.attachDevice({ namespace: "/", user, device });
    } catch (error) {
      const code = failureOf(error);
      if (code !== undefined) this.#world.record({ type: "session-done", call, outcome: "fail", code });
      return;
    }
    this.#world.record({ type: "session-done", call, outcome: "ok" });
    const session: SimulatedDevice = {
      name,
      number,
      user,
      device,
      bytesMax: random.chance(0.2) ? 100 : 65_536,
      slow: random.chance(0.25),
      channel: newChannel(name),
      open: new Map(),
      gaps: [],
      gone: false,
      full: false,
    };
    this.#sessions.set(number, session);
    this.pull(session);
  }

  /** Another connection of the device came. */
  ended(number: number, reason: "replaced" | "engine-restarted"): void {
    const session = this.#sessions.get(number);
    if (session === undefined || reason !== "replaced") return;
    this.#world.record({ type: "session-ended", session: session.name, reason });
    this.#leave(session);
  }

  disconnect(session: SimulatedDevice): void {
    const { engine } = this.#world.server;
    if (engine === undefined || session.gone) return;
    this.#leave(session);
    const gone = engine.detachDevice(session.number);
    this.#world.record({ type: "session-ended", session: session.name, reason: "left" });
    this.#world.spawn(gone);
  }

  /** The socket takes nothing for a while. */
  fill(session: SimulatedDevice, forUs: number): void {
    session.full = true;
    this.#world.time.in(forUs, () => {
      session.full = false;
      this.pull(session);
    });
  }

  join(session: SimulatedDevice, room: string, from: JoinFrom): void {
    const call = this.#world.nextCall();
    this.#world.record({ type: "join", call, session: session.name, room, from });
    this.#world.network.sendInLife(() => this.#world.spawn(this.#join(session, call, room, from)), session.channel);
  }

  async #join(session: SimulatedDevice, call: number, room: string, from: JoinFrom): Promise<void> {
    const { engine } = this.#world.server;
    if (engine === undefined) return;
    try {
      const sequence = await engine.join(session.number, room, from);
      this.#world.network.answer(() => this.#world.record({ type: "join-done", call, outcome: "ok", sequence }), session.channel);
    } catch (error) {
      const code = failureOf(error);
      if (code !== undefined) this.#world.record({ type: "join-done", call, outcome: "fail", code });
    }
  }

  // --- to the device ---------------------------------------------------------------------------------------------

  /** Sessions may have something: mostly they are asked at once, at times when the process comes to it. */
  hint(numbers: readonly number[]): void {
    const { random, time } = this.#world;
    for (const number of numbers) {
      const session = this.#sessions.get(number);
      if (session === undefined) continue;
      if (this.healed || random.chance(0.8)) this.pull(session);
      else time.in(random.below(5_000), () => this.pull(session));
    }
  }

  /** Takes what there is until nothing comes. */
  pull(session: SimulatedDevice): void {
    const { engine } = this.#world.server;
    if (engine === undefined || session.gone || session.full) return;
    for (
      let items = engine.pull(session.number, session.bytesMax);
      items.length > 0;
      items = engine.pull(session.number, session.bytesMax)
    ) {
      this.came += items.length;
      for (const item of items) this.#take(session, item);
      if (this.healed) this.#settleAll(engine, session);
    }
  }

  #take(session: SimulatedDevice, item: RoomItem): void {
    if (item.kind === "messages") {
      this.#hear(session, item);
      return;
    }
    const { kind, room, ...told } = item;
    this.#world.record({ type: kind, session: session.name, target: this.#world.booth.targetOf(room), ...told });
    session.gaps = [...session.gaps.filter((gap) => gap.room.number !== room.number || gap.to < item.from || gap.from > item.to), item];
  }

  #hear(session: SimulatedDevice, { block, from, to, redelivered }: RoomSlice): void {
    const { room, first, bytes, offsets, publishedAt } = block;
    const target = this.#world.booth.targetOf(room);
    for (let index = from; index < to; index++) {
      const { id, body, event, key } = readRecord(bytes, offsets[index] ?? 0, offsets[index + 1] ?? 0);
      const sequence = first + index;
      this.#world.record({
        type: "heard",
        session: session.name,
        target,
        sequence,
        id,
        body,
        ...(event === undefined ? {} : { event }),
        ...(key === undefined ? {} : { key }),
        publishedAt,
        redelivered,
      });
      const message = { room: room.number, target, sequence };
      session.open.delete(keyOf(message));
      session.open.set(keyOf(message), message);
    }
  }

  #settleAll(engine: StoredEngine, session: SimulatedDevice): void {
    const open = [...session.open.values()];
    session.open.clear();
    for (const message of open) this.#settleNow(engine, session, message, 1, { verb: "ack" });
    for (const gap of session.gaps.splice(0)) this.#settleGapNow(engine, session, gap);
  }

  // --- from the device -------------------------------------------------------------------------------------------

  /** Sends settlements of a session, which may be over; consecutive messages go together. */
  settle(session: SimulatedDevice, messages: readonly OpenMessage[], settlement: RoomSettlement): void {
    const { network } = this.#world;
    for (const message of messages) session.open.delete(keyOf(message));
    for (let copies = network.copies(); copies > 0; copies--) {
      for (const { message, count } of runsOf(messages)) {
        this.#world.operations++;
        network.sendInLife(() => {
          const { engine } = this.#world.server;
          if (engine !== undefined) this.#settleNow(engine, session, message, count, settlement);
        }, session.channel);
      }
    }
  }

  #settleNow(
    engine: StoredEngine,
    session: SimulatedDevice,
    { room, target, sequence }: OpenMessage,
    count: number,
    how: RoomSettlement,
  ): void {
    const changed = engine.settleRoom(session.number, room, [{ first: sequence, count, ...how }]);
    this.#world.record({ type: "settle-heard", session: session.name, target, first: sequence, count, ...how, changed });
  }

  settleGap(session: SimulatedDevice, gap: RoomGap): void {
    session.gaps = session.gaps.filter((one) => one !== gap);
    this.#world.network.sendInLife(() => {
      const { engine } = this.#world.server;
      if (engine !== undefined) this.#settleGapNow(engine, session, gap);
    }, session.channel);
  }

  #settleGapNow(engine: StoredEngine, session: SimulatedDevice, { room, from, to }: RoomGap): void {
    engine.settleGap(session.number, room.number, from, to);
    this.#world.record({ type: "settle-gap", session: session.name, target: this.#world.booth.targetOf(room), from, to });
  }
}

/** Messages that follow each other in their room, as one. */
function runsOf(messages: readonly OpenMessage[]): { readonly message: OpenMessage; count: number }[] {
  const runs: { readonly message: OpenMessage; count: number }[] = [];
  for (const message of messages) {
    const last = runs.at(-1);
    if (last !== undefined && last.message.room === message.room && last.message.sequence + last.count === message.sequence) last.count++;
    else runs.push({ message, count: 1 });
  }
  return runs;
}
