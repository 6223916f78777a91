import type { HoldfastError } from "holdfast-client/protocol";
import type { Broker } from "../broker.js";
import type { RoomItem } from "../room-engine.js";
import type { RoomSession, RoomSink } from "../room-session.js";
import type { Connection } from "./connection.js";
import { DeviceNotices } from "./device-notices.js";

/** What the sinks of a device's socket have in common: its room, and what the device is told beside messages. */
export abstract class SocketRoomSink implements RoomSink {
  protected readonly connection: Connection;
  protected readonly broker: Broker;
  protected readonly notices: DeviceNotices;
  #wake: (() => void) | undefined;

  constructor(connection: Connection, broker: Broker) {
    this.connection = connection;
    this.broker = broker;
    this.notices = new DeviceNotices(connection, broker);
  }

  abstract readonly messageEffort: number;
  abstract deliver(session: RoomSession, items: readonly RoomItem[]): void;

  hasRoom(): boolean {
    return !this.connection.isFull();
  }

  whenRoom(wake: () => void): void {
    this.#wake = wake;
    this.connection.whenRoom(this.#onRoom);
  }

  /** One for all calls, so that it waits once. */
  #onRoom = (): void => this.#wake?.();

  refused(session: RoomSession, error: HoldfastError): void {
    this.notices.refused(session, error);
  }

  ended(session: RoomSession, replaced: boolean): void {
    this.notices.ended(session, replaced);
  }
}
