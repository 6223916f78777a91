import { cp, rename, rm } from "node:fs/promises";
import { assertNoFile } from "../engines/level/assert-no-file.js";
import { createLevelStore, createStoreBelow } from "../engines/level/create-level-store.js";
import { ifThere } from "../engines/level/if-there.js";
import { mendJournal } from "../engines/level/journal/mend-journal.js";
import { examineLogs } from "../engines/level/logs/examine-logs.js";
import { examineManifest } from "../engines/level/manifest/examine-manifest.js";
import { mendManifest } from "../engines/level/manifest/mend-manifest.js";
import { examineTables } from "../engines/level/tables/examine-tables.js";
import { mendTables } from "../engines/level/tables/mend-tables.js";
import { type DamagedTable, textOfDamage } from "../engines/level/tables/table-reader.js";
import type { Write } from "../store.js";
import { examine } from "./examine.js";
import type { Examination, Finding } from "./finding.js";
import { openStoredDirectory } from "./stored-directory.js";
import { readJournal } from "./stored-journal.js";

/** Looks through the directory of a stopped server and changes nothing of what it says. `BAD_REQUEST` for what is no directory. */
export async function examineDirectory(directory: string): Promise<Examination> {
  await assertNoFile(directory);
  // To look further would be to open LevelDB, which leaves out what is damaged there, and nobody would know of it then.
  const ofFiles = await examineFiles(directory);
  if (ofFiles.length > 0) return { version: undefined, journalRecords: 0, examined: [], findings: ofFiles, writes: [] };
  const { snapshot, journalRecords, journalDamage, blobDamage, close } = await openStoredDirectory(directory);
  try {
    const examination = await examine(snapshot);
    const ofBlobs = blobDamage.map((what): Finding => ({ what, mend: "takes out what refers to what is missing, and counts anew" }));
    const findings = [...ofBlobs, ...examination.findings];
    if (journalDamage === undefined) return { ...examination, journalRecords, findings };
    // What is found beside it may be due to that alone, so nothing of it is mended.
    const besides = findings.map(({ of, what }) => ({ ...(of !== undefined && { of }), what: `${what}; the journal may be why` }));
    const ofJournal = {
      what: `${journalDamage}; what was stored there is lost, and what it replaced may be back; what LevelDB has without the journal was looked at`,
      mend: "takes from the journal what can be read, and looks at all of it",
    };
    return { ...examination, journalRecords, findings: [ofJournal, ...besides], writes: [] };
  } finally {
    await close();
  }
}

/** What is damaged of LevelDB's own files. */
async function examineFiles(directory: string): Promise<Finding[]> {
  const ofLogs = await examineLogs(directory);
  const ofTables = await examineTables(directory);
  // A table that was cut is damage of the manifest, too.
  const ofManifest = ofTables.length > 0 ? undefined : (await ifThere(examineManifest(directory)))?.damage;
  return [
    ...(ofManifest === undefined ? [] : [ofMissing(ofManifest)]),
    ...(ofLogs === undefined ? [] : [ofLog(ofLogs)]),
    ...ofTables.map(ofTable),
  ];
}

/** LevelDB makes tables of what it can read of its logs, and deletes them. */
async function leaveOut(directory: string): Promise<void> {
  const below = createStoreBelow(directory, { tolerant: true });
  await below.open();
  await below.close();
}

const ofMissing = (damage: string): Finding => ({
  what: `LevelDB cannot tell which files belong to it: ${damage}; nothing else was looked at`,
  mend: "takes the tables and logs that are there, which may bring back what had been deleted, and looks at the rest",
});

const ofLog = (damage: string): Finding => ({
  what: `LevelDB's log ${damage}: what was stored there is lost, unless the journal has it; nothing else was looked at`,
  mend: "leaves out what cannot be read, and looks at the rest",
});

const ofTable = (damaged: DamagedTable): Finding => ({
  what: `LevelDB's table ${textOfDamage(damaged)}: what was stored there is lost, unless the journal has it, and what it replaced may be back; nothing else was looked at`,
  mend: "leaves out what cannot be read, and looks at the rest",
});

/** Copies a directory beside itself, and returns where to; nothing is left of a copy that failed. */
export async function copyDirectory(directory: string, now: Date): Promise<string> {
  const copy = `${directory.replace(/\/+$/, "")}.before-mend-${now.toISOString().replace(/[:.]/g, "-")}`;
  const partial = `${copy}.partial`;
  try {
    await cp(directory, partial, { recursive: true, errorOnExist: true, force: false, preserveTimestamps: true });
    await rename(partial, copy);
  } catch (error) {
    await rm(partial, { recursive: true, force: true }).catch(() => undefined);
    throw error;
  }
  return copy;
}

/** Whether the journal was damaged, and is mended now. */
async function mendedJournal(directory: string): Promise<boolean> {
  const below = createStoreBelow(directory, { tolerant: true });
  await below.open();
  try {
    const { damage } = await readJournal(below, directory);
    if (damage !== undefined) await mendJournal(below, directory);
    return damage !== undefined;
  } finally {
    await below.close();
  }
}

/** Writes what mends the findings, all of it in one commit; where files are damaged, and more may show behind that, only those are mended. */
export async function mendDirectory(directory: string, writes: readonly Write[]): Promise<void> {
  const mendedTables = await mendTables(directory);
  // What was hidden by them is told first.
  if (mendedTables > 0 && (await examineManifest(directory)).damage !== undefined) return;
  if (await mendManifest(directory)) return;
  if (mendedTables > 0 || (await examineLogs(directory)) !== undefined) return leaveOut(directory);
  if (await mendedJournal(directory)) return;
  const store = createLevelStore(directory, { tolerant: true });
  await store.open();
  try {
    await store.write(writes);
  } finally {
    await store.close();
  }
  // What the journal has is moved now, so that nothing but it refers to what is missing.
  await store.open();
  await store.close();
  const below = createStoreBelow(directory, { tolerant: true });
  await below.open();
  await below.mend().finally(() => below.close());
}
