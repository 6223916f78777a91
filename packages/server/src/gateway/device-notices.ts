import type { Broker } from "../broker.js";
import type { RoomGap } from "../room-engine.js";
import type { RoomSession } from "../room-session.js";
import type { Connection } from "./connection.js";
import { GAP_EVENT, REPLACED_EVENT } from "./events.js";

/** What a device is told beside messages, always by plain events: what it will never get, and that another one took its place. */
export class DeviceNotices {
  readonly #connection: Connection;
  readonly #broker: Broker;
  /** The acknowledgement id of the gap of each room that the client was told and has not taken note of. */
  readonly #gaps = new Map<number, number>();

  constructor(connection: Connection, broker: Broker) {
    this.#connection = connection;
    this.#broker = broker;
  }

  /** A later gap of a room takes the place of the one before. */
  gap(session: RoomSession, { kind: _, room, ...gap }: RoomGap): void {
    const { from, to } = gap;
    const { port } = this.#connection;
    const told = this.#gaps.get(room.number);
    if (told !== undefined) port.dropAnswer(told);
    const id = port.sendForAnswer(GAP_EVENT, { ...room.target, ...gap }, () => {
      this.#gaps.delete(room.number);
      this.#broker.rooms.sessions.settleGap(session, room.number, from, to);
    });
    this.#gaps.set(room.number, id);
  }

  ended({ address }: RoomSession, replaced: boolean): void {
    const { port } = this.#connection;
    for (const id of this.#gaps.values()) port.dropAnswer(id);
    this.#gaps.clear();
    if (replaced) port.send(REPLACED_EVENT, { device: address.device });
  }
}
