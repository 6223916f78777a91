import type { Broker } from "../broker.js";
import type { RoomItem, RoomSlice } from "../room-engine.js";
import type { RoomSession } from "../room-session.js";
import type { Connection } from "./connection.js";
import { endOf, type RoomFrames, type RoomRun } from "./room-frames.js";
import { SocketRoomSink } from "./socket-room-sink.js";

/** Hands room messages to our own client: many in a frame, which all devices at the same place get as it is. */
export class FrameRoomSink extends SocketRoomSink {
  readonly messageEffort = 1;
  readonly #frames: RoomFrames;

  constructor(connection: Connection, broker: Broker, frames: RoomFrames) {
    super(connection, broker);
    this.#frames = frames;
  }

  deliver(session: RoomSession, items: readonly RoomItem[]): void {
    for (let at = 0; at < items.length; ) {
      const item = items[at];
      if (item === undefined) return;
      if (item.kind === "gap") {
        this.notices.gap(session, item);
        at++;
      } else {
        const run = runFrom(item, items, at);
        this.#send(session, run);
        at += run.length;
      }
    }
  }

  #send(session: RoomSession, run: RoomRun): void {
    const { port } = this.connection;
    const { packets, unreadable } = this.#frames.of(run, port);
    for (const packet of packets) port.sendPacket(packet);
    const { number } = run[0].block.room;
    for (const first of unreadable) this.broker.rooms.sessions.settle(session, number, [{ first, count: 1, verb: "nack" }]);
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
