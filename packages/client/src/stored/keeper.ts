import type { Party } from "../connection.js";
import { HoldfastError } from "../errors.js";
import type { Lane } from "../lane.js";
import type { Pending } from "../message.js";
import type { Keeper, Outbox } from "../outbox.js";
import type { Database, KeptMessage, MessageKey, Row } from "./database.js";

interface Place {
  readonly lane: Lane;
  readonly entry: Pending;
}

/** What waits in a lane behind a message that is not kept (`Pending.onTurn`), because that has no number to hold its place. */
interface Line {
  readonly gate: Pending;
  behind: Pending[];
}

/** What else happens to the messages of a producer that another page left. */
interface Watcher {
  onForget(entry: Pending): void;
  /** Nothing is left. */
  onDrained(): void;
}

function messageOf({ id, traits, texts, body, timing, bytes, array }: Pending): KeptMessage {
  const { notBefore, ttlMs } = timing ?? {};
  const delayMs = notBefore === undefined ? timing?.delayMs : undefined;
  return { id, traits, texts, body, timing: timing && { delayMs, notBefore, ttlMs }, bytes, array };
}

/** Lets the lanes write again. */
export function release(outbox: Outbox): void {
  outbox.held = false;
  for (const lane of outbox.lanes.values()) outbox.connection.flushSoon(lane);
}

/**
 * Keeps the messages of one producer in the database for as long as their fate is unknown.
 *
 * staged -> (written, which gives it its number) -> open in its lane -> (its fate) -> deleted. One write runs at a time and
 * takes all that was staged meanwhile. While a deletion is not written the outbox is held: what a frame says of the oldest
 * open number is true of the database too, so whatever is found there after a crash the server still knows.
 */
export class OutboxKeeper implements Keeper, Party {
  /** The outbox counts what is unconfirmed. */
  readonly idle = true;
  readonly #outbox: Outbox;
  readonly #database: Database;
  readonly #watcher: Watcher | undefined;
  #staged: Place[] = [];
  #writing: Place[] = [];
  #deleted: MessageKey[] = [];
  /** Deletions that failed, for the next write. */
  #undeleted: MessageKey[] = [];
  readonly #keys = new Map<Pending, MessageKey>();
  /** The next number, by queue; 1 where there is none. */
  readonly #nexts = new Map<string, number>();
  readonly #lines = new Map<Lane, Line>();
  #run: Promise<void> | undefined;

  constructor(outbox: Outbox, database: Database, watcher?: Watcher) {
    this.#outbox = outbox;
    this.#database = database;
    this.#watcher = watcher;
    outbox.connection.join(this);
  }

  /** Takes over what is in the database already: the messages of a queue that are open, and its next number. */
  resume(queue: string, next: number, kept: readonly (readonly [Pending, MessageKey])[]): void {
    this.#nexts.set(queue, next);
    for (const [entry, key] of kept) this.#keys.set(entry, key);
  }

  add(lane: Lane, entry: Pending): void {
    this.#staged.push({ lane, entry });
    this.#write();
  }

  remove(entry: Pending): void {
    for (let at = this.#stagedAt(entry); at >= 0; at = this.#stagedAt(entry)) {
      for (const removed of this.#staged.splice(at, entry.array || 1)) this.#outbox.finish(removed.entry);
    }
    for (const line of this.#lines.values()) line.behind = line.behind.filter((each) => each !== entry);
    if (entry.onTurn !== undefined) this.#outbox.finish(entry);
  }

  #stagedAt(entry: Pending): number {
    return this.#staged.findIndex((place) => place.entry === entry);
  }

  forget(entry: Pending): void {
    const key = this.#keys.get(entry);
    if (key !== undefined) {
      this.#keys.delete(entry);
      this.#deleted.push(key);
      this.#outbox.held = true;
      this.#watcher?.onForget(entry);
      this.#write();
    } else if (entry.onTurn !== undefined) this.#openGate(entry);
  }

  onReady(): void {}

  /** Fails what is not with its lane yet. */
  onRefused(error: HoldfastError): void {
    const giveUp = (entry: Pending): void => {
      // Without a number it is not kept, or not to be kept; else nobody waits for it any more, but it stays.
      if (entry.number === 0 || entry.onTurn !== undefined) this.#outbox.finish(entry);
      entry.onDone?.();
      entry.fail(error.code, error.message);
    };
    const staged = this.#staged;
    this.#staged = [];
    for (const { entry } of [...staged, ...this.#writing]) giveUp(entry);
    for (const [lane, { gate, behind }] of [...this.#lines]) {
      for (const entry of behind) giveUp(entry);
      giveUp(gate);
      lane.remove(gate);
    }
  }

  /** Resolves once nothing is left to be written. */
  async settled(): Promise<void> {
    while (this.#run !== undefined) await this.#run;
  }

  /** Begins after what runs now, so that a loop of publishes is one write, and before the page can be left. */
  #write(): void {
    this.#run ??= Promise.resolve().then(() => this.#writeAll());
  }

  async #writeAll(): Promise<void> {
    while (this.#staged.length > 0 || this.#deleted.length > 0) {
      // Apart, so that deletions make room when there is none for anything new.
      await Promise.all([this.#writeDeleted(), this.#writeStaged()]);
      if (this.#deleted.length > 0) continue;
      release(this.#outbox);
    }
    this.#run = undefined;
    if (this.#keys.size === 0) this.#watcher?.onDrained();
  }

  async #writeDeleted(): Promise<void> {
    const keys = [...this.#undeleted, ...this.#deleted];
    this.#deleted = [];
    this.#undeleted = [];
    try {
      if (keys.length > 0) await this.#database.forget(keys);
    } catch {
      // What stays is sent again after a reload, and the server recognises it.
      this.#undeleted = keys;
    }
  }

  async #writeStaged(): Promise<void> {
    const places = this.#staged;
    this.#staged = [];
    this.#writing = places;
    const { producer } = this.#outbox;
    const rows: Row[] = [];
    const nexts = new Map<string, number>();
    for (const { lane, entry } of places) {
      if (entry.onTurn !== undefined) continue;
      const { queue } = lane;
      const number = nexts.get(queue) ?? this.#nexts.get(queue) ?? 1;
      nexts.set(queue, number + 1);
      entry.number = number;
      rows.push({ key: [producer, queue, number], message: messageOf(entry) });
    }
    try {
      if (rows.length > 0) await this.#database.keep(producer, rows, nexts);
      for (const [queue, next] of nexts) this.#nexts.set(queue, next);
      this.#release(places, rows);
    } catch (error) {
      this.#fail(places, error);
    }
    this.#writing = [];
  }

  #release(places: readonly Place[], rows: readonly Row[]): void {
    let row = 0;
    for (const { lane, entry } of places) {
      const key = entry.onTurn === undefined ? rows[row++]?.key : undefined;
      if (key !== undefined) this.#keys.set(entry, key);
      this.#pass(lane, entry);
    }
  }

  /** Nothing of it was stored, or sent. */
  #fail(places: readonly Place[], error: unknown): void {
    const code = error instanceof Error && error.name === "QuotaExceededError" ? "OUTBOX_FULL" : "ENGINE_UNAVAILABLE";
    for (const { lane, entry } of places) {
      if (entry.onTurn !== undefined) this.#pass(lane, entry);
      else {
        entry.number = 0;
        this.#outbox.finish(entry);
        entry.reject(new HoldfastError(code, `publish was not sent: IndexedDB did not store it: ${error}`));
      }
    }
  }

  /** On to its lane, unless a gate is before it. */
  #pass(lane: Lane, entry: Pending): void {
    const line = this.#lines.get(lane);
    if (line !== undefined) line.behind.push(entry);
    else if (entry.onTurn === undefined) lane.open(entry);
    else if (!entry.done) {
      this.#lines.set(lane, { gate: entry, behind: [] });
      lane.add(entry);
    }
  }

  #openGate(gate: Pending): void {
    for (const [lane, line] of [...this.#lines]) {
      if (line.gate !== gate) continue;
      this.#lines.delete(lane);
      for (const entry of line.behind) this.#pass(lane, entry);
    }
  }
}
