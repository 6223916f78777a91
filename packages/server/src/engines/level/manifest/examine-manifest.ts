import { open, readdir, readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { ifThere } from "../if-there.js";
import { isUnfinished } from "../unfinished.js";
import { recordsOf } from "./manifest-records.js";
import { type FileSizes, Version } from "./version.js";
import { readVersionEdit, type VersionEdit } from "./version-edit.js";

/** Somebody else may be writing it; then LevelDB says that it is locked. */
const LOOKS_MAX = 10;

const NOTHING: Manifest = { tables: new Map() };
const NO_CURRENT: Manifest = { tables: new Map(), damage: "CURRENT is missing or does not name a manifest" };

/** The end of a manifest that was being written when power was lost. */
export interface ManifestTail {
  /** The manifest's file. */
  readonly path: string;
  /** How long it was before. */
  readonly end: number;
}

/** What was found out about a manifest; neither damage nor a tail: it is as it should be. */
export interface Manifest {
  /** The files of the tables that it speaks of, with the bytes that it says they have. */
  readonly tables: FileSizes;
  /** What it says cannot be relied on, and why. */
  readonly damage?: string;
  /** Its last record did not count yet, and is not whole, or what it speaks of is not there. */
  readonly tail?: ManifestTail;
}

/** Records from the first to the last that is whole, as what they come to. */
interface Records {
  readonly bytes: number;
  /** All but the last. */
  readonly before: Version;
  readonly beforeEnd: number;
  readonly last: VersionEdit | undefined;
  readonly lastEnd: number;
}

/**
 * Compares LevelDB's manifest, which says what tables and logs it has, with the files that are there. Changes nothing.
 *
 * LevelDB writes a record, then syncs the directory, then the manifest, and only then deletes what the record made
 * superfluous. So power that is lost meanwhile may leave the record in part, or without the files it speaks of, and
 * then all is there that the records before it speak of: as that one changed no content, nothing is lost without it.
 * LevelDB itself takes that for damage. And where a manifest was cut it takes for granted that logs which are
 * missing had nothing, and opens with less.
 */
export async function examineManifest(directory: string): Promise<Manifest> {
  for (let look = 0; look < LOOKS_MAX; look++) {
    const before = await manifestOf(directory);
    const found = await lookAt(directory, before?.path);
    const after = await manifestOf(directory);
    if (before?.path === after?.path && before?.bytes === after?.bytes) return found;
  }
  return NOTHING;
}

async function lookAt(directory: string, path: string | undefined): Promise<Manifest> {
  const found = path === undefined ? NO_CURRENT : await compare(directory, path);
  return found.damage !== undefined && (await isUnfinished(directory)) ? NOTHING : found;
}

async function compare(directory: string, path: string): Promise<Manifest> {
  const records = await ifThere(readManifest(path));
  if (records === undefined) return { tables: new Map(), damage: `${basename(path)} is missing` };
  return judge(path, records, await sizesOf(directory));
}

function judge(path: string, records: Records, files: FileSizes): Manifest {
  const { before, last, lastEnd, beforeEnd, bytes } = records;
  const newest = before.copy();
  if (last !== undefined) newest.apply(last);
  const lacks = newest.lacks(files);
  const { tables } = newest;
  if (lacks === undefined) return lastEnd === bytes ? { tables } : { tables, tail: { path, end: lastEnd } };
  if (lastEnd === bytes && before.lacks(files) === undefined) return { tables: before.tables, tail: { path, end: beforeEnd } };
  return { tables, damage: lacks };
}

/** The manifest that LevelDB would read; undefined when it would begin anew, or refuse to. */
async function manifestOf(directory: string): Promise<{ readonly path: string; readonly bytes: number } | undefined> {
  const current = (await ifThere(readFile(join(directory, "CURRENT"), "latin1"))) ?? "";
  const [, name] = /^(MANIFEST-\d+)\n$/.exec(current) ?? [];
  if (name === undefined) return undefined;
  const path = join(directory, name);
  const found = await ifThere(stat(path));
  return { path, bytes: found?.size ?? 0 };
}

async function readManifest(path: string): Promise<Records> {
  const file = await open(path);
  try {
    const before = new Version();
    let [beforeEnd, lastEnd] = [0, 0];
    let last: VersionEdit | undefined;
    for await (const { bytes, end } of recordsOf(file)) {
      const edit = readVersionEdit(bytes);
      if (edit === undefined) break;
      if (last !== undefined) before.apply(last);
      [last, beforeEnd, lastEnd] = [edit, lastEnd, end];
    }
    const { size } = await file.stat();
    return { before, beforeEnd, last, lastEnd, bytes: size };
  } finally {
    await file.close();
  }
}

/** The tables and logs that are there, whatever a manifest says. */
export async function sizesOf(directory: string): Promise<FileSizes> {
  const names = (await readdir(directory)).filter((name) => /^\d+\.(ldb|sst|log)$/.test(name));
  const sizes = new Map<string, number>();
  const look = async (name: string): Promise<void> => {
    const found = await ifThere(stat(join(directory, name)));
    if (found !== undefined) sizes.set(name, found.size);
  };
  await Promise.all(names.map(look));
  return sizes;
}
