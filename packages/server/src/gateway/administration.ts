import { HoldfastError } from "holdfast-client/protocol";
import type { Broker } from "../broker.js";
import type { Page, Peeked, QueueAddress } from "../engine.js";
import { definedOptions } from "../queue.js";
import { readPeeked } from "../read-message.js";
import type { Settings } from "../settings.js";
import { validate } from "../validate.js";
import type { AdminOperation } from "./events.js";
import { fillPage } from "./page.js";
import * as rooms from "./room-administration.js";
import { listSchedules, schedule } from "./schedules.js";
import * as schemas from "./schemas.js";
import * as upkeep from "./upkeep.js";

type ReadPage = (address: QueueAddress, after: number, limit: number) => Promise<Page<Peeked, number>>;

/** Looking after the queues and rooms of a namespace: checked payload in, reply out. */
export class Administration {
  readonly #broker: Broker;
  readonly #settings: Settings;

  constructor(broker: Broker, settings: Settings) {
    this.#broker = broker;
    this.#settings = settings;
  }

  /** Carries out a request; fails with a `HoldfastError` that becomes the reply. */
  async answer(namespace: string, operation: AdminOperation, payload: object): Promise<object> {
    const broker = this.#broker;
    switch (operation) {
      case "holdfast:define":
        return "room" in payload ? rooms.define(broker, namespace, payload) : this.#define(namespace, payload);
      case "holdfast:delete":
        return "room" in payload ? rooms.deleteRoom(broker, namespace, payload) : this.#delete(namespace, payload);
      case "holdfast:list":
        return this.#list(namespace, payload);
      case "holdfast:stats":
        return "room" in payload ? rooms.stats(broker, namespace, payload) : this.#stats(namespace, payload);
      case "holdfast:peek":
        return this.#peek(namespace, payload, (...page) => broker.peek(...page));
      case "holdfast:dead":
        return this.#peek(namespace, payload, (...page) => broker.deadLetters(...page));
      case "holdfast:key":
        return this.#key(namespace, payload);
      case "holdfast:purge":
        return upkeep.purge(broker, namespace, payload);
      case "holdfast:pause":
        return upkeep.pause(broker, namespace, payload);
      case "holdfast:resume":
        return upkeep.resume(broker, namespace, payload);
      case "holdfast:redrive":
        return upkeep.redrive(broker, namespace, payload);
      case "holdfast:schedule":
        return schedule(broker, namespace, payload, this.#settings.limits.bodyBytesMax);
      case "holdfast:add":
        return rooms.add(broker, namespace, payload);
      case "holdfast:remove":
        return rooms.remove(broker, namespace, payload);
      case "holdfast:members":
        return rooms.members(broker, namespace, payload);
      case "holdfast:presence":
        return rooms.presence(broker, namespace, payload);
      default:
        return operation satisfies never;
    }
  }

  async #define(namespace: string, payload: object): Promise<object> {
    const { queue, ...options } = validate(schemas.defineRequest, payload, "define");
    await this.#broker.define({ namespace, queue }, definedOptions(options));
    return {};
  }

  async #delete(namespace: string, payload: object): Promise<object> {
    const { queue } = validate(schemas.deleteRequest, payload, "delete");
    await this.#broker.remove({ namespace, queue });
    return {};
  }

  async #list(namespace: string, payload: object): Promise<object> {
    const request = validate(schemas.listRequest, payload, "list");
    if (request.kind === "memberships") throw new HoldfastError("BAD_REQUEST", 'kind is "memberships", which only a member can ask for');
    if (request.kind === "schedules") return listSchedules(this.#broker, namespace, request);
    if (request.kind === "rooms") return rooms.listRooms(this.#broker, namespace, request);
    return this.#broker.list(namespace, request.after, request.limit);
  }

  async #stats(namespace: string, payload: object): Promise<object> {
    const { queue } = validate(schemas.statsRequest, payload, "stats");
    return this.#broker.stats({ namespace, queue });
  }

  async #key(namespace: string, payload: object): Promise<object> {
    const { queue, key = "", action } = validate(schemas.keyRequest, payload, "key");
    await this.#broker.unblock({ namespace, queue }, key, action);
    return {};
  }

  async #peek(namespace: string, payload: object, read: ReadPage): Promise<object> {
    const { queue, after, limit } = validate(schemas.peekRequest, payload, "peek");
    return fillPage(
      after,
      limit,
      (from, count) => read({ namespace, queue }, from, count),
      (found) => {
        const { item, buffers } = readPeeked(found);
        return { item, cursor: found.sequence, bytes: found.record.length, buffers };
      },
    );
  }
}
