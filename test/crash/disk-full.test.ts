import { join } from "node:path";
import { io, type Socket } from "socket.io-client";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CommandRun } from "./command.js";
import { freePort, ServerProcess } from "./server-process.js";
import { SmallDisk, whyNoMount } from "./small-disk.js";

const QUEUE = "orders";
/** Messages stored when somebody else fills the disk, and publishes refused before it is drained. */
const BACKLOG = 5_000;
const REFUSALS = 500;
/** Publishes open at a time. */
const LANES = 32;
/** How long publishes may still be refused once there is room again. */
const RECOVERY_MS = 5_000;
const BODY_BYTES = 1_024;
/** Messages of another size: one that does not fit into the last page of a disk, and one that nobody may store. */
const OTHER_BODY_BYTES = new Map([
  ["large", 100_000],
  ["too-large", 300_000],
]);

const bodyOf = (id: string): string => `${id} `.padEnd(OTHER_BODY_BYTES.get(id) ?? BODY_BYTES, "x");

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

type Reply =
  | { readonly ok: true; readonly receipts: readonly { readonly id: string; readonly duplicate: boolean }[] }
  | { readonly ok: false; readonly error: { readonly code: string; readonly message: string; readonly retryable: boolean } };

/** Publishes with plain requests and remembers what it was told of each message. */
class Publisher {
  readonly socket: Socket;
  /** By id: `stored`, `duplicate` or the error's code. */
  readonly fates = new Map<string, string>();
  readonly #told = new Map<string, number>();

  constructor(url: string) {
    this.socket = io(url, { transports: ["websocket"], forceNew: true, reconnectionDelay: 20, reconnectionDelayMax: 100 });
  }

  /** How many replies were that. */
  told(fate: string): number {
    return this.#told.get(fate) ?? 0;
  }

  /** How many replies were refusals. */
  get refusals(): number {
    return [...this.#told].reduce((sum, [fate, count]) => (fate === "stored" ? sum : sum + count), 0);
  }

  get codes(): string[] {
    return [...this.#told.keys()].sort();
  }

  /** Ids of the messages whose last reply was one of these. */
  ids(...fates: readonly string[]): string[] {
    return [...this.fates].filter(([, fate]) => fates.includes(fate)).map(([id]) => id);
  }

  async publish(id = `disk-${this.fates.size}`): Promise<string> {
    this.fates.set(id, "open");
    const message = { queue: QUEUE, id, body: bodyOf(id) };
    const reply = (await this.socket.timeout(20_000).emitWithAck("holdfast:publish", message)) as Reply;
    if (reply.ok) expect(reply.receipts).toMatchObject([{ id }]);
    else expect(reply.error.retryable, reply.error.message).toBe(reply.error.code !== "TOO_LARGE");
    const stored = reply.ok && reply.receipts[0]?.duplicate ? "duplicate" : "stored";
    const fate = reply.ok ? stored : reply.error.code;
    this.fates.set(id, fate);
    this.#told.set(fate, this.told(fate) + 1);
    return fate;
  }

  /** Publishes one message after the other on every lane. */
  async publishUntil(enough: () => boolean): Promise<void> {
    const lane = async (): Promise<void> => {
      while (!enough()) if ((await this.publish()) !== "stored") await turn();
    };
    await Promise.all(Array.from({ length: LANES }, lane));
  }

  /** Publishes until a message is stored; resolves to the milliseconds that took. */
  async publishUntilStored(): Promise<number> {
    const start = performance.now();
    while ((await this.publish()) !== "stored") {
      if (performance.now() > start + 20_000) throw new Error(`nothing was stored within 20 s, but ${this.codes}`);
      await turn();
    }
    return Math.round(performance.now() - start);
  }
}

type DeliveryLine = { readonly id: string; readonly body: unknown };

/** Consumes until nothing is left. */
async function drain(url: string): Promise<DeliveryLine[]> {
  const run = new CommandRun<DeliveryLine>("consume", QUEUE, "--url", url, "--until-empty", "--meta");
  try {
    expect(await run.exit(), run.said).toBe(0);
    expect(run.lines.filter(({ id, body }) => body !== bodyOf(id))).toEqual([]);
    return run.lines;
  } finally {
    await run.kill();
  }
}

const missing = whyNoMount();
if (missing !== undefined) process.stdout.write(`a full disk is not tried: no file system can be mounted: ${missing}\n`);

describe.skipIf(missing !== undefined)("a disk that fills up", () => {
  let disk: SmallDisk;
  let server: ServerProcess;
  let publisher: Publisher;

  beforeEach(async () => {
    disk = new SmallDisk();
    server = new ServerProcess(join(disk.path, "data"), await freePort());
    publisher = new Publisher(server.url);
    expect(disk.mount()).toBe(undefined);
    await server.start();
  });

  afterEach(async () => {
    publisher.socket.disconnect();
    await server.kill();
    disk.close();
  });

  /** Whether the process that was started still runs. */
  const serverRuns = (): boolean => server.pid !== undefined && process.kill(server.pid, 0);

  /** Everything that had a receipt came out, and nothing that was refused did. */
  function expectAllOut(lines: readonly DeliveryLine[]): void {
    const out = new Set(lines.map(({ id }) => id));
    const lost = publisher.ids("stored", "duplicate").filter((id) => !out.has(id));
    expect(lost.slice(0, 5), "stored, but lost").toEqual([]);
    const allowed = new Set(publisher.ids("stored", "duplicate", "UNKNOWN"));
    const refused = [...out].filter((id) => !allowed.has(id));
    expect(refused.slice(0, 5), "refused, but delivered").toEqual([]);
  }

  it("P1 P2: refuses publishes before it is full, gives everything out, and takes publishes again", async () => {
    await publisher.publishUntil(() => publisher.told("DISK_FULL") > 0);
    const { freeBytes } = disk;
    const stored = publisher.told("stored");
    expect(serverRuns()).toBe(true);
    const first = await drain(server.url);
    expectAllOut(first);
    const recoveryMs = await publisher.publishUntilStored();
    expect(recoveryMs).toBeLessThan(RECOVERY_MS);

    // More than would fit beside the first ones, so their space was given back.
    await publisher.publishUntil(() => publisher.told("stored") >= stored * 1.5);
    const all = [...first, ...(await drain(server.url))];
    expectAllOut(all);
    expect(publisher.codes, "no commit failed").toEqual(["DISK_FULL", "stored"]);
    expect(all.length, "nothing came twice").toBe(publisher.told("stored"));
    expect(serverRuns()).toBe(true);
    process.stdout.write(`refused after ${stored} messages with ${freeBytes} bytes left; stored again after ${recoveryMs} ms\n`);
  }, 60_000);

  it.each([
    ["while it stores messages", true],
    ["before its next commit", false],
  ])(
    "P1 P2 P4: outlives somebody else who fills it to the last byte %s",
    async (_, busy) => {
      await publisher.publishUntil(() => publisher.told("stored") >= BACKLOG);
      const publishing = (): Promise<void> => publisher.publishUntil(() => publisher.refusals >= REFUSALS);
      if (busy) {
        await Promise.all([publishing(), turn().then(() => disk.fill())]);
      } else {
        disk.fill();
        // The server looks at the free space after a commit; the journal has room of its own for this one.
        expect(await publisher.publish("large")).toBe("stored");
        await publishing();
        expect(publisher.codes, "no commit failed").toEqual(["DISK_FULL", "stored"]);
      }
      expect(["DISK_FULL", "ENGINE_UNAVAILABLE", "UNKNOWN", "stored"]).toEqual(expect.arrayContaining(publisher.codes));
      expect(await publisher.publish("too-large")).toBe("TOO_LARGE");
      const unknown = publisher.ids("UNKNOWN");
      const first = await drain(server.url);
      expectAllOut(first);
      expect(await publisher.publish(), "it is still full").toBe("DISK_FULL");
      expect(serverRuns()).toBe(true);

      disk.empty();
      const recoveryMs = await publisher.publishUntilStored();
      expect(recoveryMs).toBeLessThan(RECOVERY_MS);
      const out = new Set(first.map(({ id }) => id));
      for (const id of unknown) expect(await publisher.publish(id)).toBe(out.has(id) ? "duplicate" : "stored");
      expectAllOut([...first, ...(await drain(server.url))]);
      expect(serverRuns()).toBe(true);
      process.stdout.write(`${publisher.refusals} refused, ${unknown.length} of them UNKNOWN; stored again after ${recoveryMs} ms\n`);
    },
    60_000,
  );
});
