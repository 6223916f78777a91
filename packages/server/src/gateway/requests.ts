import { type ErrorReply, FRAME_VERSION, HoldfastError, type SettledRun, type SettleRun } from "holdfast-client/protocol";
import { lettersOf, RULES } from "../auth/operations.js";
import type { Broker } from "../broker.js";
import type { Consumer } from "../consumer.js";
import { STALE } from "../consumers.js";
import { publishAll, publishOne, type QueuedMessage } from "../publish.js";
import type { Settings } from "../settings.js";
import { preview, validate } from "../validate.js";
import { Administration } from "./administration.js";
import type { Answer } from "./answer.js";
import { attachConsumer } from "./attach-consumer.js";
import { backup } from "./backup.js";
import type { Connection } from "./connection.js";
import type { AdminOperation, Operation } from "./events.js";
import { trustsClients } from "./identity.js";
import { refresh } from "./refresh.js";
import * as rooms from "./rooms.js";
import * as schemas from "./schemas.js";
import { leaseOf } from "./token.js";

const PREFIX = "holdfast:";

/** The operations of plain Socket.IO events: checked payload in, reply out. */
export class Requests {
  readonly #broker: Broker;
  readonly #settings: Settings;
  readonly #administration: Administration;

  constructor(broker: Broker, settings: Settings) {
    this.#broker = broker;
    this.#settings = settings;
    this.#administration = new Administration(broker, settings);
  }

  /** Carries out a request; fails with a `HoldfastError` that becomes the reply. */
  async answer(connection: Connection, operation: Operation, args: readonly unknown[]): Promise<Answer> {
    const payload = schemas.payloadOf(args);
    connection.access.check(operation.slice(PREFIX.length), payload, (consumer) => this.#queueOf(connection, consumer));
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
      case "holdfast:join":
        return { reply: await rooms.join(this.#broker, connection, payload) };
      case "holdfast:leave":
        return { reply: await rooms.leave(this.#broker, connection, payload) };
      case "holdfast:emit":
        return { reply: await rooms.emit(this.#broker, connection, payload, this.#settings.limits.bodyBytesMax) };
      case "holdfast:receipts":
        return { reply: await rooms.receipts(this.#broker, connection, payload) };
      case "holdfast:presence":
        return { reply: await rooms.presence(this.#broker, connection, payload) };
      case "holdfast:history":
        return { reply: await rooms.history(this.#broker, connection, payload) };
      case "holdfast:disconnect":
      case "holdfast:revoke":
      case "holdfast:restore":
        throw new HoldfastError("FORBIDDEN", `${operation} is for administrators, in their namespace`);
      case "holdfast:authenticate":
        return { reply: await refresh(this.#broker, connection, payload) };
      case "holdfast:backup":
        assertTrusting(connection);
        return { reply: await backup(this.#broker, payload) };
      default:
        return { reply: await this.#administer(connection, operation, payload) };
    }
  }

  async #administer(connection: Connection, operation: AdminOperation, payload: object): Promise<object> {
    const isList = operation === "holdfast:list";
    const kind = isList ? validate(schemas.listRequest, payload, "list").kind : undefined;
    if (kind === "memberships") return rooms.listMemberships(this.#broker, connection, payload);
    if (operation === "holdfast:pause" || operation === "holdfast:resume") this.#requireLetters(connection, operation, payload);
    const answer = (): Promise<object> => this.#administration.answer(connection.namespace, operation, payload);
    const isOfRooms = kind === "rooms" || "room" in payload;
    const reply = await (isOfRooms ? rooms.deviceOf(connection).inTurn(answer) : answer());
    return kind === "queues" || kind === "rooms" ? onlyAllowed(connection, kind, reply) : reply;
  }

  /** With `dead` the dead-letter queue is meant, which others may have in common with this one. */
  #requireLetters({ namespace, access }: Connection, operation: "holdfast:pause" | "holdfast:resume", payload: object): void {
    const { queue, dead } = payload as { readonly queue?: unknown; readonly dead?: unknown };
    if (dead !== true || typeof queue !== "string") return;
    const deadLetter = this.#broker.engine.options({ namespace, queue })?.deadLetter;
    for (const letters of lettersOf({ queue, deadLetter }))
      access.require(RULES[operation === "holdfast:pause" ? "pause" : "resume"], letters);
  }

  #hello(connection: Connection, payload: object): Answer {
    const { rooms } = validate(schemas.helloRequest, payload, "hello");
    this.#broker.assertOpen();
    connection.speaksFrames = true;
    if (rooms !== undefined) connection.appear(rooms);
    const { bodyBytesMax, maxInFlightMax } = this.#settings.limits;
    const { frameBytesMax } = connection;
    const limits = { bodyBytesMax, maxInFlightMax };
    return { reply: { frames: FRAME_VERSION, epoch: this.#broker.engine.epoch, frameBytesMax, limits } };
  }

  #queueOf({ namespace, identity }: Connection, consumer: unknown): string | undefined {
    if (typeof consumer !== "string") return undefined;
    return this.#broker.consumers.find(consumer, namespace, identity)?.address.queue;
  }

  /** One message, an array for one queue, or an array over several queues. */
  async #publish({ namespace }: Connection, payload: object): Promise<object> {
    const { bodyBytesMax } = this.#settings.limits;
    if (!("messages" in payload)) {
      const message = validate(schemas.publishRequest, payload, "publish");
      return { receipts: [await publishOne(this.#broker, namespace, message, bodyBytesMax)] };
    }
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
    connection.beginSettlements(runs.length, this.#settings.limits.settlementsMax);
    try {
      return await this.#broker.consumers.settle(consumer, runs);
    } finally {
      connection.endSettlements(runs.length);
    }
  }

  async #cancel(connection: Connection, payload: object): Promise<object> {
    const { consumer: id } = validate(schemas.cancelRequest, payload, "cancel");
    const consumer = this.#broker.consumers.find(id, connection.namespace, connection.identity);
    if (consumer === undefined) throw new HoldfastError("NOT_FOUND", `there is no consumer ${preview(id)} of yours`);
    await this.#broker.consumers.end(consumer, connection.consumers.has(consumer) ? undefined : "cancelled", false);
    return {};
  }
}

/** Of a page of names those that one may administer; where nobody is asked who he is, all. */
function onlyAllowed({ access }: Connection, kind: "queues" | "rooms", page: object): object {
  if (access.identity === undefined || !("items" in page) || !Array.isArray(page.items)) return page;
  const kindOfOne = kind === "queues" ? "queue" : "room";
  return { ...page, items: page.items.filter((name: string) => access.allows(RULES.list, { kind: kindOfOne, name })) };
}

/**
 * Where nobody is asked who he is, only who is on this machine may have a copy of everything: it has what other namespaces
 * keep, too; or everybody, where that is said to be meant. Where clients are asked, it is for administrators in their namespace.
 */
function assertTrusting({ socket, identify }: Connection): void {
  if (trustsClients(socket, identify)) return;
  throw new HoldfastError(
    "FORBIDDEN",
    "holdfast:backup is for administrators, in their namespace, or for a server that is bound to loopback or insecure on purpose",
  );
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
