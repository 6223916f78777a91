import type { Holdfast, QueueStats } from "holdfast-client";
import { admin, type RoomStats } from "holdfast-client/admin";
import { HoldfastError } from "holdfast-client/protocol";
import { withServer } from "./connection.js";
import { namedPagesOf } from "./pages.js";
import { withRooms } from "./room-flags.js";

/** A queue or a room with its counts. */
export interface Row<Stats> {
  readonly name: string;
  readonly stats: Stats;
}

/** What a namespace has many of, by name: queues, or rooms. */
export interface Resources<Stats> {
  /** What one of them is called, as a field and in the head of a table. */
  readonly kind: "queue" | "room";
  readonly connect: typeof withRooms;
  namesOf(holdfast: Holdfast): AsyncIterable<readonly string[]>;
  statsOf(holdfast: Holdfast, name: string): Promise<Stats>;
}

export const QUEUES: Resources<QueueStats> = {
  kind: "queue",
  connect: withServer,
  namesOf: (holdfast) => namedPagesOf((page) => admin(holdfast).queues(page)),
  statsOf: (holdfast, name) => holdfast.queue(name).stats(),
};

export const ROOMS: Resources<RoomStats> = {
  kind: "room",
  connect: withRooms,
  namesOf: (holdfast) => namedPagesOf((page) => admin(holdfast).rooms(page)),
  statsOf: (holdfast, name) => admin(holdfast).room(name).stats(),
};

/** The counts of one, or of all. */
export async function readRows<Stats>(
  holdfast: Holdfast,
  { namesOf, statsOf }: Resources<Stats>,
  name: string | undefined,
): Promise<Row<Stats>[]> {
  if (name !== undefined) return [{ name, stats: await statsOf(holdfast, name) }];
  const rows: Row<Stats>[] = [];
  for await (const names of namesOf(holdfast)) {
    const page = await Promise.all(
      names.map(async (each) => {
        const stats = await ifThere(statsOf(holdfast, each));
        return stats && { name: each, stats };
      }),
    );
    rows.push(...page.filter((row) => row !== undefined));
  }
  return rows;
}

/** Undefined when it was deleted meanwhile. */
async function ifThere<Stats>(stats: Promise<Stats>): Promise<Stats | undefined> {
  try {
    return await stats;
  } catch (error) {
    if (error instanceof HoldfastError && error.code === "NOT_FOUND") return undefined;
    throw error;
  }
}

/** A queue's name with what keeps its messages from being handed out. */
export function queueLabel({ name, stats: { paused, blocked } }: Row<QueueStats>): string {
  const marks = [...(paused ? ["paused"] : []), ...(blocked > 0 ? [`${blocked.toLocaleString("en-US")} blocked`] : [])];
  return marks.length === 0 ? name : `${name} (${marks.join(", ")})`;
}

/** Counts as people read them. */
export const counts = (...numbers: readonly number[]): string[] => numbers.map((count) => count.toLocaleString("en-US"));
