import { connect, type Holdfast, type RoomMessageCounts } from "holdfast-client";
import { afterEach, expect, it } from "vitest";
import { ManualClock } from "../engines/conformance/manual-clock.js";
import { createMemoryEngine } from "../engines/memory/memory-engine.js";
import { MemoryStore } from "../engines/memory/memory-store.js";
import { TestHost, until } from "./test-host.js";

const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const clock = new ManualClock();
const store = new MemoryStore();

async function open(port = 0): Promise<TestHost> {
  const host = await TestHost.open({ engine: createMemoryEngine({ store, clock }), clock, port });
  closers.push(() => host.close());
  return host;
}

function client(port: number, user: string): Holdfast {
  const made = connect(`http://127.0.0.1:${port}`, { auth: { user }, forceNew: true, reconnectionDelay: 5, reconnectionDelayMax: 20 });
  closers.push(() => made.close({ timeoutMs: 0 }));
  return made;
}

/** Lets what is to be told be due until it was. */
const told = (done: () => boolean): Promise<void> =>
  until(async () => {
    await clock.advance(250);
    return done();
  });

it("presence and receipts are watched through a restart of the server, and receipts after a reload from where they are asked for", async () => {
  const host = await open();
  const { port } = host;
  const [ann, bob, cid] = [client(port, "ann"), client(port, "bob"), client(port, "cid")];
  for (const each of [ann, bob, cid]) {
    each.room("kitchen").on("order", () => undefined);
    await each.room("kitchen").join();
  }
  let online: readonly string[] = [];
  const counts = new Map<string, string>();
  const note = (messages: readonly RoomMessageCounts[]): void => {
    for (const { id, counts: of } of messages) counts.set(id, `${of.delivered}/${of.pending}`);
  };
  await ann.room("kitchen").watchPresence((users) => {
    online = [...users].sort();
  });
  await ann.room("kitchen").watchReceipts(note);
  expect(online).toEqual(["ann", "bob", "cid"]);
  cid.socket.disconnect();
  await told(() => !online.includes("cid"));
  const { id, sequence } = await ann.room("kitchen").emit("order", 1);
  await told(() => counts.get(id) === "2/1");

  await host.stop();
  await open(port);
  await told(() => online.length === 2);
  const second = await ann.room("kitchen").emit("order", 2);
  await told(() => counts.get(second.id) === "2/1");
  cid.socket.connect();
  await told(() => online.length === 3 && counts.get(id) === "3/0" && counts.get(second.id) === "3/0");

  counts.clear();
  await ann.close();
  const again = client(port, "ann");
  await again.room("kitchen").watchReceipts(note, { from: sequence });
  expect([...counts.values()]).toEqual(["3/0", "3/0"]);
});
