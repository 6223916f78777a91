import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { examineDirectory, mendDirectory } from "../../../doctor/examine-directory.js";
import { Holdfast } from "../../../holdfast.js";
import type { EngineEvents } from "../../../engine.js";
import { type Log, silentLog } from "../../../log.js";
import { ManualClock, turn } from "../../conformance/manual-clock.js";
import { Deferred } from "../../deferred.js";
import { createLevelEngine } from "../level-engine.js";
import { TablePatrol } from "./table-patrol.js";

const DAY_MS = 24 * 60 * 60 * 1_000;
const MESSAGES = 2_000;
/** Nobody listens. */
const NO_EVENTS = new Proxy({}, { get: () => () => undefined }) as EngineEvents;

let directory: string;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "holdfast-patrol-"));
  const holdfast = await Holdfast.open({ directory });
  await holdfast.queue("orders").define({ ordering: "none" });
  for (let number = 0; number < MESSAGES; number += 100) {
    await Promise.all(
      Array.from({ length: 100 }, (_, at) => holdfast.queue("orders").publish({ number: number + at }, { delayMs: DAY_MS })),
    );
  }
  await holdfast.close();
  // What the journal has goes to LevelDB's log at the next start, and from there to a table at the one after it.
  for (let time = 0; time < 2; time++) await (await Holdfast.open({ directory })).close();
});
afterEach(() => rmSync(directory, { recursive: true }));

/** Changes a byte in the middle of the largest table; returns what is to be said of it. */
function damageTable(): string {
  const tables = readdirSync(directory).filter((name) => name.endsWith(".ldb"));
  const sizes = tables.map((name) => readFileSync(join(directory, name)).length);
  const name = tables[sizes.indexOf(Math.max(...sizes))] ?? "";
  const bytes = readFileSync(join(directory, name));
  expect(bytes.length).toBeGreaterThan(20_000);
  const middle = Math.floor(bytes.length / 2);
  // In place: LevelDB may have the file mapped into memory.
  const file = openSync(join(directory, name), "r+");
  writeSync(file, Buffer.of((bytes[middle] ?? 0) ^ 4), 0, 1, middle);
  closeSync(file);
  return `${name} is damaged at byte `;
}

it("P1: a damaged table stops the engine that comes to it, which says so and does not start again", async () => {
  const said: string[] = [];
  const log: Log = { ...silentLog, error: (line) => said.push(line) };
  const clock = new ManualClock();
  const first = new Deferred();
  const second = new Deferred();
  const engine = createLevelEngine({ directory, clock, log, onPatrolled: (damage) => (damage === undefined ? first : second).resolve() });
  await engine.open(NO_EVENTS);
  await first.promise;
  const damage = damageTable();
  await turn();
  await clock.advance(DAY_MS);
  await second.promise;
  expect(said[0]).toContain(`the store in ${directory} is damaged: ${damage}`);
  await expect(engine.stats({ namespace: "/", queue: "orders" })).rejects.toMatchObject({ code: "ENGINE_UNAVAILABLE" });
  await engine.close();
  await expect(engine.open(NO_EVENTS)).rejects.toThrow(damage);
});

it("P1: a damaged table is found before LevelDB is opened, which might merge it, and the store does not open until it is mended", async () => {
  const damage = damageTable();
  for (let time = 0; time < 2; time++) await expect(Holdfast.open({ directory })).rejects.toThrow(`it is damaged: ${damage}`);

  const { findings, examined } = await examineDirectory(directory);
  expect(findings).toEqual([
    expect.objectContaining({ what: expect.stringContaining(`LevelDB's table ${damage}`), mend: expect.any(String) }),
  ]);
  expect(examined).toEqual([]);
  await mendDirectory(directory, []);
  const after = await examineDirectory(directory);
  expect(after.findings.map(({ what }) => what)).not.toContainEqual(expect.stringContaining("LevelDB's table"));
  await mendDirectory(directory, after.writes);
  expect((await examineDirectory(directory)).findings).toEqual([]);
  const mended = await Holdfast.open({ directory });
  const { delayed } = await mended.queue("orders").stats();
  expect(delayed).toBeGreaterThan(MESSAGES / 2);
  await mended.queue("orders").publish({ number: -1 });
  await mended.close();
});

it("is made once after the start and once a day, and ends with the store", async () => {
  const clock = new ManualClock();
  const rounds: (string | undefined)[] = [];
  let ended = (): void => undefined;
  const round = (): Promise<void> =>
    new Promise((resolve) => {
      ended = resolve;
    });
  const patrol = new TablePatrol({
    directory,
    clock,
    patrolled: (damage) => {
      rounds.push(damage);
      ended();
    },
  });
  let next = round();
  patrol.begin();
  await next;
  await turn();
  expect(rounds).toEqual([undefined]);
  const damage = damageTable();
  await clock.advance(DAY_MS - 1);
  expect(rounds).toHaveLength(1);
  next = round();
  await clock.advance(1);
  await next;
  expect(rounds).toEqual([undefined, expect.stringContaining(damage)]);
  await clock.advance(3 * DAY_MS);
  expect(rounds, "after a damage it is over").toHaveLength(2);
  await patrol.end();
  expect(patrol.damage).toContain(damage);
});
