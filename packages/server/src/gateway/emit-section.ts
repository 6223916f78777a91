import {
  ByteWriter,
  HAS_EXCEPT,
  HoldfastError,
  type PublishSection,
  type ReceiptRun,
  RecordView,
  ROOM_MARK,
  writePacked,
} from "holdfast-client/protocol";
import { z } from "zod";
import { EXCEPT_MAX, headersWith, roomEvent, targetsOf } from "../emit.js";
import { errorReply } from "../error-reply.js";
import { readBody } from "../read-message.js";
import type { EmitRequest } from "../room-engine.js";
import { targetName } from "../room-names.js";
import { roomName } from "../room-options.js";
import type { Rooms, Turns } from "../rooms.js";
import { preview, validate } from "../validate.js";
import { checkRecordLimits } from "./record-limits.js";

/** Who sent a publish section for a room, and under which name its producer is known. */
interface Sender {
  readonly namespace: string;
  readonly user: string;
  readonly producer: string;
}

const exceptList = z.array(targetName).max(EXCEPT_MAX);

/**
 * Checks the records of a publish section for a room, and writes into each who sent it. Bodies are read, since devices get them as
 * arguments of an event, and copied byte for byte.
 *
 * @returns in order, one request for consecutive messages with the same exceptions
 * @throws HoldfastError `BAD_REQUEST` or `TOO_LARGE` when something is wrong with the section or any of its messages
 */
export function readEmissions(section: PublishSection, { namespace, user, producer }: Sender, bodyBytesMax: number): EmitRequest[] {
  const { records, firstNumber, oldestOpen } = section;
  const room = validate(roomName, section.queue.slice(ROOM_MARK.length), "room");
  if (section.atomic) throw new HoldfastError("BAD_REQUEST", "a section for a room is atomic, expected single messages");
  checkRecordLimits(records, bodyBytesMax, { unchecked: HAS_EXCEPT });
  const requests: EmitRequest[] = [];
  const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
  const writer = new ByteWriter(records.length + section.count * SENDER_BYTES);
  let except = "";
  let count = 0;
  let number = firstNumber;
  const end = (): void => {
    if (count === 0) return;
    const exceptions = except === "" ? [] : targetsOf(validate(exceptList, parse(except), "except"));
    const numbers = { id: producer, firstNumber: number, oldestOpen };
    requests.push({ namespace, to: [{ room }], except: exceptions, count, records: writer.take(), producer: numbers });
    number += count;
    count = 0;
  };
  for (let at = 0; at < records.length; ) {
    const size = view.getUint32(at, true);
    const record = new RecordView(records, at, at + size);
    const excepted = record.historyText ?? "";
    if (excepted !== except) end();
    except = excepted;
    writeWithSender(writer, record, user);
    count++;
    at += size;
  }
  end();
  return requests;
}

/** Of the header that names the sender, about. */
const SENDER_BYTES = 64;

function writeWithSender(writer: ByteWriter, record: RecordView, sender: string): void {
  const { id, traits, event, key, headers, replyTo, correlationId, priority, timing, format, bodyBytes } = record;
  validate(roomEvent, event, "event");
  const { body } = readBody(record);
  if (!Array.isArray(body)) throw new HoldfastError("BAD_REQUEST", `args are ${preview(body)}, expected an array`);
  if (replyTo !== undefined || correlationId !== undefined || priority > 0 || (timing?.delayMs ?? 0) > 0) {
    throw new HoldfastError("BAD_REQUEST", "an emit has a replyTo, correlationId, priority or delay, expected none of them");
  }
  const texts = [event, key, JSON.stringify(headersWith(headers, sender))];
  writePacked(writer, id, traits, texts, { format, bytes: bodyBytes }, timing);
}

function parse(except: string): unknown {
  try {
    return JSON.parse(except) as unknown;
  } catch (error) {
    throw new HoldfastError("BAD_REQUEST", `except cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/**
 * Stores emissions of one producer in their order: each reaches the engine at once, or behind the one before it and all that its
 * connection asked before.
 * Resolves to the fates of all their messages; rejects when the first one is refused whole.
 */
export async function storeEmissions(rooms: Rooms, requests: readonly EmitRequest[], turns: Turns): Promise<readonly ReceiptRun[]> {
  const results = await Promise.allSettled(requests.map((request) => rooms.emit(request, turns)));
  return results.flatMap((result, index) => {
    if (result.status === "fulfilled") return result.value[0] ?? [];
    if (index === 0) throw result.reason;
    return [{ count: requests[index]?.count ?? 0, sequence: 0, duplicate: false, error: errorReply(HoldfastError.from(result.reason)) }];
  });
}
