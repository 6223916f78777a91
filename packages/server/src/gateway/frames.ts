import {
  type ByteReader,
  type ErrorCode,
  eachSection,
  HoldfastError,
  LIMITS,
  type PublishSection,
  type ReceiptRun,
  ROOM_MARK,
  readPublish,
  readSettle,
  requestOf,
  SECTION,
  type SettleSection,
} from "holdfast-client/protocol";
import { RULES } from "../auth/operations.js";
import type { Broker } from "../broker.js";
import { type Settlement, staleRuns } from "../consumers.js";
import type { AppendRequest, QueueAddress } from "../engine.js";
import { errorReply } from "../error-reply.js";
import { isQueueName } from "../options.js";
import type { Settings } from "../settings.js";
import { preview } from "../validate.js";
import type { Connection } from "./connection.js";
import { unitsOfBytes, unitsOfSettlements } from "./costs.js";
import { readEmissions, storeEmissions } from "./emit-section.js";
import { checkRecordLimits } from "./record-limits.js";
import { refusalOf } from "./refusal-of.js";
import { readRoomSettlements } from "./room-settlements.js";
import { deviceOf, unidentified } from "./rooms.js";

/** After so many frames that were not understood the socket is disconnected. */
const MALFORMED_MAX = 20;
/** What is not permitted, or too much, is well formed. */
const WELL_FORMED: ReadonlySet<string> = new Set<ErrorCode>(["FORBIDDEN", "RATE_LIMITED", "UNAUTHENTICATED"]);
/** Settlements of one frame: those of a turn of many consumers, but not so many that others wait for them. */
const SETTLEMENTS_MAX = 100_000;

/** One frame while it is taken apart. */
interface Taking {
  /** Settlements that it may still have. */
  settlementsLeft: number;
  /** Sections of it that are settled together. */
  readonly settlements: Settlements[];
  /** Sections of it that are stored together. */
  publishes: Publish[];
}

/** A section, and what it stores. */
interface Publish {
  readonly section: PublishSection;
  readonly append: AppendRequest;
}

/** A section, and whose leases it settles. */
interface Settlements extends Settlement {
  readonly request: number;
  readonly count: number;
}

/** Queue names that a connection need not have checked again. */
const NAMES_MAX = 4_096;

/** Takes the frames of connections apart and answers each section in a frame. */
export class Frames {
  readonly #broker: Broker;
  readonly #settings: Settings;
  readonly #onRefused: (connection: Connection, error: HoldfastError) => void;

  /** @param onRefused told of each section that is refused at once, after its answer */
  constructor(broker: Broker, settings: Settings, onRefused: (connection: Connection, error: HoldfastError) => void) {
    this.#broker = broker;
    this.#settings = settings;
    this.#onRefused = onRefused;
  }

  /** One `holdfast:frame` event: one buffer, or an array with what is settled of rooms, and nothing else, after `holdfast:hello`. */
  receive(connection: Connection, args: readonly unknown[]): void {
    try {
      const frame = frameOf(connection, args);
      if (frame instanceof Uint8Array) this.#sections(connection, frame);
      else this.#settleRooms(connection, frame);
    } catch (error) {
      this.#malformed(connection, 0, error);
    }
  }

  #sections(connection: Connection, frame: Uint8Array): void {
    const taking: Taking = { settlementsLeft: SETTLEMENTS_MAX, settlements: [], publishes: [] };
    try {
      eachSection(frame, (type, content) => {
        if (!connection.socket.connected) return;
        const request = requestOf(content);
        try {
          this.#section(connection, type, content, taking);
        } catch (error) {
          if (error instanceof HoldfastError && WELL_FORMED.has(error.code)) this.#refuse(connection, request, error);
          else this.#malformed(connection, request, error);
        }
      });
    } finally {
      if (taking.settlements.length > 0) void this.#settleTogether(connection, taking.settlements);
      this.#storeTogether(connection, taking);
    }
  }

  #section(connection: Connection, type: number, content: ByteReader, taking: Taking): void {
    if (type === SECTION.publish) this.#publish(connection, content, taking);
    else if (type === SECTION.settle) this.#settle(connection, content, taking);
    else throw new HoldfastError("BAD_REQUEST", `malformed frame: section ${type}, expected ${SECTION.publish} or ${SECTION.settle}`);
  }

  #refuse(connection: Connection, request: number, error: unknown): void {
    const refusal = refusalOf(error, "a frame", this.#settings.log);
    connection.outbox.refused(request, errorReply(refusal));
    this.#onRefused(connection, refusal);
  }

  #malformed(connection: Connection, request: number, error: unknown): void {
    this.#broker.counters.malformedFrames++;
    const { code, message } = HoldfastError.from(error);
    connection.outbox.refused(request, { code, message, retryable: false });
    if (++connection.malformedFrames < MALFORMED_MAX) return;
    this.#settings.log.warn(`socket ${connection.socket.id} sent ${MALFORMED_MAX} malformed frames and is disconnected`);
    connection.cut(new HoldfastError(code, `${message}; cut, because ${MALFORMED_MAX} frames were malformed`, false));
  }

  #publish(connection: Connection, content: ByteReader, taking: Taking): void {
    const section = readPublish(content);
    connection.allowance.spend(Math.max(section.count, unitsOfBytes(section.records.length)));
    checkNumbers(section);
    if (section.queue.startsWith(ROOM_MARK)) {
      this.#emit(connection, section);
      return;
    }
    const { namespace, queue } = this.#addressOf(connection, section.queue);
    checkRecordLimits(section.records, this.#settings.limits.bodyBytesMax, {
      onReplyTo: (name) => connection.access.require(RULES.publish, { kind: "queue", name }),
    });
    const { count, records, firstNumber, oldestOpen } = section;
    const producer = { id: producerOf(section, connection.identity), firstNumber, oldestOpen };
    const append = { namespace, queue, count, records, producer };
    if (!section.atomic && this.#broker.isCertain(append)) {
      taking.publishes.push({ section, append });
      return;
    }
    // Those before it are stored before it.
    this.#storeTogether(connection, taking);
    void this.#store(connection, section, async () => (await this.#broker.publish([append], section.atomic))[0] ?? []);
  }

  /** Stores what was gathered, each section with a fate of its own: a frame may be of thousands of queues. */
  #storeTogether(connection: Connection, taking: Taking): void {
    const { publishes } = taking;
    if (publishes.length === 0) return;
    taking.publishes = [];
    void this.#storeAll(connection, publishes);
  }

  async #storeAll(connection: Connection, publishes: readonly Publish[]): Promise<void> {
    const { outbox } = connection;
    const appends: AppendRequest[] = [];
    let bytes = 0;
    for (const { append } of publishes) {
      appends.push(append);
      bytes += append.records.length;
    }
    connection.openBytes += bytes;
    try {
      this.#assertBytes(connection);
      const runs = await this.#broker.publish(appends, false);
      for (const [index, { section }] of publishes.entries()) outbox.receipts(section.request, runs[index] ?? []);
    } catch (error) {
      for (const { section } of publishes) this.#refuse(connection, section.request, error);
    } finally {
      connection.openBytes -= bytes;
    }
  }

  #emit(connection: Connection, section: PublishSection): void {
    const { namespace } = connection;
    const device = connection.findDevice();
    if (device === undefined) {
      connection.outbox.refused(section.request, errorReply(unidentified(connection)));
      return;
    }
    connection.access.require(RULES.emit, { kind: "room", name: section.queue.slice(ROOM_MARK.length) });
    const producer = producerOf(section, device.user);
    const requests = readEmissions(section, { namespace, user: device.user, producer }, this.#settings.limits.bodyBytesMax);
    void this.#store(connection, section, () => storeEmissions(this.#broker.rooms, requests, device));
  }

  async #store(connection: Connection, { request, records }: PublishSection, store: () => Promise<readonly ReceiptRun[]>): Promise<void> {
    connection.openBytes += records.length;
    try {
      this.#assertBytes(connection);
      connection.outbox.receipts(request, await store());
    } catch (error) {
      this.#refuse(connection, request, error);
    } finally {
      connection.openBytes -= records.length;
    }
  }

  #assertBytes({ openBytes }: Connection): void {
    const { connectionBytesMax } = this.#settings.limits;
    if (openBytes <= connectionBytesMax) return;
    throw new HoldfastError("RATE_LIMITED", `${openBytes} bytes of this connection wait to be stored, at most ${connectionBytesMax} may`);
  }

  #settle(connection: Connection, content: ByteReader, taking: Taking): void {
    const section = readSettle(content);
    const { request, handle, runs } = section;
    const count = checkSettle(section, taking.settlementsLeft);
    taking.settlementsLeft -= count;
    connection.allowance.spendToSettle(unitsOfSettlements(count));
    const consumer = connection.byHandle(handle);
    if (consumer === undefined) {
      connection.outbox.settled(request, staleRuns(runs));
      return;
    }
    connection.access.require(RULES.settle, { kind: "queue", name: consumer.address.queue });
    connection.beginSettlements(count, this.#settings.limits.settlementsMax);
    taking.settlements.push({ consumer, request, runs, count });
  }

  /** Settles what was gathered at once: a frame may be of thousands of consumers. */
  async #settleTogether(connection: Connection, settlements: readonly Settlements[]): Promise<void> {
    const { outbox } = connection;
    try {
      const settled = await this.#broker.consumers.settleAll(settlements);
      for (const [index, { request }] of settlements.entries()) outbox.settled(request, settled[index] ?? []);
    } catch (error) {
      for (const { request } of settlements) this.#refuse(connection, request, error);
    } finally {
      for (const { count } of settlements) connection.endSettlements(count);
    }
  }

  /** Nothing is answered: what the server did not get comes again. */
  #settleRooms(connection: Connection, frame: readonly unknown[]): void {
    const device = deviceOf(connection);
    const settlements = readRoomSettlements(frame);
    connection.allowance.spendToSettle(settlements.size);
    for (const [room, runs] of settlements) {
      if (device.settle(room, runs) === 0) this.#broker.counters.staleCallbacks++;
    }
  }

  #addressOf(connection: Connection, queue: string): QueueAddress {
    const { namespace, queues } = connection;
    const known = queues.get(queue);
    if (known !== undefined) return known;
    if (!isQueueName(queue)) throw new HoldfastError("BAD_REQUEST", `queue is ${preview(queue)}, expected [A-Za-z0-9._:-]{1,128}`);
    // Once for each queue that it publishes to: what it remembers is forgotten when its permissions change.
    connection.access.require(RULES.publish, { kind: "queue", name: queue });
    const address = { namespace, queue };
    if (queues.size >= NAMES_MAX) queues.clear();
    queues.set(queue, address);
    return address;
  }
}

function frameOf(connection: Connection, args: readonly unknown[]): Uint8Array | readonly unknown[] {
  const [frame] = args;
  if (!connection.speaksFrames) throw new HoldfastError("BAD_REQUEST", "malformed frame: holdfast:hello comes first");
  if (args.length === 1 && (frame instanceof Uint8Array || Array.isArray(frame))) return frame;
  // Some parsers of Socket.IO hand a buffer over like that.
  if (args.length === 1 && frame instanceof ArrayBuffer) return Buffer.from(frame);
  throw new HoldfastError(
    "BAD_REQUEST",
    `malformed frame: ${args.length} arguments, the first ${preview(frame)}, expected 1 buffer or array`,
  );
}

/** A producer belongs to who publishes: nobody else can use up its numbers. */
const producerOf = ({ producer }: PublishSection, identity: string | undefined): string =>
  `${identity?.length ?? 0}:${identity ?? ""}${producer}`;

function checkNumbers(section: PublishSection): void {
  const { producer, firstNumber, oldestOpen, atomic, count, records } = section;
  if (producer === "" || producer.length > LIMITS.idBytesMax) {
    throw new HoldfastError("BAD_REQUEST", `producer is ${preview(producer)}, expected 1 to ${LIMITS.idBytesMax} characters`);
  }
  if (oldestOpen > firstNumber) {
    throw new HoldfastError("BAD_REQUEST", `oldestOpen is ${oldestOpen}, expected at most firstNumber, which is ${firstNumber}`);
  }
  if (atomic && (count > LIMITS.arrayMessagesMax || records.length > LIMITS.arrayBytesMax)) {
    throw new HoldfastError(
      "TOO_LARGE",
      `${count} messages of ${records.length} bytes, at most ${LIMITS.arrayMessagesMax} of ${LIMITS.arrayBytesMax}`,
    );
  }
}

/** Returns how many settlements the section has. */
function checkSettle({ runs }: SettleSection, left: number): number {
  let settlements = 0;
  for (const { count, delayMs = 0, reason = "", leaseMs, verb } of runs) {
    settlements += count;
    if (count === 0) throw new HoldfastError("BAD_REQUEST", "a settlement is for 0 leases, expected at least 1");
    if (delayMs > LIMITS.delayMsMax) throw new HoldfastError("BAD_REQUEST", `delayMs is ${delayMs}, expected at most ${LIMITS.delayMsMax}`);
    if (reason !== "" && Buffer.byteLength(reason) > LIMITS.reasonBytesMax) {
      throw new HoldfastError("BAD_REQUEST", `reason is ${preview(reason)}, expected at most ${LIMITS.reasonBytesMax} bytes`);
    }
    if (verb === "extend" && (leaseMs === undefined || leaseMs < LIMITS.leaseMsMin || leaseMs > LIMITS.leaseMsMax)) {
      throw new HoldfastError("BAD_REQUEST", `leaseMs is ${leaseMs}, expected ${LIMITS.leaseMsMin} to ${LIMITS.leaseMsMax}`);
    }
  }
  if (settlements > Math.min(left, LIMITS.maxInFlightMax)) {
    const limits = `at most ${LIMITS.maxInFlightMax} are allowed in a section and ${SETTLEMENTS_MAX} in a frame`;
    throw new HoldfastError("TOO_LARGE", `${settlements} settlements, ${limits}`);
  }
  return settlements;
}
