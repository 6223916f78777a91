import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const fileOf = (example: string): string => fileURLToPath(new URL(`../../examples/${example}`, import.meta.url));

/** Runs an example as a user does, so with the built packages, and expects it to end well and clean up. Resolves to its lines. */
async function linesOf(example: string, timeoutMs = 20_000): Promise<string[]> {
  const directory = await mkdtemp(join(tmpdir(), "holdfast-example-"));
  try {
    const child = spawn(process.execPath, [fileOf(example)], {
      env: { ...process.env, TMPDIR: directory },
      stdio: ["ignore", "pipe", "pipe"],
      timeout: timeoutMs,
    });
    const [stdout, stderr, [code, signal]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
    expect({ code, signal, stderr }, stdout).toEqual({ code: 0, signal: null, stderr: "" });
    expect(await readdir(directory)).toEqual([]);
    return stdout.trimEnd().split("\n");
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

it("the kitchen serves every order and leaves nothing behind", async () => {
  const lines = await linesOf("orders/orders.js");
  expect(lines.at(-1)).toBe("counts  3 published = 3 acked + 0 ready + 0 in flight + 0 dead");
  expect(lines).toEqual(expect.arrayContaining(["cook    dropped the hake", "cook    served hake, attempt 2"]));
});

it("the board lets in who may, and its administrator lists, disconnects and deletes", async () => {
  const lines = await linesOf("admin/admin.js");
  expect(lines.at(-1)).toBe("counts  1 message and 1 notice for dan, 0 of bob's: as it should be");
});

it("the parcel service loses nothing: not with a driver, not while a vendor is away, not when the hub is killed", async () => {
  const lines = await linesOf("caps/run.js", 120_000);
  expect(lines.at(-1)).toContain("20 parcels, 40 changes: each once per state, in order, nothing missed");
  // The parcel of the driver who was killed went to another one.
  const lost = /ann's van broke down with (\S+)/.exec(lines.join("\n"))?.[1];
  expect(lines.some((line) => / +picks up /.test(line) && line.includes(`${lost} (attempt `) && !line.startsWith("ann"))).toBe(true);
  // What the vendor heard when it was back had been told while it was away.
  const back = lines.findIndex((line) => line.includes("opens again"));
  const heard = lines.slice(back).find((line) => line.startsWith("1-800-flowers") && line.includes("hears:"));
  const [missed] = /1-800-flowers-[0-9a-f]{8}/.exec(heard ?? "") ?? [];
  expect(lines.slice(0, back).some((line) => missed !== undefined && line.includes(missed) && line.includes("on the way"))).toBe(true);
}, 130_000);

interface Told {
  readonly who: string;
  readonly did: "orders" | "hears";
  readonly orderId: string;
  readonly state?: string;
  readonly sequence?: number;
}

it("the day of the parcel service is not taken for good when anything was missed, told twice, out of order or left", async () => {
  const { complaintsOf } = (await import(fileOf("caps/check.js"))) as { complaintsOf(events: Told[], counts: object): string[] };
  const of = (orderId: string): Told[] => [
    { who: "acme", did: "orders", orderId },
    { who: "acme", did: "hears", orderId, state: "in-transit", sequence: orderId === "a" ? 1 : 3 },
    { who: "acme", did: "hears", orderId, state: "delivered", sequence: orderId === "a" ? 2 : 4 },
  ];
  const counts = { ready: 0, inFlight: 0, delayed: 0, dead: 0, acked: 2 };
  const [a, b] = [of("a"), of("b")];
  const [ordered, first, second] = a as [Told, Told, Told];
  const day = (...events: Told[]): string[] => complaintsOf([...events, ...b], counts);
  expect(day(ordered, first, second)).toEqual([]);
  expect(day(ordered, first)).toEqual(['acme heard "in-transit" of a, expected "in-transit, delivered"']);
  expect(day(ordered, { ...first, sequence: 2 }, { ...second, sequence: 1 })).toEqual(["acme heard number 1 after number 2"]);
  expect(day(ordered, first, second, second)).toHaveLength(2);
  expect(day(ordered, second, first)).toHaveLength(2);
  expect(complaintsOf([first, second, ...b], { ...counts, acked: 1 })).toHaveLength(2);
  expect(complaintsOf([...a, ...b], { ...counts, ready: 1, acked: 1 })).toHaveLength(2);
});
