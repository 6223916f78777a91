import { cp, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BackupReader } from "../../backup/backup-reader.js";
import { restoreDirectory } from "../../backup/restore-directory.js";
import { FORMAT_VERSION } from "../../core/catalog.js";
import { examineDirectory } from "../../doctor/examine-directory.js";
import { silentLog } from "../../log.js";
import type { EngineHost } from "../conformance/engine-host.js";
import { Harness } from "../conformance/harness.js";
import { ManualClock } from "../conformance/manual-clock.js";
import { createLevelEngine } from "./level-engine.js";
import { expectAll, expectCaughtUp, expectDeliveries, expectDuplicates } from "./old-stores/expect-all.js";
import { layOut, packDirectory } from "./old-stores/fixture.js";
import { heldBy } from "./old-stores/held.js";
import { live, NAMESPACES } from "./old-stores/history.js";
import { afterEnd, layOutStore, STORES, type Story, storyOf } from "./old-stores/story.js";

let root: string;
let opened: Harness[];
/** What the engines wrote to their logs. */
let lines: string[];
const at = (name: string): string => join(root, name);

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "holdfast-old-"));
  opened = [];
  lines = [];
});
afterEach(async () => {
  for (const h of opened) await h.close();
  await rm(root, { recursive: true });
});

const hostOf = (directory: string): EngineHost => ({
  async open(clock, events) {
    const engine = createLevelEngine({ directory, clock, log: { ...silentLog, info: (line) => lines.push(line) } });
    await engine.open(events);
    return engine;
  },
  crash: () => Promise.reject(new Error("it is not to be crashed")),
  failNextCommit: () => undefined,
  destroy: () => Promise.resolve(),
});

async function open(directory: string, now?: number): Promise<Harness> {
  const h = await Harness.open(hostOf(directory), new ManualClock(now));
  opened.push(h);
  return h;
}

async function findingsOf(directory: string): Promise<{ version: number | undefined; findings: readonly string[] }> {
  const { version, findings } = await examineDirectory(directory);
  return { version, findings: findings.map(({ of, what }) => `${of ?? "the store"}: ${what}`) };
}

/** Lays out a store that an older program left. */
const left = (name: string): Story => {
  layOutStore(name, at("data"));
  return storyOf(name);
};

const backupOf = ({ version }: Story): string => `${at("data")}.v${version}.hfbackup`;
const migration = (story: Story): string =>
  `the store in ${at("data")} goes from format version ${story.version} to ${FORMAT_VERSION}; as it was it is kept in ${backupOf(story)}`;

describe.each(STORES)("a store that an older program left: %s", (name) => {
  it("P1, C1: is migrated once, with all that it had", async () => {
    const story = left(name);
    expect(await findingsOf(at("data"))).toEqual({ version: story.version, findings: [] });
    for (let life = 1; life <= 3; life++) {
      const h = await open(at("data"), story.now + life);
      expect(lines).toEqual([migration(story)]);
      await expectAll(h, story);
      await h.close();
      expect(await findingsOf(at("data"))).toEqual({ version: FORMAT_VERSION, findings: [] });
    }
    expect((await readdir(root)).sort()).toEqual(["data", `data.v${story.version}.hfbackup`]);
  });

  it("P1: has all of it when the life that migrated it is killed", async () => {
    const story = left(name);
    await open(at("data"), story.now);
    await cp(at("data"), at("copy"), { recursive: true });
    expect(await findingsOf(at("copy"))).toEqual({ version: FORMAT_VERSION, findings: [] });
    await expectAll(await open(at("copy"), story.now), story);
    expect(lines).toEqual([migration(story)]);
  });

  it("P1: is kept in a backup that is restored with all that it had", async () => {
    const story = left(name);
    // Of a life that was killed before.
    await writeFile(`${backupOf(story)}.partial`, "a part of a backup");
    await (await open(at("data"), story.now)).close();
    expect(await new BackupReader(backupOf(story)).check()).toMatchObject({ storeVersion: story.version });
    await restoreDirectory(backupOf(story), at("restored"));
    expect((await findingsOf(at("restored"))).findings).toEqual([]);
    await expectAll(await open(at("restored"), story.now), story);
    expect(lines).toEqual([migration(story)]);
  });
});

const WAYS: Record<string, (story: Story) => Promise<string>> = {
  "when it was migrated": async (story) => {
    await (await open(at("data"), story.now)).close();
    return at("data");
  },
  "when its backup was restored": async (story) => {
    await (await open(at("data"), story.now)).close();
    await restoreDirectory(backupOf(story), at("restored"));
    return at("restored");
  },
};

const CASES = STORES.flatMap((name) => Object.entries(WAYS).map(([way, directoryOf]) => ({ name, way, directoryOf })));

describe.each(CASES)("a store that an older program left: $name, $way", ({ name, directoryOf }) => {
  it("D1, A1, T1: delivers each message once, in order, in time and with its attempts, and none that was acknowledged", async () => {
    const story = left(name);
    const directory = await directoryOf(story);
    const h = await open(directory, story.now);
    await expectDeliveries(h, story);
    await h.close();
    expect((await findingsOf(directory)).findings).toEqual([]);
  });

  it("P4, S2: recognises what was published before, and gives devices what they missed, once", async () => {
    const story = left(name);
    const directory = await directoryOf(story);
    const h = await open(directory, story.now);
    await expectDuplicates(h, story);
    await expectCaughtUp(h, story);
    await h.close();
    expect((await findingsOf(directory)).findings).toEqual([]);
  });

  it("P1: keeps what is stored from then on, in blob files too", async () => {
    const story = left(name);
    const directory = await directoryOf(story);
    const bodies = [1, 2, 3].map((n) => `${n} ${"x".repeat(10_000)}`);
    for (const body of bodies) {
      const h = await open(directory, story.now);
      await h.publish("large", body);
      await h.close();
    }
    const h = await open(directory, story.now);
    expect((await h.scan("large")).slice(2).map(({ body }) => body)).toEqual(bodies);
    await h.close();
    expect((await readdir(directory)).filter((file) => file.startsWith("blobs-"))).toHaveLength(1);
    expect((await findingsOf(directory)).findings).toEqual([]);
  });
});

describe("a store that this program left", () => {
  /** As the older ones did: see `old-stores/README.md`. */
  async function leave(): Promise<Story> {
    const h = await open(at("written"));
    const marks = await live(h);
    const held = await heldBy(h, NAMESPACES);
    await h.close();
    packDirectory(at("written"), at("packed"));
    layOut(at("packed"), at("data"));
    return { version: FORMAT_VERSION, end: "closed", now: h.clock.now(), ...marks, ...held };
  }

  it("P1: has what the older ones had, after the same history", async () => {
    const story = await leave();
    const older = storyOf("v2-closed");
    const settled = ({ queues }: Story) => queues.map((queue) => afterEnd(queue, "closed"));
    expect(settled(story)).toEqual(settled(older));
    expect(story).toMatchObject({ rooms: older.rooms, gone: older.gone, chosen: older.chosen, numbered: older.numbered });
    const h = await open(at("data"), story.now);
    await expectAll(h, story);
    await expectDuplicates(h, story);
    await expectCaughtUp(h, story);
    expect(lines).toEqual([]);
  });

  it("D1: delivers each message once", async () => {
    const story = await leave();
    await expectDeliveries(await open(at("data"), story.now), story);
  });
});
