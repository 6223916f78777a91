import type { Log } from "./log.js";
import type { RoomEngine } from "./room-engine.js";
import type { RoomSession } from "./room-session.js";

/** Bytes that one pull brings: at most this, and what may wait already, lies in a socket. */
const PULL_BYTES_MAX = 65_536;
/** Sessions served before others in this process have their turn of the event loop. */
const SESSIONS_A_TURN = 1_000;

/**
 * Pulls messages from the engine for devices whose sinks take them.
 *
 * A session is asked for while it may have something and its sink has room, in turn with the others, a stretch at a time.
 * So live messages and what a device missed take the same way, and a slow one keeps nothing but its cursor.
 */
export class RoomDispatcher {
  readonly #engine: Pick<RoomEngine, "pull">;
  readonly #log: Log;
  /** Sessions to ask for next, in turn. Those that get the same messages follow each other, so that one encoding serves all. */
  readonly #ready = new Set<RoomSession>();
  #later: NodeJS.Immediate | undefined;
  #isRunning = false;
  #stopped = false;

  constructor(engine: Pick<RoomEngine, "pull">, log: Log) {
    this.#engine = engine;
    this.#log = log;
  }

  /** The sessions may have something, or room, that they did not have. */
  wake(sessions: Iterable<RoomSession>): void {
    for (const session of sessions) this.#ready.add(session);
    if (this.#later === undefined) this.#run();
  }

  /** Pulls for it no more. */
  remove(session: RoomSession): void {
    this.#ready.delete(session);
  }

  /** Pulls for nobody any more. */
  stop(): void {
    this.#stopped = true;
    this.#ready.clear();
    clearImmediate(this.#later);
  }

  /** Not while it runs: what a sink does may wake others, whose turn comes. */
  #run(): void {
    if (this.#isRunning || this.#stopped) return;
    this.#isRunning = true;
    let left = SESSIONS_A_TURN;
    for (const session of this.#ready) {
      this.#ready.delete(session);
      this.#serve(session);
      if (--left === 0) break;
    }
    this.#isRunning = false;
    if (this.#ready.size === 0) return;
    this.#later = setImmediate(() => {
      this.#later = undefined;
      this.#run();
    });
  }

  #serve(session: RoomSession): void {
    const { number, sink } = session;
    if (number === undefined) return;
    if (!sink.hasRoom()) {
      sink.whenRoom(() => this.wake([session]));
      return;
    }
    const items = this.#engine.pull(number, PULL_BYTES_MAX);
    if (items.length === 0) return;
    try {
      sink.deliver(session, items);
    } catch (error) {
      const { user, device } = session.address;
      this.#log.error(`messages for device ${device} of ${user} were not handed over, they will come again: ${String(error)}`);
    }
    this.#ready.add(session);
  }
}
