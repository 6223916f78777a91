import { FRAME_VERSION, HoldfastError } from "holdfast-client/protocol";
import type { Broker } from "../broker.js";
import { errorReply } from "../error-reply.js";
import type { JoinFrom, RoomSettleRun } from "../room-engine.js";
import { deviceName } from "../room-names.js";
import type { RoomSession, RoomSink } from "../room-session.js";
import type { Turns } from "../rooms.js";
import { validate } from "../validate.js";
import type { Connection } from "./connection.js";
import { REFUSED_EVENT } from "./events.js";
import { FrameRoomSink } from "./frame-room-sink.js";
import { PlainRoomSink } from "./plain-room-sink.js";
import type { RoomFrames } from "./room-frames.js";
import type { RoomPackets } from "./room-packets.js";

/** What a handshake may name; made once, as each socket that comes is looked at. */
const givenName = deviceName.optional();
const nameOrDefault = deviceName.default("default");

/** What is made of a message once, for all devices. */
export interface RoomEncodings {
  readonly packets: RoomPackets;
  readonly frames: RoomFrames;
}

/** What hello says of the device that a connection is. */
export interface Appearance {
  readonly device?: string | undefined;
  readonly meta: boolean;
  readonly frames?: typeof FRAME_VERSION | undefined;
}

/**
 * The device that a connection is in durable rooms. It is attached from the connect on, so that a member receives without
 * having asked for anything: as the device that the handshake names, or as `default`; unless the handshake or hello says
 * that it is none. Hello or a join may name another one, which the connection is from then on.
 */
export class Device implements Turns {
  readonly #broker: Broker;
  readonly #connection: Connection;
  readonly #encodings: RoomEncodings;
  readonly #user: string;
  /** Of rooms that were joined here, whether their events have an argument more. */
  readonly #meta = new Map<string, boolean>();
  #metaDefault = false;
  /** Whether its messages come in frames: the handshake says so, since they come right after it, or hello. */
  #takesFrames = false;
  #session: RoomSession | undefined;
  #closed = false;

  constructor(broker: Broker, connection: Connection, encodings: RoomEncodings, user: string) {
    this.#broker = broker;
    this.#connection = connection;
    this.#encodings = encodings;
    this.#user = user;
  }

  get user(): string {
    return this.#user;
  }

  /** Attaches it as the handshake says, or hello if that came before. Of a name that is none the client is told, since it gets nothing. */
  open(): void {
    const { appearance, socket } = this.#connection;
    const { auth } = socket.handshake;
    this.#metaDefault = auth.meta === true;
    this.#takesFrames = auth.frames === FRAME_VERSION;
    if (appearance) this.appear(appearance);
    else if (appearance === undefined && auth["holdfast:rooms"] !== false) this.#becomeNamed();
  }

  #becomeNamed(): void {
    try {
      this.#become(this.#named);
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error;
      this.#connection.port.send(REFUSED_EVENT, errorReply(error));
    }
  }

  /**
   * It is here from now on, as hello says; what was sent to it before and is not settled comes again if it is told otherwise.
   *
   * @param device undefined: the one it is, or that the handshake names. A handshake's name that is none is told to whoever joins
   * @param frames whether its messages come in frames; undefined: as the handshake says
   */
  appear({ device, meta, frames }: Appearance): void {
    const current = this.#current;
    const { success } = givenName.safeParse(this.#connection.socket.handshake.auth.device);
    const name = device ?? current?.address.device ?? (success ? this.#named : undefined);
    const takesFrames = frames === FRAME_VERSION || this.#takesFrames;
    const isOther = meta !== this.#metaDefault || takesFrames !== this.#takesFrames;
    const changes = isOther || current === undefined || current.address.device !== name;
    this.#metaDefault = meta;
    this.#takesFrames = takesFrames;
    if (changes && name !== undefined) this.#become(name);
  }

  /** It is none, until it appears or joins a room. */
  retire(): void {
    if (this.#session !== undefined) this.#broker.rooms.sessions.detach(this.#session);
    this.#session = undefined;
  }

  get #current(): RoomSession | undefined {
    return this.#session?.over === false ? this.#session : undefined;
  }

  get #named(): string {
    return validate(nameOrDefault, this.#connection.socket.handshake.auth.device, "device");
  }

  /**
   * Makes the user a member of a room; resolves to the first sequence that this device gets.
   *
   * @param device another one than it is so far
   * @param meta whether the room's events have an argument that tells of the message
   */
  join(room: string, device: string | undefined, from: JoinFrom, meta: boolean | undefined): Promise<number> {
    return this.inTurn(() => {
      const current = this.#current;
      const name = device ?? current?.address.device ?? this.#named;
      const session = current?.address.device === name ? current : this.#become(name);
      const before = this.#meta.get(room);
      if (meta !== undefined) this.#meta.set(room, meta);
      this.#broker.rooms.sessions.retry(session);
      return this.inTurn(() => this.#broker.rooms.join(session, room, from)).catch((error: unknown) => {
        // A name that is no room's must not be remembered.
        if (before === undefined) this.#meta.delete(room);
        else this.#meta.set(room, before);
        throw error;
      });
    });
  }

  /** Runs what the connection asks of rooms behind all that it asked before: a join waits until the device is attached. */
  async inTurn<Result>(act: () => Promise<Result>): Promise<Result> {
    for (let entering = this.#session?.entering; entering !== undefined; entering = this.#session?.entering) await entering;
    return act();
  }

  /** The user left the room. */
  forget(room: string): void {
    this.#meta.delete(room);
  }

  #become(device: string): RoomSession {
    if (this.#closed) throw new HoldfastError("UNKNOWN", "the connection is gone");
    const { sessions } = this.#broker.rooms;
    const { namespace } = this.#connection;
    if (this.#session !== undefined) sessions.detach(this.#session);
    this.#session = sessions.attach({ namespace, user: this.#user, device }, this.#sink());
    return this.#session;
  }

  #sink(): RoomSink {
    const { packets, frames } = this.#encodings;
    if (this.#takesFrames) return new FrameRoomSink(this.#connection, this.#broker, frames);
    const wantsMeta = (room: string | undefined): boolean => (room === undefined ? undefined : this.#meta.get(room)) ?? this.#metaDefault;
    return new PlainRoomSink(this.#connection, this.#broker, packets, wantsMeta);
  }

  /** Settles messages that came in frames; returns how many of them it changed anything for. */
  settle(room: number, runs: readonly RoomSettleRun[]): number {
    return this.#session === undefined ? 0 : this.#broker.rooms.sessions.settle(this.#session, room, runs);
  }

  /** The connection is gone. */
  close(): void {
    this.#closed = true;
    if (this.#session !== undefined) this.#broker.rooms.sessions.detach(this.#session);
  }
}
