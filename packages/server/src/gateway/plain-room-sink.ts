import { HoldfastError } from "holdfast-client/protocol";
import { z } from "zod";
import type { Broker } from "../broker.js";
import { nackOptions } from "../delivery.js";
import type { RoomGap, RoomItem, RoomSettleRun, RoomSlice } from "../room-engine.js";
import type { RoomSession } from "../room-session.js";
import { validate } from "../validate.js";
import type { Connection } from "./connection.js";
import { EVENT_EFFORT } from "./events.js";
import { PendingAnswers } from "./pending-answers.js";
import { encodeMessage, type RoomPackets } from "./room-packets.js";
import type { EncodedEvent } from "./socket-port.js";
import { SocketRoomSink } from "./socket-room-sink.js";

/** What the callback of a room message may be called with: nothing, or one of these. */
const roomAnswer = z.strictObject({ ack: z.literal(true).optional(), nack: nackOptions.optional() });

/** Hands room messages to a plain Socket.IO client: as the events they are, settled by their acknowledgement callbacks. */
export class PlainRoomSink extends SocketRoomSink {
  readonly messageEffort = EVENT_EFFORT;
  readonly #packets: RoomPackets;
  readonly #wantsMeta: (room: string | undefined) => boolean;
  readonly #pending: PendingAnswers;

  /** @param wantsMeta whether the events of a room, or of the user's inbox (undefined), have an argument that tells of the message */
  constructor(connection: Connection, broker: Broker, packets: RoomPackets, wantsMeta: (room: string | undefined) => boolean) {
    super(connection, broker);
    this.#packets = packets;
    this.#wantsMeta = wantsMeta;
    this.#pending = new PendingAnswers((id) => connection.port.dropAnswer(id));
  }

  deliver(session: RoomSession, items: readonly RoomItem[]): void {
    this.connection.port.inOneWrite(() => {
      for (const item of items) {
        if (item.kind === "gap") this.#gap(session, item);
        else this.#slice(session, item);
      }
    });
  }

  #slice(session: RoomSession, slice: RoomSlice): void {
    const { block, from, to, redelivered } = slice;
    const { port } = this.connection;
    const meta = this.#wantsMeta(block.room.target.room);
    const events = redelivered ? undefined : this.#packets.shared(slice, port, meta);
    for (let index = from; index < to; index++) {
      const sequence = block.first + index;
      const event = events === undefined ? encodeMessage(block, index, port, port.nextId(), meta, true) : events[index - from];
      if (event === undefined) this.#settle(session, block.room.number, { first: sequence, count: 1, verb: "nack" });
      else this.#send(session, block.room.number, sequence, event);
    }
  }

  #send(session: RoomSession, room: number, sequence: number, event: EncodedEvent): void {
    this.#pending.add(room, sequence, event.id);
    this.connection.port.sendEncoded(event, (...args) => this.#answered(session, room, sequence, event.id, args));
  }

  /** The ack of any delivery settles the message; a nack is about its own, and means nothing once the message came again. */
  #answered(session: RoomSession, room: number, sequence: number, id: number, args: readonly unknown[]): void {
    const isLatest = this.#pending.isLatest(room, sequence, id);
    try {
      const answer = roomAnswerOf(args);
      if (answer.verb === "ack") this.#pending.drop(room, sequence);
      if (answer.verb === "ack" || isLatest) this.#settle(session, room, { first: sequence, count: 1, ...answer });
      else this.broker.counters.staleCallbacks++;
    } catch {
      // It counts as not answered, and comes again.
      this.broker.counters.invalidCallbacks++;
    }
  }

  #settle(session: RoomSession, room: number, run: RoomSettleRun): void {
    if (this.broker.rooms.sessions.settle(session, room, [run]) === 0) this.broker.counters.staleCallbacks++;
  }

  #gap(session: RoomSession, gap: RoomGap): void {
    // What lies in a gap of several may be on its way, and is settled as ever.
    if (gap.count === undefined) this.#pending.dropBetween(gap.room.number, gap.from, gap.to);
    this.notices.gap(session, gap);
  }

  override ended(session: RoomSession, replaced: boolean): void {
    this.#pending.clear();
    super.ended(session, replaced);
  }
}

/** What a callback was called with: nothing means ack. */
function roomAnswerOf(args: readonly unknown[]): Pick<RoomSettleRun, "verb" | "delayMs"> {
  const [payload] = args;
  if (args.length > 1) throw new HoldfastError("BAD_REQUEST", `the callback has ${args.length} arguments, expected at most 1`);
  // Socket.IO sends an undefined argument as null.
  if (payload === undefined || payload === null) return { verb: "ack" };
  const { ack, nack } = validate(roomAnswer, payload, "the callback's argument");
  if (ack !== undefined && nack !== undefined)
    throw new HoldfastError("BAD_REQUEST", "the callback says ack and nack, expected one of them");
  return nack === undefined ? { verb: "ack" } : { verb: "nack", delayMs: nack.delayMs };
}
