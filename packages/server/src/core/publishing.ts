import { HoldfastError, type ReceiptRun } from "holdfast-client/protocol";
import type { AppendRequest, QueueAddress } from "../engine.js";
import { errorReply } from "../error-reply.js";
import { type AppendTools, appendTo, type Fed, feedTo, noteRefusal, refusalOf } from "./append.js";
import type { Catalog } from "./catalog.js";
import type { CommitBuilder } from "./commit.js";
import type { Queue } from "./queue.js";

/** What became of an append. */
export interface Appended {
  readonly runs: readonly (readonly ReceiptRun[])[];
  readonly refused?: HoldfastError;
}

/** Takes messages of several queues, each request as a whole or not, and creates queues on first use. */
export class Publishing {
  readonly #catalog: Catalog;
  readonly #commit: CommitBuilder;
  readonly #tools: AppendTools;
  readonly #create: (request: AppendRequest, now: number) => Queue;

  /** @param create makes a queue that is not there yet */
  constructor(catalog: Catalog, commit: CommitBuilder, tools: AppendTools, create: (request: AppendRequest, now: number) => Queue) {
    this.#catalog = catalog;
    this.#commit = commit;
    this.#tools = tools;
    this.#create = create;
  }

  /** Takes messages. With `atomic`, `refused` says why none was taken. */
  append(requests: readonly AppendRequest[], atomic: boolean, now: number): Appended {
    if (atomic) {
      const refused = this.#refusalOf(requests, now);
      if (refused !== undefined) return { runs: [], refused };
    }
    return { runs: requests.map((request) => this.#appendOne(request, atomic, now)) };
  }

  #appendOne(request: AppendRequest, must: boolean, now: number): ReceiptRun[] {
    const queue = this.#catalog.find(request) ?? this.#create(request, now);
    this.#commit.touch(queue);
    try {
      return appendTo(queue, request, this.#tools, must, now);
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error;
      return [{ count: request.count, sequence: 0, duplicate: false, error: errorReply(error) }];
    }
  }

  /** Why not all are taken. What is refused for good is told before what may be taken later. */
  #refusalOf(requests: readonly AppendRequest[], now: number): HoldfastError | undefined {
    let passing: HoldfastError | undefined;
    for (const request of requests) {
      const reply = refusalOf(this.#catalog.find(request), request, now);
      if (reply === undefined) continue;
      if (reply.retryable) {
        passing ??= HoldfastError.from(reply);
        continue;
      }
      if (request.producer !== undefined) {
        const queue = this.#catalog.find(request) ?? this.#create(request, now);
        noteRefusal(queue, request, reply, now);
        this.#commit.touch(queue);
      }
      return HoldfastError.from(reply);
    }
    return passing;
  }

  /** Takes what a room has for a queue, as `feedTo`; undefined when there is no such queue. */
  feed(address: QueueAddress, messages: Fed, now: number): number | undefined {
    const queue = this.#catalog.find(address);
    if (queue === undefined) return undefined;
    this.#commit.touch(queue);
    return feedTo(queue, messages, this.#tools, now);
  }
}
