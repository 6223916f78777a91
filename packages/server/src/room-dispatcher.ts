import type { Log } from "./log.js";
import type { RoomEngine, RoomItem } from "./room-engine.js";
import type { RoomSession } from "./room-session.js";
import { effortOf } from "./turn-shares.js";

/** Bytes that one pull brings: at most this, and what may wait already, lies in a socket. */
const PULL_BYTES_MAX = 65_536;
/** Live sessions that get something before others in this process have their turn of the event loop. */
const SESSIONS_A_TURN = 1_000;
/** What all that catch up get in a turn: about a millisecond's work. */
const EFFORT_A_TURN = 2_000;
/** Of each pull, beside its messages. */
const HAND_OVER_EFFORT = 32;

type DispatcherEngine = Pick<RoomEngine, "pull" | "isBehind">;

/**
 * Pulls messages from the engine for devices whose sinks take them.
 *
 * A session is asked for while it may have something and its sink has room, in turn with the others, a stretch at a time.
 * So live messages and what a device missed take the same way, and a slow one keeps nothing but its cursor. Those that are
 * behind have turns of their own, so that however many of them catch up, the others get what is new at once.
 *
 * A turn is one of the event loop: what is served in it, on however many occasions, counts together.
 */
export class RoomDispatcher {
  readonly #engine: DispatcherEngine;
  readonly #log: Log;
  /** Sessions to ask for next, in turn. Those that get the same messages follow each other, so that one encoding serves all. */
  readonly #live = new Set<RoomSession>();
  readonly #behind = new Set<RoomSession>();
  /** The next turn, when something was served in this one. */
  #next: NodeJS.Immediate | undefined;
  #liveLeft = SESSIONS_A_TURN;
  #isRunning = false;
  #stopped = false;

  constructor(engine: DispatcherEngine, log: Log) {
    this.#engine = engine;
    this.#log = log;
  }

  /** The sessions may have something, or room, that they did not have. */
  wake(sessions: Iterable<RoomSession>): void {
    for (const session of sessions) (session.isBehind ? this.#behind : this.#live).add(session);
    this.#run();
  }

  /** Pulls for it no more. */
  remove(session: RoomSession): void {
    this.#live.delete(session);
    this.#behind.delete(session);
  }

  /** Pulls for nobody any more. */
  stop(): void {
    this.#stopped = true;
    this.#live.clear();
    this.#behind.clear();
    clearImmediate(this.#next);
  }

  /** Not while it runs: what a sink does may wake others, whose turn comes. */
  #run(): void {
    if (this.#isRunning || this.#stopped || this.#live.size + this.#behind.size === 0) return;
    this.#isRunning = true;
    this.#serveLive();
    // Those that are behind are served as a turn begins.
    if (this.#next === undefined) this.#serveBehind();
    this.#isRunning = false;
    this.#next ??= setImmediate(() => {
      this.#next = undefined;
      this.#liveLeft = SESSIONS_A_TURN;
      this.#run();
    });
  }

  #serveLive(): void {
    for (const session of this.#live) {
      if (this.#liveLeft === 0) return;
      this.#live.delete(session);
      if (this.#serve(session) > 0) this.#liveLeft--;
    }
  }

  #serveBehind(): void {
    let left = EFFORT_A_TURN;
    for (const session of this.#behind) {
      if (left <= 0) return;
      this.#behind.delete(session);
      left -= this.#serve(session);
    }
  }

  /** Returns what effort it was. */
  #serve(session: RoomSession): number {
    const { number, sink } = session;
    if (number === undefined) return 0;
    if (!sink.hasRoom()) {
      sink.whenRoom(() => this.wake([session]));
      return 0;
    }
    const items = this.#engine.pull(number, PULL_BYTES_MAX);
    // It may be here again, or have to settle something first; it is as far behind as it was.
    if (items.length === 0) return 0;
    try {
      sink.deliver(session, items);
    } catch (error) {
      const { user, device } = session.address;
      this.#log.error(`messages for device ${device} of ${user} were not handed over, they will come again: ${String(error)}`);
    }
    session.isBehind = this.#engine.isBehind(number);
    (session.isBehind ? this.#behind : this.#live).add(session);
    return HAND_OVER_EFFORT + effortOfItems(items, sink.messageEffort);
  }
}

function effortOfItems(items: readonly RoomItem[], messageEffort: number): number {
  let effort = 0;
  for (const item of items) {
    if (item.kind === "gap") {
      effort += messageEffort;
    } else {
      const { offsets } = item.block;
      effort += effortOf(item.to - item.from, (offsets[item.to] ?? 0) - (offsets[item.from] ?? 0), messageEffort);
    }
  }
  return effort;
}
