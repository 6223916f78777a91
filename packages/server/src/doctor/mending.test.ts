import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Holdfast } from "../holdfast.js";
import { examineDirectory, mendDirectory } from "./examine-directory.js";

const LIVES = 3;
const MESSAGES = 150;
const HANDLED = 30;
/** Findings may hide others: the doctor is asked so often at most. */
const STEPS_MAX = 4;
const QUEUES = ["orders", "bills"] as const;

let root = "";
/** The messages that the store has that is not harmed. */
let unharmed: readonly string[] = [];
/** What was published, by queue and id. */
const published = new Map<string, unknown>();

const whole = (): string => join(root, "whole");

/** One large body in eight goes to a blob file. */
const bodyOf = (id: string, n: number): string => `${id} ${"x".repeat(n % 8 === 0 ? 9_000 : 100 + n)}`;

async function live(life: number): Promise<Holdfast> {
  const holdfast = await Holdfast.open({ directory: join(root, "living") });
  await holdfast.queue("orders").define({ maxAttempts: 2, backoff: { type: "fixed", delayMs: 1 } });
  await holdfast.queue("bills").define({ ordering: "key" });
  for (let n = 0; n < MESSAGES; n++) {
    for (const queue of QUEUES) {
      const id = `${queue}-${life}-${n}`;
      published.set(`${queue} ${id}`, bodyOf(id, n));
      const delay = n % 9 === 0 ? { delayMs: 3_600_000 } : {};
      await holdfast.queue(queue).publish(bodyOf(id, n), { id, ...delay, ...(queue === "bills" && { key: `customer ${n % 5}` }) });
    }
  }
  for (const queue of QUEUES) {
    let left = HANDLED;
    let done: () => void = () => undefined;
    const handled = new Promise<void>((resolve) => {
      done = resolve;
    });
    const consumer = await holdfast.queue(queue).consume(() => {
      if (--left === 0) done();
      if (queue === "orders" && left % 4 === 0) throw new Error("not today");
    });
    await handled;
    await consumer.cancel();
  }
  return holdfast;
}

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "holdfast-mending-"));
  for (let life = 1; life < LIVES; life++) await (await live(life)).close();
  const last = await live(LIVES);
  cpSync(join(root, "living"), whole(), { recursive: true });
  await last.close();
  cpSync(whole(), join(root, "unharmed"), { recursive: true });
  unharmed = [...(await mended(join(root, "unharmed"))).bodies.keys()].sort();
});
afterAll(() => rmSync(root, { recursive: true }));

/** What is found at the end of a store that was harmed, once it was mended as often as that does something, and the bodies that it has. */
async function mended(directory: string): Promise<{ readonly left: readonly string[]; readonly bodies: ReadonlyMap<string, unknown> }> {
  for (let step = 0; step < STEPS_MAX; step++) {
    const { findings, writes } = await examineDirectory(directory);
    if (findings.length > 0) await mendDirectory(directory, writes);
  }
  const bodies = new Map<string, unknown>();
  const holdfast = await Holdfast.open({ directory });
  try {
    for (const queue of QUEUES) {
      await holdfast.queue(queue).publish("next", { key: "customer 1" });
      const { items } = await holdfast.queue(queue).peek({ limit: 1_000 });
      expect(items.at(-1)?.body).toBe("next");
      for (const { id, body } of items.slice(0, -1)) bodies.set(`${queue} ${id}`, body);
    }
  } finally {
    await holdfast.close();
  }
  return { left: (await examineDirectory(directory)).findings.map(({ what }) => what), bodies };
}

const HARMS: Record<string, (bytes: Buffer, used: number) => Buffer> = {
  "cut in half": (bytes, used) => bytes.subarray(0, Math.floor(used / 2)),
  emptied: (bytes) => bytes.subarray(0, 0),
  "zeroed in part": (bytes, used) => Buffer.from(bytes).fill(0, Math.floor(used / 3), Math.floor(used / 2)),
  "changed in a byte at its beginning": (bytes) => flipped(bytes, 5),
  "changed in a byte in its middle": (bytes, used) => flipped(bytes, Math.floor(used / 2)),
  "changed in a byte at its end": (bytes, used) => flipped(bytes, used - Math.min(40, used / 4)),
};

function flipped(bytes: Buffer, at: number): Buffer {
  const harmed = Buffer.from(bytes);
  harmed[at] = (harmed[at] ?? 0) ^ 1;
  return harmed;
}

const KINDS: Record<string, RegExp> = {
  "the journal": /^journal-a$/,
  "LevelDB's log": /\.log$/,
  "LevelDB's first table": /\.ldb$/,
  "a blob file": /^blobs-/,
  "LevelDB's manifest": /^MANIFEST-/,
  "the name of LevelDB's manifest": /^CURRENT$/,
};

describe.each(Object.entries(KINDS))("P1, C1: the doctor mends %s", (_, name) => {
  it.each(Object.entries(HARMS))("%s: what is left is what was stored, and all of it adds up", async (_, harm) => {
    const directory = mkdtempSync(join(root, "harmed-"));
    cpSync(whole(), directory, { recursive: true });
    const path = join(directory, readdirSync(directory).find((file) => name.test(file)) ?? "");
    const bytes = readFileSync(path);
    const used = bytes.findLastIndex((byte) => byte !== 0) + 1;
    expect(used).toBeGreaterThan(10);
    const harmed = harm(bytes, used);
    writeFileSync(path, harmed);
    truncateSync(path, harmed.length);
    const { left, bodies } = await mended(directory);
    expect(left).toEqual([]);
    expect(bodies.size).toBeGreaterThan(0);
    for (const [message, body] of bodies) expect(body, message).toBe(published.get(message));
    if (/^(MANIFEST|CURRENT)/.test(basename(path)))
      expect([...bodies.keys()].sort(), "nothing that is stored was harmed").toEqual(unharmed);
  });
});

it("leaves a directory alone that a process has open, whatever is damaged there", async () => {
  const directory = join(root, "open");
  const holdfast = await Holdfast.open({ directory });
  await holdfast.queue("orders").publish("one");
  rmSync(join(directory, "CURRENT"));
  const files = readdirSync(directory).sort();
  await expect(mendDirectory(directory, [])).rejects.toThrow(`directory ${directory} is used by another process`);
  expect(readdirSync(directory).sort()).toEqual(expect.arrayContaining(files.filter((name) => !name.startsWith("LOG"))));
  await holdfast.queue("orders").publish("two");
  await holdfast.close();
  expect((await mended(directory)).bodies.size).toBe(2);
});
