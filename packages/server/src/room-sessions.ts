import { type ErrorCode, HoldfastError } from "holdfast-client/protocol";
import type { Log } from "./log.js";
import { RoomDispatcher } from "./room-dispatcher.js";
import type { DeviceAddress, JoinFrom, RoomEngine, RoomSettleRun } from "./room-engine.js";
import { RoomSession, type RoomSink } from "./room-session.js";

type SessionEngine = Pick<RoomEngine, "attachDevice" | "detachDevice" | "join" | "pull" | "isBehind" | "settleRoom" | "settleGap">;

/** All devices that are here. They live on when the engine begins a new life. */
export class RoomSessions {
  readonly #engine: SessionEngine;
  readonly #log: Log;
  readonly #dispatcher: RoomDispatcher;
  readonly #byNumber = new Map<number, RoomSession>();
  /** Sessions that wait for the engine's next life. */
  readonly #stranded = new Set<RoomSession>();
  #engineServes = true;
  #entering = 0;
  /** Sessions that the engine ended before it was known here that they began. */
  readonly #endedEarly = new Map<number, "replaced" | "engine-restarted">();

  constructor(engine: SessionEngine, log: Log) {
    this.#engine = engine;
    this.#log = log;
    this.#dispatcher = new RoomDispatcher(engine, log);
  }

  /** Begins a session. It is attached as soon as the engine takes it; until then nothing comes. */
  attach(address: DeviceAddress, sink: RoomSink): RoomSession {
    const session = new RoomSession(address, sink);
    this.#begin(session);
    return session;
  }

  /** The session's socket is gone, or is another device from now on. */
  detach(session: RoomSession): void {
    const { number } = session;
    if (session.over) return;
    this.#end(session, false);
    if (number !== undefined) this.#leave(session, number);
  }

  /** Tries again to attach a session that was refused: why it was may be over, as rooms that the user had too many of. */
  retry(session: RoomSession): void {
    const waits = session.number !== undefined || session.entering !== undefined || this.#stranded.has(session);
    if (!waits && !session.over) this.#begin(session);
  }

  /** As `RoomEngine.join`, of a session that is not being attached; fails with why it is not attached when it is not. */
  async join(session: RoomSession, room: string, from: JoinFrom): Promise<number> {
    if (session.over) throw new HoldfastError("NOT_FOUND", `device ${session.address.device} is attached by another connection meanwhile`);
    if (session.number === undefined) {
      throw session.error ?? new HoldfastError("ENGINE_UNAVAILABLE", "the engine does not serve, the device waits for it");
    }
    return this.#engine.join(session.number, room, from);
  }

  /** As `RoomEngine.settleRoom`. */
  settle(session: RoomSession, room: number, runs: readonly RoomSettleRun[]): number {
    return session.number === undefined ? 0 : this.#engine.settleRoom(session.number, room, runs);
  }

  /** As `RoomEngine.settleGap`. */
  settleGap(session: RoomSession, room: number, from: number, to: number): void {
    if (session.number !== undefined) this.#engine.settleGap(session.number, room, from, to);
  }

  onWork(numbers: readonly number[]): void {
    this.#dispatcher.wake(numbers.flatMap((number) => this.#byNumber.get(number) ?? []));
  }

  onEnded(number: number, reason: "replaced" | "engine-restarted"): void {
    const session = this.#byNumber.get(number);
    if (session === undefined) {
      if (this.#entering > 0) this.#endedEarly.set(number, reason);
      return;
    }
    if (reason === "replaced") this.#end(session, true);
    else this.#strand(session);
  }

  onState(error: Error | undefined): void {
    this.#engineServes = error === undefined;
    if (this.#engineServes) for (const session of [...this.#stranded]) this.#begin(session);
  }

  /** Hands out nothing any more. */
  stop(): void {
    this.#dispatcher.stop();
    for (const session of [...this.#byNumber.values()]) session.sink.ended(session, false);
  }

  #begin(session: RoomSession): void {
    const entering = this.#enter(session).then(() => {
      if (session.entering === entering) session.entering = undefined;
    });
    session.entering = entering;
  }

  async #enter(session: RoomSession): Promise<void> {
    this.#stranded.delete(session);
    this.#entering++;
    try {
      this.#entered(session, await this.#engine.attachDevice(session.address));
    } catch (error) {
      this.#notEntered(session, error);
    }
    if (--this.#entering === 0) this.#endedEarly.clear();
  }

  #entered(session: RoomSession, number: number): void {
    const ended = this.#endedEarly.get(number);
    if (session.over) {
      this.#leave(session, number);
    } else if (ended === "replaced") {
      this.#end(session, true);
    } else if (ended === "engine-restarted") {
      this.#strand(session);
    } else {
      session.number = number;
      session.error = undefined;
      this.#byNumber.set(number, session);
      this.#dispatcher.wake([session]);
    }
  }

  #notEntered(session: RoomSession, error: unknown): void {
    if (session.over) return;
    const before = codeOf(session.error);
    session.error = error;
    const code = codeOf(error);
    if (code === "ENGINE_UNAVAILABLE" || code === "UNKNOWN") {
      this.#strand(session);
      return;
    }
    this.#log.warn(`device ${session.address.device} of ${session.address.user} was not attached: ${String(error)}`);
    if (error instanceof HoldfastError && code !== before) session.sink.refused(session, error);
  }

  #strand(session: RoomSession): void {
    this.#release(session, false);
    this.#stranded.add(session);
    if (this.#engineServes && session.error === undefined) this.#begin(session);
  }

  #end(session: RoomSession, replaced: boolean): void {
    session.over = true;
    this.#stranded.delete(session);
    this.#release(session, replaced);
  }

  #release(session: RoomSession, replaced: boolean): void {
    if (session.number !== undefined) this.#byNumber.delete(session.number);
    session.number = undefined;
    this.#dispatcher.remove(session);
    session.sink.ended(session, replaced);
  }

  #leave({ address }: RoomSession, number: number): void {
    this.#engine.detachDevice(number).catch((error: unknown) => {
      this.#log.warn(`device ${address.device} of ${address.user} was not detached cleanly: ${String(error)}`);
    });
  }
}

const codeOf = (error: unknown): ErrorCode | undefined => (error instanceof HoldfastError ? error.code : undefined);
