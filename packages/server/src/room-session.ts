import type { HoldfastError } from "holdfast-client/protocol";
import type { DeviceAddress, RoomItem } from "./room-engine.js";

/** Where the messages of a device's rooms go: a socket, by events or by frames. */
export interface RoomSink {
  /** What it is to hand over one message, where one in a frame is 1. */
  readonly messageEffort: number;
  /** Whether it takes something now: not while so much waits for the peer that it would lie there. */
  hasRoom(): boolean;
  /** Calls `wake` once when `hasRoom` is worth another look. */
  whenRoom(wake: () => void): void;
  /** Hands over what the engine gave, in this order. */
  deliver(session: RoomSession, items: readonly RoomItem[]): void;
  /** It is not attached and gets nothing, for a reason that does not pass by itself. */
  refused(session: RoomSession, error: HoldfastError): void;
  /** Nothing is settled for this session any more. @param replaced another session of the device is there, which the peer is told */
  ended(session: RoomSession, replaced: boolean): void;
}

/**
 * A device that is here: one live attachment, for its sink.
 *
 * - `number` undefined: it is being attached, or the engine is away.
 * - `number` given: the engine has messages for it.
 * - `over`: its socket is gone or another session took its place. For good.
 */
export class RoomSession {
  readonly address: DeviceAddress;
  readonly sink: RoomSink;
  /** The engine's; the keeper's of all sessions, as everything here. */
  number: number | undefined;
  over = false;
  /** It catches up, as far as is known: nothing was given to it yet, or the engine says so. The dispatcher's. */
  isBehind = true;
  /** While it is being attached: resolves when that was tried, never fails. Whoever waits goes on in the turn in which it ends. */
  entering: Promise<void> | undefined;
  /** Why it is not attached. */
  error: unknown;

  constructor(address: DeviceAddress, sink: RoomSink) {
    this.address = address;
    this.sink = sink;
  }
}
