import { describe, expect, it } from "vitest";
import { check, tally, vacuous } from "./checker.js";
import { DEAD, QUEUE, Story } from "./story.js";

const expectGood = (story: Story): void => expect(check(story.events)).toEqual([]);

describe("the checker finds nothing wrong with", () => {
  it("publish, duplicate, delivery, ack", () => {
    const story = new Story();
    const sequence = story.publish("a");
    story.receipt(story.send("a"), "a", sequence, true);
    story.refuse(story.send("a", { body: "another" }), "ID_CONFLICT");
    const token = story.deliver("a", sequence);
    story.settle(token, "ack");
    story.stale(token, "ack");
    story.stale(token, "nack");
    story.end([], [], { published: 1, acked: 1 });
    expectGood(story);
  });

  it("one id stored again once the dedup window is over", () => {
    const story = new Story({ dedupWindowMs: 1_000 });
    story.settle(story.deliver("a", story.publish("a")), "ack");
    story.wait(1_000);
    const call = story.send("a");
    story.receipt(call, "a", story.next());
    story.end([{ id: "a", sequence: 2 }], [], { published: 2, acked: 1 });
    expectGood(story);
  });

  it("a nack, an expiry, a release, an extension and a lost consumer", () => {
    const story = new Story({ maxAttempts: 5 });
    const sequence = story.publish("a");
    story.settle(story.deliver("a", sequence), "nack", { delayMs: 200 });
    const second = story.wait(200).deliver("a", sequence, 2);
    story.wait(5_000).expire(second);
    const third = story.wait(1_000).deliver("a", sequence, 3);
    story.stale(second, "ack");
    story.settle(third, "release");
    const again = story.deliver("a", sequence, 3);
    story.settle(again, "extend", { leaseMs: 60_000 });
    story.wait(30_000).settle(again, "extend", { leaseMs: 1_000 });
    story.attach("two");
    story.detach("one", true);
    story.settle(story.deliver("a", sequence, 4, { consumer: "two" }), "ack", { consumer: "two" });
    story.end([], [], { published: 1, acked: 1 });
    expectGood(story);
  });

  it("an expiry that nothing came between and the next delivery, of a consumer that was given up at some time or other", () => {
    const story = new Story();
    const sequence = story.publish("a");
    story.add({ type: "detach", call: 1_000, consumer: "one", counted: false });
    story.deliver("a", sequence);
    story.wait(6_000).settle(story.deliver("a", sequence, 2), "ack");
    story.end([], [], { published: 1, acked: 1 });
    expectGood(story);
  });

  it("a crash that leaves publishes and settlements unanswered, whatever became of them", () => {
    const story = new Story();
    const sequences = ["a", "b", "c"].map((id) => story.publish(id));
    const [a = 0, b = 0, c = 0] = sequences;
    for (const [id, sequence] of [["a", a] as const, ["b", b] as const]) story.settling(story.deliver(id, sequence), "ack");
    story.send("stored");
    story.send("gone");
    story.restart("two");
    // One ack was stored and one was not; `c` was written ahead as leased; one publish was stored and one was not.
    story.settle(story.deliver("b", b, 2, { consumer: "two" }), "ack", { consumer: "two" });
    story.settle(story.deliver("c", c, 2, { consumer: "two" }), "ack", { consumer: "two" });
    story.receipt(story.send("stored"), "stored", story.next(), true);
    const fourth = story.deliver("stored", 4, 1, { consumer: "two" });
    story.settling(fourth, "release", { consumer: "two" });
    story.restart("three");
    story.end([{ id: "stored", sequence: 4, attempts: 1 }], [], { published: 4, acked: 3, ready: 1 });
    expectGood(story);
    expect(tally(story.events)).toMatchObject({ crashes: 2, crashesInFlight: 2, unknown: 5, acked: 2, duplicates: 1 });
  });

  it("a graceful shutdown, which counts nothing", () => {
    const story = new Story();
    const sequence = story.publish("a");
    story.deliver("a", sequence);
    story.restart("two", "shutdown");
    story.settle(story.deliver("a", sequence, 1, { consumer: "two" }), "ack", { consumer: "two" });
    story.end([], [], { published: 1, acked: 1 });
    expectGood(story);
  });

  it("a crash after which a message is dead that nobody was handed", () => {
    const story = new Story({ maxAttempts: 1 });
    const sequence = story.publish("a");
    story.restart("two");
    story.end([], [{ id: "a", sequence, reason: "attempts" }], { published: 1, dead: 1 });
    expectGood(story);
  });

  it("a crash that comes before an expiry and a nack are on disk", () => {
    const story = new Story();
    const [a, b] = [story.publish("a"), story.publish("b")];
    const token = story.deliver("a", a);
    story.settling(story.deliver("b", b), "nack", { delayMs: 60_000 });
    story.wait(5_000).expire(token);
    story.restart("two");
    story.deliver("a", a, 2, { consumer: "two" });
    story.deliver("b", b, 2, { consumer: "two" });
    const inFlight = { state: "in-flight", attempts: 2 } as const;
    story.end([
      { id: "a", sequence: a, ...inFlight },
      { id: "b", sequence: b, ...inFlight },
    ]);
    expectGood(story);
  });

  it("a crash after the last commit that began before the engine saw an expiry, at the same time", () => {
    const story = new Story();
    const sequence = story.publish("a");
    const token = story.deliver("a", sequence);
    story.wait(5_000).commit(1);
    story.expire(token);
    story.commit(2, false);
    story.restart("two");
    story.settle(story.deliver("a", sequence, 2, { consumer: "two" }), "ack", { consumer: "two" });
    story.end();
    expectGood(story);
  });

  it("a lease that ran out while it was on its way to the consumer", () => {
    // It cannot have run out before its time, so the lease was given earlier than the delivery shows.
    const token = { life: 1, number: 99 };
    const late = new Story();
    late.wait(10_000);
    const sequence = late.publish("a");
    late.expire(token);
    late.deliver("a", sequence, 1, { token, leaseUntil: 11_000 });
    late.stale(token, "ack");
    late.wait(1_000).settle(late.deliver("a", sequence, 2, { token: { life: 1, number: 100 } }), "ack");
    late.end([], [], { published: 1, acked: 1 });
    expectGood(late);
  });

  it("dead letters that are consumed, removed and redriven", () => {
    const story = new Story({ maxAttempts: 1 });
    const sequences = ["a", "b", "c", "d"].map((id) => ({ id, sequence: story.publish(id) }));
    for (const { id, sequence } of sequences) story.settle(story.deliver(id, sequence), id === "a" ? "reject" : "nack");
    story.attach("reader", DEAD);
    story.settle(story.deliver("a", 1, 1, { queue: DEAD, consumer: "reader" }), "ack", { consumer: "reader" });
    story.remove("b");
    story.add({
      type: "peek",
      queue: DEAD,
      messages: [
        { id: "c", sequence: 3 },
        { id: "d", sequence: 4 },
      ],
    });
    story.redrive(2);
    story.settle(story.deliver("c", 5, 1), "ack");
    story.settle(story.deliver("d", 6, 1), "nack");
    story.end([], [{ id: "d", sequence: 5, reason: "attempts" }], { published: 4, redriven: 2, acked: 1, dead: 5 });
    expectGood(story);
    expect(tally(story.events)).toMatchObject({ deadLetters: 2, redriven: 2 });
  });

  it("dead letters that are redriven while somebody has them", () => {
    const story = new Story();
    story.settle(story.deliver("a", story.publish("a")), "reject");
    story.attach("reader", DEAD);
    const token = story.deliver("a", 1, 1, { queue: DEAD, consumer: "reader" });
    story.redrive(1);
    story.stale(token, "ack", { consumer: "reader" });
    story.end([{ id: "a", sequence: 2 }], [], { published: 1, redriven: 1, dead: 1 });
    expectGood(story);
  });

  it("a clock that goes back while the server is down", () => {
    const story = new Story({ ordering: "key" });
    const first = story.publish("a1", { key: "a" });
    const delayed = story.publish("a2", { key: "a", delayMs: 1_000 });
    story.wait(100_000).restart("two").wait(-99_500);
    const third = story.publish("a3", { key: "a" });
    for (const [id, sequence] of [["a1", first] as const, ["a3", third] as const])
      story.settle(story.deliver(id, sequence, 1, { consumer: "two" }), "ack", { consumer: "two" });
    story.wait(500).settle(story.deliver("a2", delayed, 1, { consumer: "two" }), "ack", { consumer: "two" });
    story.end([], [], { published: 3, acked: 3 });
    expectGood(story);
  });

  it("a message that is discarded, for there is no dead-letter queue", () => {
    const story = new Story({ maxAttempts: 1, deadLetter: false });
    story.settle(story.deliver("a", story.publish("a")), "nack");
    story.end([], [], { published: 1, dead: 1 });
    expectGood(story);
  });

  it("a purge of ready, delayed and in-flight messages, beside one that is published above it", () => {
    const story = new Story();
    story.publish("ready");
    story.publish("delayed", { delayMs: 10_000 });
    const token = story.deliver("flying", story.publish("flying"));
    story.purge(3, 3);
    story.stale(token, "ack");
    story.settle(story.deliver("above", story.publish("above")), "ack");
    story.end([], [], { published: 4, purged: 3, acked: 1 });
    expectGood(story);
  });

  it("delays and times to live, across a restart", () => {
    const story = new Story();
    const delayed = story.publish("delayed", { delayMs: 10_000 });
    const mortal = story.publish("mortal", { ttlMs: 20_000 });
    story.publish("expired", { ttlMs: 5_000 });
    story.restart("two").wait(10_000);
    story.settle(story.deliver("delayed", delayed, 1, { consumer: "two" }), "ack", { consumer: "two" });
    story.settle(story.deliver("mortal", mortal, 1, { consumer: "two" }), "nack", { consumer: "two" });
    story.wait(20_000);
    const dead = [{ id: "expired", sequence: 1, reason: "expired" } as const, { id: "mortal", sequence: 2, reason: "expired" } as const];
    story.end([], dead, { published: 3, acked: 1, dead: 2 });
    expectGood(story);
  });

  it("a message whose time to live a redrive began anew, after the clock went back", () => {
    const story = new Story({ ordering: "fifo" }).wait(3_600_000);
    story.settle(story.deliver("a", story.publish("a", { ttlMs: 1_000 })), "reject");
    story.restart("two", "crash", -3_600_000);
    story.redrive(1);
    const [again, b] = [story.next(), story.publish("b")];
    story.settle(story.deliver("a", again, 1, { consumer: "two" }), "release", { consumer: "two" });
    story.wait(1_000).settle(story.deliver("b", b, 1, { consumer: "two" }), "ack", { consumer: "two" });
    story.end([], [{ id: "a", sequence: 2, reason: "expired" }], { published: 2, redriven: 1, acked: 1, dead: 2 });
    expectGood(story);
  });

  it("keys, each in order, through a nack, a crash, and settlements that wait for the disk", () => {
    const story = new Story({ ordering: "key" });
    const [first, other, second] = [
      story.publish("a1", { key: "a" }),
      story.publish("b1", { key: "b" }),
      story.publish("a2", { key: "a" }),
    ];
    story.commit(1);
    story.settle(story.deliver("a1", first), "nack");
    story.settle(story.deliver("b1", other), "ack");
    story.wait(1_000).settling(story.deliver("a1", first, 2), "ack");
    story.commit(2, false);
    // The commit was torn, and whole all the same.
    story.restart("two");
    const call = story.settling(story.deliver("a2", second, 1, { consumer: "two" }), "ack", { consumer: "two" });
    story.commit(3);
    story.settled(call);
    const third = story.publish("a3", { key: "a" });
    story.settle(story.deliver("a3", third, 1, { consumer: "two" }), "ack", { consumer: "two" });
    story.end([], [], { published: 4, acked: 4 });
    expectGood(story);
  });

  it("a delayed message of a key that takes its place when it is due", () => {
    const story = new Story({ ordering: "key" });
    const later = story.publish("later", { key: "a", delayMs: 3_000 });
    const now = story.publish("now", { key: "a" });
    story.settle(story.deliver("now", now), "ack");
    story.wait(3_000).settle(story.deliver("later", later), "ack");
    story.end();
    expectGood(story);
  });

  it("a fifo whose nack makes the later tokens stale, and that goes to another consumer", () => {
    const story = new Story({ ordering: "fifo" });
    const [a, b, c] = [story.publish("a"), story.publish("b"), story.publish("c")];
    const [first, second] = [story.deliver("a", a), story.deliver("b", b)];
    story.settle(first, "nack", { delayMs: 0 });
    story.stale(second, "ack");
    const again = story.deliver("a", a, 2);
    story.deliver("b", b, 1);
    story.settle(again, "ack");
    story.detach("one", true);
    story.attach("two");
    for (const [id, sequence, attempt] of [["b", b, 2] as const, ["c", c, 1] as const])
      story.settle(story.deliver(id, sequence, attempt, { consumer: "two" }), "ack", { consumer: "two" });
    story.end([], [], { published: 3, acked: 3 });
    expectGood(story);
  });

  it("a blocked key that is retried by hand, then skipped", () => {
    const story = new Story({ ordering: "key", poison: "block", maxAttempts: 1 });
    const [a1, a2, b1, b2] = ["a1", "a2", "b1", "b2"].map((id) => story.publish(id, { key: id.slice(0, 1) }));
    if (a1 === undefined || a2 === undefined || b1 === undefined || b2 === undefined) throw new Error("not published");
    story.settle(story.deliver("a1", a1), "nack");
    story.keyAction("retry", "a");
    story.settle(story.deliver("a1", a1), "nack");
    story.keyAction("skip", "a");
    story.settle(story.deliver("a2", a2), "ack");
    story.settle(story.deliver("b1", b1), "nack");
    story.add({ type: "drained", queue: QUEUE });
    const blocked = [
      { id: "b1", sequence: b1, state: "parked", attempts: 1 } as const,
      { id: "b2", sequence: b2, state: "parked" } as const,
    ];
    story.end(blocked, [{ id: "a1", sequence: 1 }], { published: 4, acked: 1, dead: 1 });
    expectGood(story);
  });

  it("a batch of unknown outcome that was stored whole, and one that was not stored", () => {
    const story = new Story();
    for (const id of ["a", "b"]) story.send(id, { batch: 1 });
    for (const id of ["c", "d"]) story.send(id, { batch: 2 });
    story.restart("two");
    story.end(
      [
        { id: "a", sequence: 1 },
        { id: "b", sequence: 2 },
      ],
      [],
      { published: 2 },
    );
    expectGood(story);
  });

  it("a producer that sends again what it did not see confirmed", () => {
    const story = new Story();
    const numbered = (number: number): { producer: { id: string; number: number } } => ({ producer: { id: "p", number } });
    for (const number of [1, 2]) story.send(`p/${number}`, numbered(number));
    story.restart("two");
    story.receipt(story.send("p/1", numbered(1)), "p/1", story.next(), true);
    story.publish("p/2", numbered(2));
    story.end(
      [
        { id: "p/1", sequence: 1 },
        { id: "p/2", sequence: 2 },
      ],
      [],
      { published: 2 },
    );
    expectGood(story);
  });
});

describe("vacuous", () => {
  it("says what a run came short of, and nothing of one that did enough", () => {
    const story = new Story();
    const sequence = story.publish("a");
    story.deliver("a", sequence);
    story.restart("two");
    expect(vacuous(story.events, { crashesInFlight: 1, published: 1 })).toEqual([]);
    expect(vacuous(story.events, { crashesInFlight: 2, expiries: 1 })).toEqual([
      "only 1 crashesInFlight, expected 2 or more",
      "only 0 expiries, expected 1 or more",
    ]);
  });
});

describe("a malformed history", () => {
  it("is refused: an answer to no call, and events out of order", () => {
    const story = new Story();
    story.receipt(77, "a", 1);
    expect(() => check(story.events)).toThrow("call 77 is done and was not invoked (event 4)");
    expect(() => check([...new Story().events].reverse())).toThrow("event 2 comes after event 3");
  });
});
