import type { Broker } from "../broker.js";
import type { RoomItem, RoomSlice } from "../room-engine.js";
import type { RoomSession, RoomSink } from "../room-session.js";
import type { Connection } from "./connection.js";
import { DeviceNotices } from "./device-notices.js";
import { endOf, type RoomFrames, type RoomRun } from "./room-frames.js";

/** Hands room messages to our own client: many in a frame, which all devices at the same place get as it is. */
export class FrameRoomSink implements RoomSink {
  readonly #connection: Connection;
  readonly #broker: Broker;
  readonly #frames: RoomFrames;
  readonly #notices: DeviceNotices;
  #wake: (() => void) | undefined;

  constructor(connection: Connection, broker: Broker, frames: RoomFrames) {
    this.#connection = connection;
    this.#broker = broker;
    this.#frames = frames;
    this.#notices = new DeviceNotices(connection, broker);
  }

  hasRoom(): boolean {
    return !this.#connection.isFull();
  }

  whenRoom(wake: () => void): void {
    this.#wake = wake;
    this.#connection.whenRoom(this.#onRoom);
  }

  /** One for all calls, so that it waits once. */
  #onRoom = (): void => this.#wake?.();

  deliver(session: RoomSession, items: readonly RoomItem[]): void {
    for (let at = 0; at < items.length; ) {
      const item = items[at];
      if (item === undefined) return;
      if (item.kind === "gap") {
        this.#notices.gap(session, item);
        at++;
      } else {
        const run = runFrom(item, items, at);
        this.#send(session, run);
        at += run.length;
      }
    }
  }

  #send(session: RoomSession, run: RoomRun): void {
    const { port } = this.#connection;
    const { packets, unreadable } = this.#frames.of(run, port);
    for (const packet of packets) port.sendPacket(packet);
    const { number } = run[0].block.room;
    for (const first of unreadable) this.#broker.rooms.sessions.settle(session, number, [{ first, count: 1, verb: "nack" }]);
  }

  ended(session: RoomSession, replaced: boolean): void {
    this.#notices.ended(session, replaced);
  }
}

/** The slices from there on that follow each other without a hole. */
function runFrom(first: RoomSlice, items: readonly RoomItem[], at: number): RoomRun {
  const run: [RoomSlice, ...RoomSlice[]] = [first];
  const {
    block: { room },
    redelivered,
  } = first;
  for (const item of items.slice(at + 1)) {
    if (item.kind === "gap" || item.block.room !== room || item.redelivered !== redelivered) break;
    if (item.block.first + item.from !== endOf(run)) break;
    run.push(item);
  }
  return run;
}
