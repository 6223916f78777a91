import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Holdfast } from "holdfast";
import { type Holdfast as Client, connect, type RoomDelivery, type RoomGap } from "holdfast-client";
import { Server } from "socket.io";
import { afterEach, beforeEach, expect, it } from "vitest";

/** One life of a server on that directory. */
class Life {
  private constructor(
    readonly io: Server,
    readonly holdfast: Holdfast,
    readonly port: number,
  ) {}

  static async begin(directory: string, port = 0): Promise<Life> {
    const http = createServer();
    const io = new Server(http, { serveClient: false });
    const holdfast = await Holdfast.open({ directory });
    holdfast.attach(io);
    await new Promise<void>((resolve) => http.listen(port, "127.0.0.1", resolve));
    return new Life(io, holdfast, (http.address() as AddressInfo).port);
  }

  async end(): Promise<void> {
    await this.holdfast.close();
    await this.io.close();
  }
}

/** What handlers saw, to be waited for. */
class Seen<Item> {
  readonly items: Item[] = [];
  #wake: () => void = () => undefined;

  add(item: Item): void {
    this.items.push(item);
    this.#wake();
  }

  async count(count: number): Promise<Item[]> {
    while (this.items.length < count)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    return this.items;
  }
}

let directory: string;
let life: Life;
let clients: Client[];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "holdfast-rooms-"));
  life = await Life.begin(directory);
  clients = [];
});

afterEach(async () => {
  for (const client of clients) await client.close({ timeoutMs: 0 });
  await life.end();
  rmSync(directory, { recursive: true });
});

function client(user: string): Client {
  const made = connect(`http://127.0.0.1:${life.port}`, {
    auth: { user },
    forceNew: true,
    reconnectionDelay: 5,
    reconnectionDelayMax: 20,
  });
  clients.push(made);
  return made;
}

it("a client that only publishes, consumes and emits is no device: what its user's rooms have waits for one that listens", async () => {
  const ann = client("ann");
  const bob = client("bob");
  const seen = new Seen<[unknown, RoomDelivery]>();
  await life.holdfast.room("kitchen").add({ user: "bob" });
  await bob.queue("orders").publish(1);
  await ann.room("kitchen").emit("n", 1);
  await bob.room("kitchen").emit("n", 2);
  expect((await bob.room("kitchen").presence()).items).toEqual([]);
  const events: unknown[] = [];
  bob.socket.onAny((event) => void events.push(event));
  await bob.room("kitchen").on("n", (n, delivery) => seen.add([n, delivery]));
  expect((await seen.count(2)).map(([n, { redelivered }]) => [n, redelivered])).toEqual([
    [1, false],
    [2, false],
  ]);
  expect(events.filter((event) => event === "n")).toEqual([]);
});

it("every member gets what is emitted, and who was away gets it later, in order, before what comes live", async () => {
  const kitchen = client("ann").room("kitchen");
  const away = client("bob");
  await Promise.all([kitchen.join(), away.room("kitchen").join()]);
  await away.close();
  const seen = new Seen<[unknown, RoomDelivery]>();
  kitchen.on("n", (n, delivery) => seen.add([n, delivery]));
  const receipts = await Promise.all([1, 2, 3].map((n) => kitchen.emit("n", n)));
  expect(receipts.map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
  const about = receipts.map(({ id, sequence }) => ({ id, room: "kitchen", sequence, redelivered: false, sender: "ann" }));
  expect(await seen.count(3)).toEqual([1, 2, 3].map((n, index) => [n, about[index]]));
  expect((await kitchen.receipts(about[0]?.id ?? "")).pending).toContain("bob");

  const late = new Seen<unknown>();
  const back = client("bob").room("kitchen");
  back.on("n", (n) => late.add(n));
  await late.count(1);
  await kitchen.emit("n", 4);
  expect(await late.count(4)).toEqual([1, 2, 3, 4]);
  const { items } = await back.members();
  expect(items).toMatchObject([
    { user: "ann", since: 1 },
    { user: "bob", since: 1 },
  ]);
  expect((await back.presence()).items).toEqual([
    { user: "ann", devices: ["default"] },
    { user: "bob", devices: ["default"] },
  ]);
});

it("handlers may be added after the join, and what one throws at comes again; at the end it is told as a gap", async () => {
  const kitchen = client("ann").room("kitchen");
  await kitchen.join();
  await kitchen.emit("order", 1);
  const seen = new Seen<boolean>();
  const gaps = new Seen<RoomGap>();
  kitchen.onGap((gap) => gaps.add(gap));
  kitchen.on("order", (_order, { redelivered }) => {
    seen.add(redelivered);
    throw new Error("burnt");
  });
  expect(await gaps.count(1)).toEqual([{ room: "kitchen", from: 1, to: 1, reason: "attempts" }]);
  expect(seen.items).toEqual([false, true, true, true, true]);
});

it("emits go on across a restart of the server, each stored once and in order", async () => {
  const kitchen = client("ann").room("kitchen");
  await kitchen.join();
  const seen = new Set<number>();
  const all = new Seen<number>();
  kitchen.on("n", (_n, { sequence }) => {
    if (!seen.has(sequence)) all.add(sequence);
    seen.add(sequence);
  });
  const emits = Array.from({ length: 200 }, (_, n) => kitchen.emit("n", n));
  await emits[20];
  await life.end();
  life = await Life.begin(directory, life.port);
  const receipts = await Promise.all(emits);
  const sequences = receipts.map(({ sequence }) => sequence);
  expect(sequences).toEqual([...sequences].sort((a, b) => a - b));
  expect(await life.holdfast.room("kitchen").stats()).toMatchObject({ published: 200 });
  expect((await all.count(200)).sort((a, b) => a - b)).toEqual(sequences);
});

it("who left gets nothing more until it joins again", async () => {
  const [ann, bob] = [client("ann").room("kitchen"), client("bob").room("kitchen")];
  const seen = new Seen<unknown>();
  bob.on("n", (n) => seen.add(n));
  await Promise.all([ann.join(), bob.join()]);
  await ann.emit("n", 1);
  await seen.count(1);
  await bob.leave();
  await ann.emit("n", 2);
  await bob.join();
  await ann.emit("n", 3);
  expect(await seen.count(2)).toEqual([1, 3]);
});
