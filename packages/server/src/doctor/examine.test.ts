import { crc32 } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import * as keys from "../core/keys.js";
import { Harness } from "../engines/conformance/harness.js";
import { bodiesOf, Phone, RoomsOf } from "../engines/conformance/phone.js";
import { hostOn } from "../engines/memory/memory-host.js";
import { MemoryStore } from "../engines/memory/memory-store.js";
import { entriesOf } from "../engines/pages.js";
import type { Entry, KeyRange } from "../store.js";
import { examine } from "./examine.js";
import type { Examination } from "./finding.js";

let store: MemoryStore;
let h: Harness;

/** A queue of each kind and a room, with something of everything. */
beforeEach(async () => {
  store = new MemoryStore();
  h = await Harness.open(hostOn(store));
  await h.define("plain", { priorities: 3 });
  await h.define("keyed", { ordering: "key" });
  for (let body = 0; body < 30; body++) await h.publish("plain", body);
  await h.publish("plain", { body: "urgent", priority: 2 }, { body: "late", delayMs: 3_600_000 });
  const plain = await h.attach("plain");
  const taken = await h.take(plain, 10);
  await h.ack(plain, ...taken.slice(3, 6));
  await h.nack(plain, taken[6] ?? none(), { delayMs: 3_600_000 });
  for (let body = 0; body < 10; body++) await h.publish("keyed", { body, key: `key ${body % 3}` });
  const keyed = await h.attach("keyed");
  const held = await h.takeOne(keyed);
  await h.nack(keyed, held, { delayMs: 3_600_000 });
  const rooms = new RoomsOf(h);
  await rooms.add("kitchen", "anna", "bob");
  for (const body of ["cod", "eel", "ray"]) await rooms.emit("kitchen", body);
  await h.quiet();
});
afterEach(() => h.close());

const none = (): never => {
  throw new Error("no delivery");
};

/** Ends the life, changes what it left, and says what is found then. */
async function afterwards(change: () => Promise<void>): Promise<Omit<Examination, "journalRecords">> {
  await h.close();
  await change();
  return examine(store);
}

const whats = ({ findings }: Omit<Examination, "journalRecords">): string[] => findings.map(({ of, what }) => `${of}: ${what}`);

/** Mends, sees that nothing is left to be found, and that an engine gets on with it. */
async function mend({ writes }: Omit<Examination, "journalRecords">): Promise<void> {
  await store.write(writes);
  expect(whats(await examine(store))).toEqual([]);
  await h.reopen();
  await h.checkCounts();
}

async function entriesIn(range: KeyRange): Promise<Entry[]> {
  const entries: Entry[] = [];
  for await (const entry of entriesOf(store, range)) entries.push(entry);
  return entries;
}

const numberOf = async (name: string): Promise<number> => {
  const defined = [...(await entriesIn(keys.kindRange.definitions)), ...(await entriesIn(keys.kindRange.rooms))];
  const found = defined.find(([, value]) => Buffer.from(value).includes(`"${name}"`));
  return keys.queueOf(found?.[0] ?? none());
};

async function flipIn(range: KeyRange, index = 0): Promise<Entry> {
  const entry = (await entriesIn(range))[index] ?? none();
  const value = Buffer.from(entry[1]);
  value[value.length - 2] = (value[value.length - 2] ?? 0) ^ 0x10;
  await store.write([{ key: entry[0], value }]);
  return entry;
}

const logOf = (number: number): KeyRange => ({ from: keys.blockKey(number, 0), to: keys.blockKey(number, keys.POSITIONS_END) });

describe("looking through a store", () => {
  it("finds nothing where nothing is wrong, and counts what is there", async () => {
    const found = await afterwards(async () => undefined);
    expect(whats(found)).toEqual([]);
    expect(found.writes).toEqual([]);
    expect(found.examined).toMatchObject([
      { kind: "queue", name: "plain", messages: 29 },
      { kind: "queue", name: "keyed", messages: 10 },
      { kind: "queue", name: "aside" },
      { kind: "room", name: "kitchen", messages: 3, members: 2 },
    ]);
  });

  it("C1: finds counts that are wrong, and writes them as they are", async () => {
    const found = await afterwards(async () => {
      const key = keys.stateKey(await numberOf("plain"));
      const state = Buffer.from(store.get(key) ?? none());
      // The number of live messages is the seventh of the state, their bytes the ninth.
      state.writeUIntLE(77, 6 + 6 * 6, 6);
      state.writeUIntLE(12, 6 + 8 * 6, 6);
      await store.write([{ key, value: state }]);
    });
    expect(whats(found)).toEqual([
      "queue plain of /: its state says messages: 77, a scan of all entries finds 29",
      expect.stringMatching(/^queue plain of \/: its state says bytes: 12, a scan of all entries finds \d+$/),
      "queue plain of /: 32 messages came and 80 are there or went: its counts do not add up",
    ]);
    await mend(found);
    expect(await h.scan("plain")).toHaveLength(29);
  });

  it("takes a damaged block out of a queue, and says which sequences are lost", async () => {
    let first = 0;
    const found = await afterwards(async () => {
      const [key] = await flipIn(logOf(await numberOf("plain")), 10);
      first = keys.positionOf(key);
    });
    expect(found.findings[0]).toMatchObject({
      of: "queue plain of /",
      what: expect.stringContaining(`the block with sequences ${first} to ${first} is damaged`),
      mend: expect.stringContaining(`those of ${first} to ${first} that were not settled are lost`),
    });
    await mend(found);
    const left = await h.scan("plain");
    expect(left).toHaveLength(28);
    expect(left.map(({ sequence }) => sequence)).not.toContain(first);
    expect(await h.stats("plain")).toMatchObject({ purged: 1 });
  });

  it("S4: puts a gap where a room lost a block, damaged or missing", async () => {
    for (const way of ["damaged", "missing"]) {
      const found = await afterwards(async () => {
        const range = logOf(await numberOf("kitchen"));
        if (way === "damaged") await flipIn(range, 1);
        else await store.write([{ key: keys.blockKey(await numberOf("kitchen"), 1), value: undefined }]);
      });
      expect(whats(found).join()).toContain(
        way === "damaged" ? "the block with sequences 2 to 2 is damaged" : "the messages 1 to 1 are missing",
      );
      await mend(found);
    }
    const bob = await Phone.attach(h, "bob");
    expect(bodiesOf(await bob.take(1))).toEqual(["ray"]);
    expect((await bob.gapsUntil(1)).map(({ from, to }) => [from, to])).toEqual([[1, 2]]);
    expect(await new RoomsOf(h).emit("kitchen", "tuna")).toMatchObject([{ sequence: 4 }]);
  });

  it("takes out a damaged message of a due list, one that is held, and delayed ones", async () => {
    const found = await afterwards(async () => {
      const plain = await numberOf("plain");
      await flipIn(keys.dueRange(plain, 0));
      await flipIn(keys.delayedRange(plain));
      await flipIn(keys.heldRange(await numberOf("keyed")));
    });
    const texts = whats(found).join("\n");
    expect(texts).toMatch(/a message that waits for \d+ in due list 0 is damaged/);
    expect(texts).toMatch(/the block of delayed messages from sequence \d+ on is damaged/);
    expect(texts).toMatch(/the held message with sequence 1 is damaged/);
    await mend(found);
    expect(await h.scan("plain")).toHaveLength(27);
    expect(await h.scan("keyed")).toHaveLength(9);
  });

  it("finds a block that is of another time, entries of nobody, and bitmaps of no block", async () => {
    const found = await afterwards(async () => {
      const number = await numberOf("keyed");
      const [, two] = await entriesIn(logOf(number));
      const value = Buffer.from((two ?? none())[1]);
      value.writeUInt32LE(0, 8);
      value.writeUInt32LE(crc32(value.subarray(8)), 4);
      await store.write([
        { key: (two ?? none())[0], value },
        { key: keys.settledKey(999, 1), value: Buffer.of(1) },
        { key: keys.settledKey(number, 5_000), value: Buffer.of(1) },
      ]);
    });
    const texts = whats(found);
    expect(texts.filter((text) => text.includes("does not continue the one before it"))).toHaveLength(2);
    expect(texts.filter((text) => text.includes("entries of number 999"))).toHaveLength(1);
    expect(texts.filter((text) => text.includes("there is a bitmap of a block at 5000"))).toHaveLength(1);
    expect(found.findings.filter((finding) => finding.mend === undefined)).toHaveLength(2);
  });

  it("keeps what a queue has whose definition is lost, or cannot be read, under another name, paused", async () => {
    const numbers = { plain: await numberOf("plain"), keyed: await numberOf("keyed") };
    const messagesOf = async (queue: string) => (await h.scan(queue)).map(({ sequence, id, body }) => ({ sequence, id, body }));
    const before = { plain: await messagesOf("plain"), keyed: await messagesOf("keyed") };
    const examination = await afterwards(() =>
      store.write([
        { key: keys.definitionKey(numbers.plain), value: undefined },
        { key: keys.definitionKey(numbers.keyed), value: Buffer.from("{") },
      ]),
    );
    const mends = examination.findings.flatMap(({ mend: one }) => one ?? []);
    expect(mends).toEqual([
      `makes it queue recovered-${numbers.plain} of /, paused, with ordering "none"`,
      `makes it queue recovered-${numbers.keyed} of /, paused, with ordering "key"`,
    ]);
    await mend(examination);
    for (const name of ["plain", "keyed"] as const) {
      const recovered = `recovered-${numbers[name]}`;
      expect(await messagesOf(recovered)).toEqual(before[name]);
      expect(await h.stats(recovered)).toMatchObject({ paused: true });
    }
  });

  it.each([
    { lost: ["definition", "state"], keys: [keys.definitionKey, keys.stateKey] },
    {
      lost: ["definition", "state", "lists"],
      keys: [keys.definitionKey, keys.stateKey, (n: number) => keys.listKey(n, 4), (n: number) => keys.listKey(n, 5)],
    },
    { lost: ["state"], keys: [keys.stateKey] },
  ])("keeps what a queue has that lost its $lost, and gives no sequence of it again", async ({ lost, keys: keysOf }) => {
    const number = await numberOf("plain");
    const messagesOf = async (queue: string) => (await h.scan(queue)).map(({ sequence, id, body }) => ({ sequence, id, body }));
    const before = await messagesOf("plain");
    const found = await afterwards(() => store.write(keysOf.map((keyOf) => ({ key: keyOf(number), value: undefined }))));
    await mend(found);
    const name = lost.includes("definition") ? `recovered-${number}` : "plain";
    expect(await messagesOf(name)).toEqual(before);
    const [receipt] = await h.publish(name, "next");
    expect(receipt?.sequence).toBeGreaterThan(Math.max(...before.map(({ sequence }) => sequence)));
    await h.restart("reopen");
    expect((await messagesOf(name)).length).toBe(before.length + 1);
    await h.checkCounts();
    if (name !== "plain") await h.engine.resume(h.address(name));
    await h.clock.advance(3_600_000);
    const consumer = await h.attach(name, before.length + 1);
    expect(new Set((await h.take(consumer, before.length + 1)).map(({ id }) => id)).size).toBe(before.length + 1);
  });

  it("takes the strictest order that a lost one may have been", async () => {
    await h.define("line", { ordering: "fifo" });
    for (let body = 0; body < 4; body++) await h.publish("line", { body, key: `key ${body % 2}` });
    await h.quiet();
    const number = await numberOf("line");
    const found = await afterwards(() => store.write([{ key: keys.definitionKey(number), value: undefined }]));
    expect(found.findings[0]?.mend).toContain('with ordering "fifo"');
    await mend(found);
  });

  it("mends what a store says of itself, with a life that is none of those before", async () => {
    for (const value of [undefined, Buffer.from("no JSON"), Buffer.from('{"version":3}')]) {
      const { life } = h.engine;
      const found = await afterwards(() => store.write([{ key: keys.metaKey, value }]));
      expect(whats(found)).toEqual(["undefined: what the store says of its format, its life and the next number to be given is lost"]);
      await mend(found);
      expect(h.engine.life).not.toBe(life + 1);
    }
  });

  it("gives no number again that is in use, though what says which is next is of an earlier time", async () => {
    const found = await afterwards(() => store.write([{ key: keys.metaKey, value: Buffer.from('{"version":3,"life":1,"nextQueue":2}') }]));
    expect(whats(found)).toEqual([expect.stringMatching(/number \d+ is in use, expected below 2, the next one to be given/)]);
    await mend(found);
    const before = await h.scan("plain");
    await h.define("new");
    await h.publish("new", "message");
    expect(await h.scan("plain")).toEqual(before);
    expect(await h.scan("new")).toHaveLength(1);
  });

  it("leaves what a removed queue has left to whoever clears it", async () => {
    const number = await numberOf("plain");
    const { findings } = await afterwards(() =>
      store.write([
        { key: keys.definitionKey(number), value: undefined },
        { key: keys.removedKey(number), value: Buffer.of(1) },
      ]),
    );
    expect(findings).toEqual([]);
  });

  it("refuses a store of a newer format, naming both versions", async () => {
    await h.close();
    await store.write([{ key: keys.metaKey, value: Buffer.from('{"version":99,"life":1,"nextQueue":9}') }]);
    await expect(examine(store)).rejects.toThrow("the store has format version 99, this program reads versions up to 3");
  });
});
