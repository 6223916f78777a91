import type { StoredEngine } from "../../packages/server/src/engines/stored-engine.js";
import type { RoomTarget } from "../../packages/server/src/room-engine.js";
import { engineName } from "./engine-name.js";
import { failureOf } from "./failure.js";
import { type Content, digestOf, packLetters } from "./messages.js";
import type { MemberName, Target } from "./room-history.js";
import { changeMember } from "./simulated-members.js";
import { fatesOf } from "./simulated-publishers.js";
import { chooseExcept, USERS } from "./simulated-rooms.js";
import { SoleOwner } from "./sole-owner.js";
import type { World } from "./world.js";

const KIND = "booth";

/** A room that one application makes, fills, removes and makes again. Its members are those who are in other rooms. */
export class Booth extends SoleOwner {
  /** Rooms of the engine, by their names and numbers there. */
  readonly #rooms = new Map<string, string>();
  #letters = 0;

  constructor(world: World) {
    super(world, KIND);
  }

  protected chooseStep(room: string | undefined): readonly [(engine: StoredEngine) => Promise<void>, breaks: boolean] {
    const { random, fed } = this.world;
    if (room === undefined) return [(engine) => this.#make(engine), true];
    if (random.chance(0.25)) {
      const member = fed !== undefined && random.chance(0.2) ? { queue: fed.name } : { user: random.pick(USERS) };
      return [() => this.#changeMember(random.chance(0.8) ? "member-add" : "member-remove", room, member), false];
    }
    if (random.chance(0.75)) return [(engine) => this.#emit(engine, room), false];
    return [(engine) => this.#remove(engine, room), true];
  }

  /** What the history calls a room that something came from: what was removed and made again is another one. */
  targetOf({ number, target }: { readonly number: number; readonly target: RoomTarget }): Target {
    if (target.room === undefined || !target.room.startsWith(`${KIND}-`)) return target;
    const key = `${target.room}/${number}`;
    // It was made last, or something would have come of it before.
    const known = this.#rooms.get(key) ?? this.lastOf(target.room);
    this.#rooms.set(key, known);
    return { room: known };
  }

  async #make(engine: StoredEngine): Promise<void> {
    const { random } = this.world;
    const room = this.nextName();
    const maxMessages = random.pick([0, 0, 3]);
    const poison = "dead-letter";
    this.world.record({ type: "define-room", room, options: { maxAgeMs: 0, maxMessages, maxBytes: 0, poison } });
    try {
      await engine.defineRoom({ namespace: "/", room: engineName(room) }, { retention: { maxMessages }, poison });
      this.owned = room;
    } catch (error) {
      if (failureOf(error) === undefined) this.abandon();
    }
  }

  #changeMember(type: "member-add" | "member-remove", room: string, member: MemberName): Promise<void> {
    const call = this.world.nextCall();
    this.world.record({ type, call, room, member });
    return changeMember(this.world, type, call, room, member);
  }

  async #emit(engine: StoredEngine, room: string): Promise<void> {
    const { random, rooms } = this.world;
    const letters: Content[] = Array.from({ length: random.between(1, 3) }, () => {
      const text = `b${++this.#letters}`;
      return { id: `${KIND}-${text}`, chosenId: random.chance(0.5), text, bodyBytes: 20, event: "made" };
    });
    const except = chooseExcept(rooms, random);
    const calls = letters.map((letter) => {
      const call = this.world.nextCall();
      this.world.record({ type: "emit", call, to: [{ room }], except, id: letter.id, body: digestOf(letter), event: "made" });
      return call;
    });
    try {
      const to = [{ room: engineName(room) }];
      const [runs = []] = await engine.emit({ namespace: "/", to, except, count: letters.length, records: packLetters(letters) });
      for (const [index, fate] of fatesOf(runs).entries()) {
        const call = calls[index] ?? 0;
        if ("code" in fate) this.world.record({ type: "emit-done", call, outcome: "fail", code: fate.code });
        else this.world.record({ type: "emit-done", call, outcome: "ok", receipts: [fate] });
      }
    } catch (error) {
      const code = failureOf(error);
      if (code !== undefined) for (const call of calls) this.world.record({ type: "emit-done", call, outcome: "fail", code });
    }
  }

  async #remove(engine: StoredEngine, room: string): Promise<void> {
    const call = this.world.nextCall();
    this.world.record({ type: "room-remove", call, room });
    try {
      await engine.removeRoom({ namespace: "/", room: engineName(room) });
      this.owned = undefined;
      this.world.record({ type: "room-remove-done", call, outcome: "ok" });
    } catch (error) {
      const code = failureOf(error);
      if (code === undefined) this.abandon();
      else this.world.record({ type: "room-remove-done", call, outcome: "fail", code });
    }
  }
}
