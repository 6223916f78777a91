import { HoldfastError } from "holdfast-client/protocol";
import { describe, expect, it } from "vitest";
import { silentLog } from "./log.js";
import type { RoomItem } from "./room-engine.js";
import type { RoomSession, RoomSink } from "./room-session.js";
import { RoomSessions } from "./room-sessions.js";

/** Attaches when it is told to. */
class Engine {
  readonly attaching: { resolve(number: number): void; reject(error: Error): void }[] = [];
  readonly detached: number[] = [];

  attachDevice(): Promise<number> {
    return new Promise((resolve, reject) => this.attaching.push({ resolve, reject }));
  }

  async detachDevice(session: number): Promise<void> {
    this.detached.push(session);
  }

  async join(session: number): Promise<number> {
    return session * 10;
  }

  pull(): readonly RoomItem[] {
    return [];
  }

  isBehind(): boolean {
    return false;
  }

  settleRoom(): number {
    return 1;
  }

  settleGap(): void {}
}

class Sink implements RoomSink {
  readonly messageEffort = 1;
  readonly ends: boolean[] = [];
  readonly refusals: string[] = [];

  hasRoom(): boolean {
    return true;
  }

  whenRoom(): void {}

  deliver(): void {}

  refused(_session: RoomSession, { code }: HoldfastError): void {
    this.refusals.push(code);
  }

  ended(_session: RoomSession, replaced: boolean): void {
    this.ends.push(replaced);
  }
}

const address = { namespace: "/", user: "bob", device: "phone" };

function open(): { engine: Engine; sessions: RoomSessions; sink: Sink; session: RoomSession } {
  const engine = new Engine();
  const sessions = new RoomSessions(engine, silentLog);
  const sink = new Sink();
  return { engine, sessions, sink, session: sessions.attach(address, sink) };
}

describe("RoomSessions", () => {
  it("joins once it is attached", async () => {
    const { engine, sessions, session } = open();
    const entered = session.entering;
    engine.attaching[0]?.resolve(7);
    await entered;
    expect(session.entering).toBeUndefined();
    expect(await sessions.join(session, "kitchen", "new")).toBe(70);
  });

  it("leaves what was attached after its socket had gone", async () => {
    const { engine, sessions, session } = open();
    sessions.detach(session);
    engine.attaching[0]?.resolve(7);
    await session.entering;
    expect(engine.detached).toEqual([7]);
    expect(session.number).toBeUndefined();
    await expect(sessions.join(session, "kitchen", "new")).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("knows that it was replaced, also when it hears that before its own number", async () => {
    const { engine, sessions, session, sink } = open();
    sessions.onEnded(7, "replaced");
    engine.attaching[0]?.resolve(7);
    await session.entering;
    expect([session.over, sink.ends]).toEqual([true, [true]]);
    const other = sessions.attach(address, sink);
    engine.attaching[1]?.resolve(8);
    await other.entering;
    sessions.onEnded(8, "replaced");
    expect([other.over, other.number, sink.ends]).toEqual([true, undefined, [true, true]]);
  });

  it("attaches again in the engine's next life, and settles nothing meanwhile", async () => {
    const { engine, sessions, session, sink } = open();
    engine.attaching[0]?.resolve(7);
    await session.entering;
    sessions.onState(new Error("disk"));
    sessions.onEnded(7, "engine-restarted");
    expect([session.number, sink.ends, engine.attaching.length]).toEqual([undefined, [false], 1]);
    expect(sessions.settle(session, 1, [])).toBe(0);
    await expect(sessions.join(session, "kitchen", "new")).rejects.toMatchObject({ code: "ENGINE_UNAVAILABLE" });
    sessions.onState(undefined);
    engine.attaching[1]?.resolve(3);
    await session.entering;
    expect(session.number).toBe(3);
  });

  it("waits for the engine's next life when it could not be attached in this one, and tells any other refusal to who joins", async () => {
    const { engine, sessions, session } = open();
    sessions.onState(new Error("disk"));
    engine.attaching[0]?.reject(new HoldfastError("ENGINE_UNAVAILABLE", "stopped"));
    await session.entering;
    sessions.onState(undefined);
    engine.attaching[1]?.resolve(3);
    await session.entering;
    expect(session.number).toBe(3);
    const other = sessions.attach(address, new Sink());
    engine.attaching[2]?.reject(new HoldfastError("TOO_LARGE", "too many devices"));
    await other.entering;
    sessions.retry(other);
    engine.attaching[3]?.reject(new HoldfastError("TOO_LARGE", "too many devices"));
    await other.entering;
    await expect(sessions.join(other, "kitchen", "new")).rejects.toMatchObject({ code: "TOO_LARGE" });
    sessions.retry(other);
    sessions.retry(other);
    engine.attaching[4]?.resolve(5);
    await other.entering;
    expect(await sessions.join(other, "kitchen", "new")).toBe(50);
    sessions.retry(other);
    expect(engine.attaching).toHaveLength(5);
  });

  it("tells a refusal once, also when the engine was away before", async () => {
    const { engine, sessions, session, sink } = open();
    sessions.onState(new Error("disk"));
    engine.attaching[0]?.reject(new HoldfastError("ENGINE_UNAVAILABLE", "stopped"));
    await session.entering;
    expect(sink.refusals).toEqual([]);
    sessions.onState(undefined);
    engine.attaching[1]?.reject(new HoldfastError("TOO_LARGE", "too many devices"));
    await session.entering;
    sessions.retry(session);
    engine.attaching[2]?.reject(new HoldfastError("TOO_LARGE", "too many devices"));
    await session.entering;
    expect(sink.refusals).toEqual(["TOO_LARGE"]);
  });
});
