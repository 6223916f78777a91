import { JsonText } from "../body.js";
import { checkName } from "../check.js";
import type { Reply } from "../connection.js";
import type { DeadLetterHistory } from "../history.js";
import type { MessageOptions } from "../message.js";
import { NAME_PATTERN } from "../names.js";
import type { Page } from "../page.js";
import type { QueueOptions, QueueStats } from "../queue.js";
import type { Headers } from "../record.js";
import type { Requests } from "../requests.js";
import { remove } from "./removal.js";

/** A message as `peek` shows it. */
export interface PeekedMessage<Body = unknown> {
  readonly id: string;
  readonly sequence: number;
  readonly attempts: number;
  readonly state: "ready" | "in-flight" | "delayed" | "parked" | "blocked";
  readonly publishedAt: number;
  readonly body: Body;
  readonly event?: string | undefined;
  readonly key?: string | undefined;
  readonly headers?: Headers | undefined;
  /** The queue where an answer is expected. */
  readonly replyTo?: string | undefined;
  /** Which request it is, or answers. */
  readonly correlationId?: string | undefined;
  /** Left out when it is 0. */
  readonly priority?: number | undefined;
  /** Of a dead letter: where it came from and why it is here. */
  readonly history?: DeadLetterHistory | undefined;
  /** Why the body could not be read; it is null then. */
  readonly invalid?: string | undefined;
}

/** When a schedule publishes. */
export interface ScheduleTimes {
  /** Five fields (minute, hour, day, month, weekday), six with seconds before them, or a name such as `@daily`. */
  readonly cron: string;
  /** An IANA name such as `Europe/Berlin`, whose clocks are meant. Default `UTC`. */
  readonly timezone?: string | undefined;
}

/** A schedule of a queue. */
export interface ScheduleEntry<Body = unknown> {
  readonly name: string;
  readonly cron: string;
  readonly timezone: string;
  /** When it publishes next, in milliseconds since 1970; absent when the server does not know its time zone any more. */
  readonly next?: number | undefined;
  /** The occurrence it came to last. */
  readonly last?: number | undefined;
  readonly published: number;
  /** Occurrences that the queue refused, because it was full. */
  readonly skipped: number;
  /** What it publishes; `invalid` says why its body, then null, cannot be shown. */
  readonly message: Omit<MessageOptions, "id" | "notBefore"> & { readonly body: Body; readonly invalid?: string | undefined };
}

/**
 * A queue, as whoever runs it looks after it. Every call waits for a connection, and rejects with the server's error.
 * `Body` is what its messages carry.
 *
 * @example
 * const orders = admin(holdfast).queue<Order>("orders");
 * await orders.pause();
 */
export class AdminQueue<Body = unknown> {
  readonly name: string;
  readonly #requests: Pick<Requests, "send">;

  /** @internal */
  constructor(name: string, requests: Pick<Requests, "send">) {
    checkName("queue", name);
    this.name = name;
    this.#requests = requests;
  }

  /**
   * Creates the queue, or changes the options given; the others keep their value. As `define` of a queue, but in the namespace
   * that is meant.
   *
   * @param options of the queue, with their units and ranges: see `QueueOptions`
   * @returns resolves once they are in force, also after a crash of the server
   * @throws HoldfastError by rejection. `BAD_REQUEST`: an option out of its range, or one that the queue cannot take now.
   *   `TOO_LARGE`: one queue too many
   *
   * @example
   * await admin(holdfast, "/shop").queue("orders").define({ maxAttempts: 10, leaseMs: 60_000 });
   */
  async define(options: QueueOptions): Promise<void> {
    await this.#ask("define", options);
  }

  /**
   * Counts of the queue.
   *
   * @throws HoldfastError by rejection. `NOT_FOUND`: there is no such queue
   *
   * @example
   * const { ready, blocked, perSecond } = await admin(holdfast, "/shop").queue("orders").stats();
   */
  stats(): Promise<QueueStats> {
    return this.#ask("stats") as Promise<unknown> as Promise<QueueStats>;
  }

  /** Removes the queue with every message in it; its consumers end. `NOT_FOUND` when there is none. */
  delete(): Promise<void> {
    return remove((mayResend) => this.#ask("delete", undefined, mayResend));
  }

  /** Messages with a sequence above `after` (0), up to `limit` (100, at most 1,000), without leasing them. */
  peek(page?: { readonly after?: number; readonly limit?: number }): Promise<Page<PeekedMessage<Body>, number>> {
    return this.#ask("peek", page) as Promise<unknown> as Promise<Page<PeekedMessage<Body>, number>>;
  }

  /**
   * Lets a key go on that is blocked by a message out of attempts (option `poison: "block"`): that message goes to the
   * dead letters. `NOT_FOUND` when the key is not blocked.
   *
   * @param key of a queue with `ordering: "fifo"` that of the message which holds it, or left out for whichever does
   *
   * @example
   * await orders.skipKey("table-4");
   */
  async skipKey(key?: string): Promise<void> {
    await this.#ask("key", { key, action: "skip" });
  }

  /** As `skipKey`, but the message comes again, with all its attempts. */
  async retryKey(key?: string): Promise<void> {
    await this.#ask("key", { key, action: "retry" });
  }

  /**
   * Removes every message that the queue has now: ready, delayed and in flight, whose settlements are stale. Its dead
   * letters stay.
   *
   * @returns resolves to how many, once none of them is delivered any more, also after a crash of the server
   * @throws HoldfastError by rejection. `NOT_FOUND`: there is no such queue. `UNKNOWN`: the connection was lost before the
   *   reply; it is not sent again, since it would remove what was published since
   *
   * @example
   * const count = await orders.purge();
   */
  purge(): Promise<number> {
    return this.#count("purge");
  }

  /**
   * Hands out no message until `resume`, also after a restart; it takes messages, and deliveries under way go on.
   *
   * @param options `dead`: its dead-letter queue is meant, and not the queue itself, also before the first letter came to it
   * @returns resolves once it holds, also after a crash of the server
   * @throws HoldfastError by rejection. `NOT_FOUND`: there is no such queue, or with `dead` it has no dead-letter queue
   *
   * @example
   * await orders.pause({ dead: true });
   */
  async pause(options?: { readonly dead?: true | undefined }): Promise<void> {
    await this.#ask("pause", options);
  }

  /** Hands out messages again; options and errors as `pause`. */
  async resume(options?: { readonly dead?: true | undefined }): Promise<void> {
    await this.#ask("resume", options);
  }

  /**
   * Dead letters of this queue, wherever its dead-letter queue is, with their `history`: those with a sequence above
   * `after` (0), up to `limit` (100, at most 1,000). `NOT_FOUND` when there is no such queue.
   */
  deadLetters(page?: { readonly after?: number; readonly limit?: number }): Promise<Page<PeekedMessage<Body>, number>> {
    return this.#ask("dead", page) as Promise<unknown> as Promise<Page<PeekedMessage<Body>, number>>;
  }

  /**
   * Moves dead letters of this queue back to its end, in their order, as they were published: same id, no attempts. Those
   * that somebody has in flight stay.
   *
   * @param options `ids`: only these, 1 to 1,000; all unless given
   * @returns resolves to how many, once that survives a crash of the server; no letter is ever in two places
   * @throws HoldfastError by rejection, as `purge`. After `UNKNOWN` some may have moved: call again for the rest
   *
   * @example
   * await orders.redrive({ ids: ["order-17"] });
   */
  redrive(options?: { readonly ids?: readonly string[] | undefined }): Promise<number> {
    return this.#count("redrive", options);
  }

  /** Removes the dead letters that this queue has now, those in flight too. Resolves to how many; errors as `redrive`. */
  purgeDeadLetters(): Promise<number> {
    return this.#count("purge", { dead: true });
  }

  /**
   * Publishes a message again and again, at the times that a cron pattern names; the server does so by itself. A schedule
   * of the same name is replaced; the same again changes nothing.
   *
   * @param name 1 to 128 of `A-Z a-z 0-9 . _ : -`
   * @param body as for `publish`, but JSON arrives equal by value, also that of a `JsonText`
   * @param options what comes with it; no `id`, since each occurrence has one of its own
   * @returns resolves to when it publishes next (milliseconds since 1970), once the schedule survives a crash of the server
   * @throws HoldfastError by rejection. `BAD_REQUEST`: no such pattern or zone, or a pattern that never comes. `TOO_LARGE`:
   *   more than 1,000 schedules of a queue
   *
   * @example
   * await reports.schedule("nightly", { cron: "0 2 * * *", timezone: "Europe/Berlin" }, { kind: "sales" });
   */
  async schedule(
    name: string,
    times: ScheduleTimes,
    body: Body,
    options?: Omit<MessageOptions, "id" | "notBefore">,
  ): Promise<{ readonly next: number }> {
    checkName("name", name, NAME_PATTERN);
    // A `JsonText` is its value here, since it does not travel as text.
    const value = body instanceof JsonText ? JSON.parse(body.text) : body;
    return this.#ask("schedule", { name, ...times, message: { ...options, body: value } }) as Promise<unknown> as Promise<{ next: number }>;
  }

  /** Ends a schedule; what it published stays. `NOT_FOUND` when there is none of that name. */
  async unschedule(name: string): Promise<void> {
    checkName("name", name, NAME_PATTERN);
    return remove((mayResend) => this.#ask("schedule", { name, remove: true }, mayResend));
  }

  /** Schedules of this queue by name, those after `after`, up to `limit` (100, at most 1,000). `NOT_FOUND` when there is no such queue. */
  schedules(page?: { readonly after?: string; readonly limit?: number }): Promise<Page<ScheduleEntry<Body>, string>> {
    return this.#ask("list", { kind: "schedules", ...page }) as Promise<unknown> as Promise<Page<ScheduleEntry<Body>, string>>;
  }

  /** For what must not be done twice. */
  async #count(operation: string, fields?: object): Promise<number> {
    return (await this.#ask(operation, fields, () => false)).count as number;
  }

  #ask(operation: string, fields?: object, mayResend?: () => boolean): Promise<Reply> {
    return this.#requests.send(`holdfast:${operation}`, { queue: this.name, ...fields }, mayResend);
  }
}
