import type { HoldfastError } from "holdfast-client/protocol";
import type { Broker } from "../broker.js";
import { errorReply } from "../error-reply.js";
import type { RoomGap } from "../room-engine.js";
import type { RoomSession } from "../room-session.js";
import type { Connection } from "./connection.js";
import { GAP_EVENT, REFUSED_EVENT, REPLACED_EVENT } from "./events.js";

/** A gap that the client was told and has not taken note of, and the acknowledgement id it was told under. */
interface ToldGap {
  readonly gap: RoomGap;
  readonly id: number;
}

/** Gaps of a room that are waited for: more than the engine has of one at a time. */
const TOLD_MAX = 32;

/** What a device is told beside messages, always by plain events: what it will never get, that it gets nothing, and that another one took its place. */
export class DeviceNotices {
  readonly #connection: Connection;
  readonly #broker: Broker;
  /** By the number of the room, each gap with an answer of its own, in the order they were told. */
  readonly #told = new Map<number, ToldGap[]>();

  constructor(connection: Connection, broker: Broker) {
    this.#connection = connection;
    this.#broker = broker;
  }

  /** A gap that grew takes the place of what it was; one that comes again comes under the id that it had, so that either answer counts. */
  gap(session: RoomSession, gap: RoomGap): void {
    const { port } = this.#connection;
    const { kind: _, room, ...fields } = gap;
    const before = this.#told.get(room.number) ?? [];
    const same = before.find((told) => isSame(told.gap, gap));
    const others = before.filter((told) => told !== same && !isPartOf(told.gap, gap));
    const waiting = others.slice(-(TOLD_MAX - 1));
    for (const told of before) if (told !== same && !waiting.includes(told)) port.dropAnswer(told.id);
    const id = port.sendForAnswer(GAP_EVENT, { ...room.target, ...fields }, () => this.#answered(session, gap), same?.id);
    this.#told.set(room.number, [...waiting, { gap, id }]);
  }

  #answered(session: RoomSession, gap: RoomGap): void {
    const { number } = gap.room;
    const waiting = (this.#told.get(number) ?? []).filter((told) => !isSame(told.gap, gap));
    if (waiting.length === 0) this.#told.delete(number);
    else this.#told.set(number, waiting);
    this.#broker.rooms.sessions.settleGap(session, number, gap.from, gap.to);
  }

  refused({ address }: RoomSession, error: HoldfastError): void {
    this.#connection.port.send(REFUSED_EVENT, { ...errorReply(error), device: address.device });
  }

  ended({ address }: RoomSession, replaced: boolean): void {
    const { port } = this.#connection;
    for (const told of this.#told.values()) for (const { id } of told) port.dropAnswer(id);
    this.#told.clear();
    if (replaced) port.send(REPLACED_EVENT, { device: address.device });
  }
}

const isSame = (a: RoomGap, b: RoomGap): boolean => a.from === b.from && a.to === b.to && a.count === b.count;

const isPartOf = (part: RoomGap, whole: RoomGap): boolean => part.reason === whole.reason && part.from >= whole.from && part.to <= whole.to;
