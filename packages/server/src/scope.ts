import { z } from "zod";
import { checkNamespace } from "./address.js";
import { Broadcast, listOf } from "./broadcast.js";
import type { Broker } from "./broker.js";
import type { Page } from "./engine.js";
import { messageOptionsOf } from "./message.js";
import { type QueueOptionsInput, queueName } from "./options.js";
import { checkMessages, publishAll, type QueuedMessage, type Receipt } from "./publish.js";
import { Queue } from "./queue.js";
import type { Requesters } from "./requester.js";
import { Room, type RoomOptionsInput } from "./room.js";
import type { TargetName } from "./room-names.js";
import type { Settings } from "./settings.js";
import { validate } from "./validate.js";

const listOptions = z.strictObject({ after: z.string().optional(), limit: z.int().min(1).max(1_000).default(100) });

/** The queues and rooms of one namespace. */
export class Scope {
  readonly namespace: string;
  readonly #broker: Broker;
  readonly #settings: Settings;
  readonly #requesters: Requesters;

  constructor(broker: Broker, settings: Settings, requesters: Requesters, namespace: string) {
    this.namespace = checkNamespace(namespace);
    this.#broker = broker;
    this.#settings = settings;
    this.#requesters = requesters;
  }

  /**
   * A queue by name; nothing happens before it is used.
   *
   * @param options given to the queue before its first use here, which fails when they cannot be
   */
  queue<Body = unknown>(name: string, options?: QueueOptionsInput): Queue<Body> {
    return new Queue<Body>(this.#broker, this.#settings, this.#requesters, this.namespace, name, options);
  }

  /** Stores up to 1,000 messages and 1 MiB, to one or several queues, in one commit: all or none. Errors as `Queue.publish`. */
  async publish(messages: readonly QueuedMessage[]): Promise<Receipt[]> {
    checkMessages(messages);
    const now = this.#settings.clock.now();
    const checked = messages.map(({ body, queue, ...options }) => {
      return { queue: validate(queueName, queue, "queue"), body, ...messageOptionsOf(options, "message", now) };
    });
    return publishAll(this.#broker, this.namespace, checked, this.#settings.limits.bodyBytesMax);
  }

  /**
   * A durable room by name; nothing happens before it is used.
   *
   * @param options given to the room before its first use here, which fails when they cannot be
   */
  room(name: string, options?: RoomOptionsInput): Room {
    return new Room(this.#broker, this.#settings, this.namespace, name, options);
  }

  /**
   * Where an event is to go: rooms by their names, users as `user("bob")`.
   *
   * @example
   * await holdfast.to("kitchen").except(user("bob")).emit("order", { table: 4 });
   */
  to(targets: TargetName | readonly TargetName[]): Broadcast {
    return new Broadcast(this.#broker, this.#settings, this.namespace, listOf(targets));
  }

  /** Names of the rooms in order, those after `after`, up to `limit` (100, at most 1,000). */
  async rooms(options: { readonly after?: string; readonly limit?: number } = {}): Promise<Page<string, string>> {
    const { after, limit } = validate(listOptions, options, "options");
    return this.#broker.rooms.list(this.namespace, after, limit);
  }

  /** Names of the queues in order, those after `after`, up to `limit` (100, at most 1,000). */
  async queues(options: { readonly after?: string; readonly limit?: number } = {}): Promise<Page<string, string>> {
    const { after, limit } = validate(listOptions, options, "options");
    return this.#broker.list(this.namespace, after, limit);
  }
}
