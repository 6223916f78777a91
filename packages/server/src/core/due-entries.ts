import type { CommitBuilder } from "./commit.js";
import { type DueFields, type DueMessage, packDue } from "./due-list.js";
import * as keys from "./keys.js";
import type { Queue } from "./queue.js";
import { timesOf } from "./timing.js";

/** Writes and removes the store entries of due lists. What it adds shows in its list once it is durable. */
export class DueEntries {
  readonly #commit: CommitBuilder;

  constructor(commit: CommitBuilder) {
    this.#commit = commit;
  }

  add(queue: Queue, record: Uint8Array, fields: DueFields): void {
    const { sequence, attempts, publishedAt, reason } = fields;
    const list = queue.levels.list(fields.list);
    // After the mark, or it would count as leased.
    const due = Math.max(fields.due, list.mark.due);
    const { expireAt, since } = timesOf(record, publishedAt);
    const [order, size] = [queue.nextOrder++, record.length];
    const message: DueMessage = { list: fields.list, due, sequence, attempts, publishedAt, reason, expireAt, since, order, size };
    const value = packDue(message, record);
    queue.dueCount++;
    if (queue.dueWatchers.size > 0) for (const watcher of queue.dueWatchers) watcher.added(message);
    list.expect(message, value.subarray(value.length - record.length));
    const key = keys.dueKey(queue.number, message);
    this.#commit.add(key, value);
    this.#commit.writeExpiry(queue, message.expireAt, keys.EXPIRES_IN.due, message.sequence, key);
    this.#commit.showDue(queue, message);
    this.#commit.touch(queue);
  }

  remove(queue: Queue, message: DueMessage): void {
    queue.dueCount--;
    if (queue.dueWatchers.size > 0) for (const watcher of queue.dueWatchers) watcher.removed(message);
    queue.drainedBytes += message.size;
    this.#commit.write(keys.dueKey(queue.number, message), undefined);
    this.#commit.removeExpiry(queue, message.expireAt, keys.EXPIRES_IN.due, message.sequence);
  }
}
