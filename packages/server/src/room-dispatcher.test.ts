import { describe, expect, it } from "vitest";
import { silentLog } from "./log.js";
import { RoomDispatcher } from "./room-dispatcher.js";
import type { RoomItem } from "./room-engine.js";
import { RoomSession, type RoomSink } from "./room-session.js";

/** Has a number of items for each session, of which a pull brings one, or messages, of which it brings a hundred. */
class Source {
  readonly left = new Map<number, number>();
  readonly hundreds = new Map<number, number>();
  readonly pulls: number[] = [];

  pull(session: number): readonly RoomItem[] {
    this.pulls.push(session);
    const hundreds = this.hundreds.get(session) ?? 0;
    if (hundreds > 0) {
      this.hundreds.set(session, hundreds - 1);
      return [hundred];
    }
    const left = this.left.get(session) ?? 0;
    if (left === 0) return [];
    this.left.set(session, left - 1);
    return [{ kind: "gap", room: { number: 1, target: { room: "kitchen" } }, from: left, to: left, reason: "retention" }];
  }

  isBehind(session: number): boolean {
    return (this.hundreds.get(session) ?? 0) > 0;
  }
}

const hundred: RoomItem = {
  kind: "messages",
  block: {
    room: { number: 1, target: { room: "kitchen" } },
    first: 1,
    publishedAt: 0,
    bytes: new Uint8Array(),
    offsets: new Uint32Array(101),
  },
  from: 0,
  to: 100,
  redelivered: false,
};

class Sink implements RoomSink {
  messageEffort = 1;
  readonly delivered: number[] = [];
  full = false;
  wake: (() => void) | undefined;
  fails = false;

  hasRoom(): boolean {
    return !this.full;
  }

  whenRoom(wake: () => void): void {
    this.wake = wake;
  }

  deliver(_session: RoomSession, items: readonly RoomItem[]): void {
    if (this.fails) throw new Error("broken");
    for (const item of items) if (item.kind === "gap") this.delivered.push(item.from);
  }

  refused(): void {}

  ended(): void {}
}

function session(number: number): { session: RoomSession; sink: Sink } {
  const sink = new Sink();
  const made = new RoomSession({ namespace: "/", user: "bob", device: `d${number}` }, sink);
  made.number = number;
  made.isBehind = false;
  return { session: made, sink };
}

const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
};

describe("RoomDispatcher", () => {
  it("serves sessions in turn, a stretch at a time, until they are empty", () => {
    const source = new Source();
    const dispatcher = new RoomDispatcher(source, silentLog);
    const [a, b] = [session(1), session(2)];
    source.left.set(1, 2).set(2, 1);
    dispatcher.wake([a.session, b.session]);
    expect(source.pulls).toEqual([1, 2, 1, 2, 1]);
    expect([a.sink.delivered, b.sink.delivered]).toEqual([[2, 1], [1]]);
  });

  it("does not pull for a sink without room until it has some", () => {
    const source = new Source();
    const dispatcher = new RoomDispatcher(source, silentLog);
    const { session: slow, sink } = session(1);
    source.left.set(1, 1);
    sink.full = true;
    dispatcher.wake([slow]);
    expect(source.pulls).toEqual([]);
    sink.full = false;
    sink.wake?.();
    expect(sink.delivered).toEqual([1]);
  });

  it("lets others have their turn of the event loop, and serves every session all the same", async () => {
    const source = new Source();
    const dispatcher = new RoomDispatcher(source, silentLog);
    const many = Array.from({ length: 2_500 }, (_, number) => session(number + 1));
    for (const [index] of many.entries()) source.left.set(index + 1, 1);
    dispatcher.wake(many.map((each) => each.session));
    expect(source.pulls).toHaveLength(1_000);
    await turns(5);
    expect(many.filter(({ sink }) => sink.delivered.length === 1)).toHaveLength(2_500);
  });

  it("gives what is new at once, however many others catch up, a little in each turn", async () => {
    const source = new Source();
    const dispatcher = new RoomDispatcher(source, silentLog);
    const behind = Array.from({ length: 50 }, (_, number) => session(number + 1));
    const live = session(99);
    for (const [index, each] of behind.entries()) {
      source.hundreds.set(index + 1, 3);
      each.session.isBehind = true;
    }
    dispatcher.wake(behind.map((each) => each.session));
    const { length } = source.pulls;
    expect(length).toBeLessThan(20);
    source.left.set(99, 1);
    dispatcher.wake([live.session]);
    expect(live.sink.delivered).toEqual([1]);
    expect(source.pulls).toHaveLength(length + 2);
    await turns(10);
    expect([...source.hundreds.values()].every((left) => left === 0)).toBe(true);
    source.left.set(1, 1);
    dispatcher.wake([live.session, behind[0]?.session ?? live.session]);
    expect(behind[0]?.sink.delivered).toEqual([1]);
    expect(behind[0]?.session.isBehind).toBe(false);
  });

  it("has those that are behind wait for the next turn, on however many occasions they are woken in one", async () => {
    const source = new Source();
    const dispatcher = new RoomDispatcher(source, silentLog);
    const behind = Array.from({ length: 50 }, (_, number) => session(number + 1));
    for (const [index, { session: each }] of behind.entries()) {
      source.hundreds.set(index + 1, 2);
      each.isBehind = true;
      dispatcher.wake([each]);
    }
    expect(new Set(source.pulls)).toEqual(new Set([1]));
    await turns(1);
    expect(source.pulls.length).toBeLessThan(20);
    await turns(12);
    expect([...source.hundreds.values()].every((left) => left === 0)).toBe(true);
  });

  it("counts what it is to hand over messages: fewer events of their own in a turn than messages in frames", async () => {
    const source = new Source();
    const dispatcher = new RoomDispatcher(source, silentLog);
    const behind = Array.from({ length: 50 }, (_, number) => session(number + 1));
    for (const [index, each] of behind.entries()) {
      source.hundreds.set(index + 1, 3);
      each.session.isBehind = true;
      each.sink.messageEffort = 32;
    }
    dispatcher.wake(behind.map((each) => each.session));
    expect(source.pulls).toEqual([1]);
    await turns(1);
    expect(source.pulls).toEqual([1, 2]);
    dispatcher.stop();
  });

  it("serves so many live ones in a turn, on however many occasions they are woken in it", async () => {
    const source = new Source();
    const dispatcher = new RoomDispatcher(source, silentLog);
    const many = Array.from({ length: 1_500 }, (_, number) => session(number + 1));
    for (const [index, each] of many.entries()) {
      source.left.set(index + 1, 1);
      dispatcher.wake([each.session]);
    }
    const served = (): number => many.filter(({ sink }) => sink.delivered.length === 1).length;
    expect(served()).toBe(1_000);
    await turns(5);
    expect(served()).toBe(1_500);
  });

  it("goes on with the others when a sink fails, and pulls for nobody once stopped", () => {
    const source = new Source();
    const dispatcher = new RoomDispatcher(source, silentLog);
    const [a, b] = [session(1), session(2)];
    source.left.set(1, 1).set(2, 1);
    a.sink.fails = true;
    dispatcher.wake([a.session, b.session]);
    expect(b.sink.delivered).toEqual([1]);
    dispatcher.stop();
    source.left.set(2, 1);
    dispatcher.wake([b.session]);
    expect(b.sink.delivered).toEqual([1]);
  });
});
