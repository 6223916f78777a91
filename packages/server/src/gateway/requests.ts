import { type ErrorReply, FRAME_VERSION, HoldfastError, LIMITS, type SettledRun, type SettleRun } from "holdfast-client/protocol";
import type { Broker } from "../broker.js";
import type { Consumer } from "../consumer.js";
import { STALE } from "../consumers.js";
import type { Page, Peeked, QueueAddress } from "../engine.js";
import { publishAll, publishOne, type QueuedMessage } from "../publish.js";
import { definedOptions } from "../queue.js";
import { readPeeked } from "../read-message.js";
import type { Settings } from "../settings.js";
import { preview, validate } from "../validate.js";
import type { Answer } from "./answer.js";
import { attachConsumer } from "./attach-consumer.js";
import { backup } from "./backup.js";
import type { Connection } from "./connection.js";
import type { Operation } from "./events.js";
import { fillPage } from "./page.js";
import * as rooms from "./rooms.js";
import { listSchedules, schedule } from "./schedules.js";
import * as schemas from "./schemas.js";
import { leaseOf } from "./token.js";
import * as upkeep from "./upkeep.js";

type ReadPage = (address: QueueAddress, after: number, limit: number) => Promise<Page<Peeked, number>>;

/** The operations of plain Socket.IO events: checked payload in, reply out. */
export class Requests {
  readonly #broker: Broker;
  readonly #settings: Settings;

  constructor(broker: Broker, settings: Settings) {
    this.#broker = broker;
    this.#settings = settings;
  }

  /** Carries out a request; fails with a `HoldfastError` that becomes the reply. */
  async answer(connection: Connection, operation: Operation, args: readonly unknown[]): Promise<Answer> {
    const payload = schemas.payloadOf(args);
    switch (operation) {
      case "holdfast:hello":
        return this.#hello(connection, payload);
      case "holdfast:publish":
        return { reply: await this.#publish(connection, payload) };
      case "holdfast:consume":
        return attachConsumer(this.#broker, this.#settings, connection, payload);
      case "holdfast:settle":
        return { reply: await this.#settle(connection, payload) };
      case "holdfast:cancel":
        return { reply: await this.#cancel(connection, payload) };
      case "holdfast:define":
        return { reply: await this.#define(connection, payload) };
      case "holdfast:delete":
        return { reply: await this.#delete(connection, payload) };
      case "holdfast:list":
        return { reply: await this.#list(connection, payload) };
      case "holdfast:stats":
        return { reply: await this.#stats(connection, payload) };
      case "holdfast:peek":
        return { reply: await this.#peek(connection, payload, (...page) => this.#broker.peek(...page)) };
      case "holdfast:key":
        return { reply: await this.#key(connection, payload) };
      case "holdfast:dead":
        return { reply: await this.#peek(connection, payload, (...page) => this.#broker.deadLetters(...page)) };
      case "holdfast:purge":
        return { reply: await upkeep.purge(this.#broker, connection, payload) };
      case "holdfast:pause":
        return { reply: await upkeep.pause(this.#broker, connection, payload) };
      case "holdfast:resume":
        return { reply: await upkeep.resume(this.#broker, connection, payload) };
      case "holdfast:redrive":
        return { reply: await upkeep.redrive(this.#broker, connection, payload) };
      case "holdfast:schedule":
        return { reply: await schedule(this.#broker, connection, payload, this.#settings.limits.bodyBytesMax) };
      case "holdfast:join":
        return { reply: await rooms.join(this.#broker, connection, payload) };
      case "holdfast:leave":
        return { reply: await rooms.leave(this.#broker, connection, payload) };
      case "holdfast:emit":
        return { reply: await rooms.emit(this.#broker, connection, payload, this.#settings.limits.bodyBytesMax) };
      case "holdfast:receipts":
        return { reply: await rooms.receipts(this.#broker, connection, payload) };
      case "holdfast:add":
        return { reply: await rooms.add(this.#broker, connection, payload) };
      case "holdfast:remove":
        return { reply: await rooms.remove(this.#broker, connection, payload) };
      case "holdfast:members":
        return { reply: await rooms.members(this.#broker, connection, payload) };
      case "holdfast:presence":
        return { reply: await rooms.presence(this.#broker, connection, payload) };
      case "holdfast:history":
        return { reply: await rooms.history(this.#broker, connection, payload) };
      case "holdfast:backup":
        return { reply: await backup(this.#broker, payload) };
      default:
        return operation satisfies never;
    }
  }

  #hello(connection: Connection, payload: object): Answer {
    const { rooms } = validate(schemas.helloRequest, payload, "hello");
    this.#broker.assertOpen();
    connection.speaksFrames = true;
    if (rooms === false) connection.device?.retire();
    else if (rooms !== undefined) connection.device?.appear(rooms);
    const { bodyBytesMax, maxInFlightMax } = this.#settings.limits;
    const { frameBytesMax } = connection;
    const limits = { bodyBytesMax, maxInFlightMax };
    return { reply: { frames: FRAME_VERSION, epoch: this.#broker.engine.epoch, frameBytesMax, limits } };
  }

  /** One message, an array for one queue, or an array over several queues. */
  async #publish({ namespace }: Connection, payload: object): Promise<object> {
    const { bodyBytesMax } = this.#settings.limits;
    if (!("messages" in payload)) {
      const message = validate(schemas.publishRequest, payload, "publish");
      return { receipts: [await publishOne(this.#broker, namespace, message, bodyBytesMax)] };
    }
    assertArray(payload.messages);
    return { receipts: await publishAll(this.#broker, namespace, queuedMessages(payload), bodyBytesMax) };
  }

  async #settle(connection: Connection, payload: object): Promise<object> {
    const request = validate(schemas.settleRequest, payload, "settle");
    const { epoch } = this.#broker.engine;
    const consumer = this.#broker.consumers.find(request.consumer, connection.namespace, connection.identity);
    const results: { token: string; ok: boolean; error?: ErrorReply }[] = [];
    const runs: SettleRun[] = [];
    /** Where the result of each run belongs; a token of another life has its result already. */
    const positions: number[] = [];
    for (const { token, ...verb } of request.settlements) {
      const lease = leaseOf(epoch, token);
      const run = schemas.runOf(verb, lease ?? 0);
      results.push({ token, ok: false, error: STALE });
      if (lease === undefined || consumer === undefined) continue;
      positions.push(results.length - 1);
      runs.push(run);
    }
    if (consumer === undefined || runs.length === 0) return { results };
    const fates = fatesOf(await this.#store(connection, consumer, runs));
    const ended: number[] = [];
    for (const [index, position] of positions.entries()) {
      const error = fates[index];
      const run = runs[index];
      const token = results[position]?.token ?? "";
      results[position] = error === undefined ? { token, ok: true } : { token, ok: false, error };
      if (run !== undefined && (error === undefined ? run.verb !== "extend" : error.code === "STALE_LEASE")) ended.push(run.first);
    }
    consumer.sink.ended(ended);
    return { results };
  }

  async #store(connection: Connection, consumer: Consumer, runs: readonly SettleRun[]): Promise<readonly SettledRun[]> {
    connection.openSettlements += runs.length;
    try {
      connection.assertSettlements(this.#settings.limits.settlementsMax);
      return await this.#broker.consumers.settle(consumer, runs);
    } finally {
      connection.openSettlements -= runs.length;
    }
  }

  async #cancel(connection: Connection, payload: object): Promise<object> {
    const { consumer: id } = validate(schemas.cancelRequest, payload, "cancel");
    const consumer = this.#broker.consumers.find(id, connection.namespace, connection.identity);
    if (consumer === undefined) throw new HoldfastError("NOT_FOUND", `there is no consumer ${preview(id)} of yours`);
    await this.#broker.consumers.end(consumer, connection.consumers.has(consumer) ? undefined : "cancelled", false);
    return {};
  }

  async #define(connection: Connection, payload: object): Promise<object> {
    if ("room" in payload) return rooms.define(this.#broker, connection, payload);
    const { queue, ...options } = validate(schemas.defineRequest, payload, "define");
    await this.#broker.define(addressOf(connection, queue), definedOptions(options));
    return {};
  }

  async #delete(connection: Connection, payload: object): Promise<object> {
    if ("room" in payload) return rooms.deleteRoom(this.#broker, connection, payload);
    const { queue } = validate(schemas.deleteRequest, payload, "delete");
    await this.#broker.remove(addressOf(connection, queue));
    return {};
  }

  async #list(connection: Connection, payload: object): Promise<object> {
    const request = validate(schemas.listRequest, payload, "list");
    if (request.kind === "rooms") return rooms.listRooms(this.#broker, connection, request);
    if (request.kind === "memberships") return rooms.listMemberships(this.#broker, connection, request);
    if (request.kind === "schedules") return listSchedules(this.#broker, connection, request);
    return this.#broker.list(connection.namespace, request.after, request.limit);
  }

  async #stats(connection: Connection, payload: object): Promise<object> {
    if ("room" in payload) return rooms.stats(this.#broker, connection, payload);
    const { queue } = validate(schemas.statsRequest, payload, "stats");
    return this.#broker.stats(addressOf(connection, queue));
  }

  async #key(connection: Connection, payload: object): Promise<object> {
    const { queue, key = "", action } = validate(schemas.keyRequest, payload, "key");
    await this.#broker.unblock(addressOf(connection, queue), key, action);
    return {};
  }

  async #peek(connection: Connection, payload: object, read: ReadPage): Promise<object> {
    const { queue, after, limit } = validate(schemas.peekRequest, payload, "peek");
    const address = addressOf(connection, queue);
    return fillPage(
      after,
      limit,
      (from, count) => read(address, from, count),
      (found) => {
        const { item, buffers } = readPeeked(found);
        return { item, cursor: found.sequence, bytes: found.record.length, buffers };
      },
    );
  }
}

const addressOf = ({ namespace }: Connection, queue: string): QueueAddress => ({ namespace, queue });

/** Before looking into them: a thousand times too many would be looked at in vain. */
function assertArray(messages: unknown): void {
  if (!Array.isArray(messages) || messages.length <= LIMITS.arrayMessagesMax) return;
  throw new HoldfastError("TOO_LARGE", `messages has ${messages.length} items, at most ${LIMITS.arrayMessagesMax} are allowed`);
}

function queuedMessages(payload: object): readonly QueuedMessage[] {
  if (!("queue" in payload)) return validate(schemas.publishQueuesRequest, payload, "publish").messages;
  const { queue, messages } = validate(schemas.publishArrayRequest, payload, "publish");
  return messages.map((message) => Object.assign(message, { queue }));
}

/** The error of each settlement, in order; undefined for those that took effect. */
function fatesOf(runs: readonly SettledRun[]): (ErrorReply | undefined)[] {
  return runs.flatMap(({ count, error }) => new Array<ErrorReply | undefined>(count).fill(error));
}
