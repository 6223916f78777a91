import { spawnSync } from "node:child_process";
import { mkdtempSync, rmdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { io, type Socket } from "socket.io-client";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CommandRun } from "./command.js";
import { Observer } from "./observer.js";
import { freePort, ServerProcess } from "./server-process.js";

const QUEUE = "orders";
const BODY_BYTES = 1_024;
/** Publishes open at a time. */
const LANES = 32;
/** How long publishes may still be refused once there is room again. */
const RECOVERY_MS = 5_000;
/** Messages stored when somebody else fills the disk, and publishes refused before it is drained. */
const BACKLOG = 5_000;
const REFUSALS = 500;

/** A file system of 64 MiB in memory that a test can fill. */
class SmallDisk {
  readonly path = mkdtempSync(join(tmpdir(), "holdfast-disk-"));
  /** Why it could not be mounted; undefined when it was. */
  readonly refused: string | undefined;
  readonly #filler = join(this.path, "filler");

  constructor() {
    const { error, status, stderr } = spawnSync("mount", ["-t", "tmpfs", "-o", "size=64m", "tmpfs", this.path], { encoding: "utf8" });
    if (error !== undefined) this.refused = error.message;
    else if (status !== 0) this.refused = stderr.trim();
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.path);
    return bavail * bsize;
  }

  /** Takes every byte that is free now; what others give up afterwards is left to them. */
  fill(): void {
    try {
      writeFileSync(this.#filler, Buffer.alloc(this.freeBytes));
    } catch (error) {
      // Somebody else wrote meanwhile, so the last page was not there any more.
      if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) throw error;
    }
  }

  empty(): void {
    rmSync(this.#filler);
  }

  close(): void {
    if (this.refused === undefined) {
      const { status, stderr } = spawnSync("umount", [this.path], { encoding: "utf8" });
      if (status !== 0) throw new Error(`${this.path} is still mounted: ${stderr}`);
    }
    rmdirSync(this.path);
  }
}

/** Why no file system can be mounted here; undefined when one can. */
function whyNoMount(): string | undefined {
  const disk = new SmallDisk();
  disk.close();
  return disk.refused;
}

const bodyOf = (id: string): string => `${id} `.padEnd(BODY_BYTES, "x");

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
    this.socket = io(url, { transports: ["websocket"], forceNew: true });
  }

  /** How many replies were that. */
  told(fate: string): number {
    return this.#told.get(fate) ?? 0;
  }

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

  async publish(id = `disk-${this.fates.size}`, body = bodyOf(id)): Promise<string> {
    this.fates.set(id, "open");
    const reply = (await this.socket.timeout(20_000).emitWithAck("holdfast:publish", { queue: QUEUE, id, body })) as Reply;
    if (reply.ok) expect(reply.receipts).toMatchObject([{ id }]);
    else expect(reply.error.retryable, reply.error.message).toBe(body.length === BODY_BYTES);
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

interface DeliveryLine {
  readonly id: string;
  readonly attempt: number;
  readonly body: unknown;
}

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
    await server.start();
    publisher = new Publisher(server.url);
  });

  afterEach(async () => {
    publisher.socket.disconnect();
    await server.kill();
    disk.close();
  });

  /** Whether the process that was started still runs. */
  const serverRuns = (): boolean => server.pid !== undefined && process.kill(server.pid, 0);

  /** Everything that had a receipt came out whole, and nothing that was refused did. */
  function expectAllOut(delivered: readonly string[]): void {
    const [out, stored] = [new Set(delivered), new Set(publisher.ids("stored", "duplicate"))];
    expect([...stored].filter((id) => !out.has(id)).slice(0, 5), "stored, but lost").toEqual([]);
    const open = new Set(publisher.ids("UNKNOWN"));
    expect([...out].filter((id) => !stored.has(id) && !open.has(id)).slice(0, 5), "refused, but delivered").toEqual([]);
  }

  it("P1 P2: refuses publishes before it is full, gives everything out, and takes publishes again", async () => {
    const delivered: string[] = [];
    for (const round of [1, 2]) {
      const refused = publisher.told("DISK_FULL");
      await publisher.publishUntil(() => publisher.told("DISK_FULL") > refused);
      expect(publisher.codes).toEqual(["DISK_FULL", "stored"]);
      const { freeBytes } = disk;
      expect(serverRuns()).toBe(true);
      const lines = await drain(server.url);
      expect(lines.every(({ attempt }) => attempt === 1)).toBe(true);
      delivered.push(...lines.map(({ id }) => id));
      expectAllOut(delivered);
      expect(new Set(delivered).size, "nothing came twice").toBe(delivered.length);
      const recoveryMs = await publisher.publishUntilStored();
      process.stdout.write(`round ${round}: ${lines.length} messages stored, ${freeBytes} bytes left; again after ${recoveryMs} ms\n`);
      expect(recoveryMs).toBeLessThan(RECOVERY_MS);
    }
  }, 60_000);

  it("P1 P2 P4: outlives somebody else filling it to the last byte", async () => {
    let full = false;
    await publisher.publishUntil(() => {
      if (!full && publisher.told("stored") >= BACKLOG) {
        disk.fill();
        full = true;
      }
      return publisher.refusals >= REFUSALS;
    });
    expect(["DISK_FULL", "ENGINE_UNAVAILABLE", "UNKNOWN", "stored"]).toEqual(expect.arrayContaining(publisher.codes));
    expect(publisher.told("UNKNOWN"), "a commit failed").toBeGreaterThan(0);
    expect(await publisher.publish("too-large", "x".repeat(300_000))).toBe("TOO_LARGE");
    const unknown = publisher.ids("UNKNOWN");
    const delivered = (await drain(server.url)).map(({ id }) => id);
    expectAllOut(delivered);
    expect(await publisher.publish(), "it is still full").toBe("DISK_FULL");
    expect(serverRuns()).toBe(true);

    disk.empty();
    const recoveryMs = await publisher.publishUntilStored();
    expect(recoveryMs).toBeLessThan(RECOVERY_MS);
    for (const id of unknown) expect(await publisher.publish(id)).toBe(delivered.includes(id) ? "duplicate" : "stored");
    delivered.push(...(await drain(server.url)).map(({ id }) => id));
    expectAllOut(delivered);
  }, 60_000);
});
