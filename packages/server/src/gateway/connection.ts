import { HoldfastError } from "holdfast-client/protocol";
import type { Socket } from "socket.io";
import { type Access, OPEN_ACCESS } from "../auth/access.js";
import type { Consumer } from "../consumer.js";
import type { QueueAddress } from "../engine.js";
import { errorReply } from "../error-reply.js";
import type { Allowance } from "./allowance.js";
import type { Appearance, Device } from "./device.js";
import { REFUSED_EVENT } from "./events.js";
import { FrameOutbox } from "./frame-outbox.js";
import type { Identify } from "./identity.js";
import type { Session } from "./session.js";
import { type AckIds, SocketPort, WAITING_BYTES_MAX } from "./socket-port.js";
import type { Watches } from "./watches.js";

/** Lease calls under way for one connection, however many consumers it has: each may bring as much as may wait. */
const CALLS_MAX = 16;
/** Largest frame, whatever the server's `maxHttpBufferSize`. */
const FRAME_BYTES_MAX = 1_048_576;
/** Of `maxHttpBufferSize`: polling sends binary as base64, which takes a third more, and there is some framing. */
const FRAME_SHARE = 0.74;

/** Bytes that may wait for a client which goes on asking, and how often that is looked at. */
const UNREAD_BYTES_MAX = 16_777_216;
const REQUESTS_A_LOOK = 64;

/** Who a socket belongs to, by which rule of the application, if any, and what was found out of him where everybody is asked. */
export interface Person {
  readonly identity: string | undefined;
  readonly identify: Identify | undefined;
  readonly session: Session | undefined;
}

/** One client's socket in one namespace, from its first request to its disconnect, and what it holds here. */
export class Connection {
  readonly socket: Socket;
  readonly namespace: string;
  /** Who it was at its first request: its consumers and what it publishes are his for as long as it lasts. */
  readonly identity: string | undefined;
  readonly identify: Identify | undefined;
  /** What it may do. */
  readonly access: Access;
  /** Who was found out to own it; undefined where nobody is asked. */
  readonly session: Session | undefined;
  readonly port: SocketPort;
  readonly outbox: FrameOutbox;
  /** Bytes of the largest frame this client may send. */
  readonly frameBytesMax: number;
  /** Consumers whose deliveries go to this socket. */
  readonly consumers = new Set<Consumer>();
  /** Consumers being attached, so that the limit holds meanwhile. */
  attaching = 0;
  /** Whether the client said hello: frames are understood on both sides. */
  speaksFrames = false;
  malformedFrames = 0;
  /** Bytes of messages in frames that wait to be stored. */
  openBytes = 0;
  /** Plain requests that are not answered yet. */
  openRequests = 0;
  /** What it may still ask for; another one when it is found out later whose it is. */
  allowance: Allowance;
  /** Queues that frames have named, so that each name is checked once. */
  readonly queues = new Map<string, QueueAddress>();
  /** Which device it is in durable rooms; undefined for a socket that belongs to nobody in particular. */
  device: Device | undefined;
  /** What hello said of the device, which may be before it is known whose it is. */
  appearance: Appearance | false | undefined;
  /** Of a socket that belonged to nobody: asks again whose it is, and makes the device if it is somebody's. */
  identifyAgain: (() => void) | undefined;
  /** What it watches of rooms; made with the first. */
  watches: Watches | undefined;
  /** Its socket is gone: what was asked before is carried out, and nothing is begun for it. */
  isClosed = false;
  readonly #byHandle = new Map<number, Consumer>();
  readonly #waiting = new Set<() => void>();
  #calls = 0;
  /** Settlements that wait to be stored. */
  #openSettlements = 0;
  #serving = false;
  #requests = 0;

  constructor(socket: Socket, namespace: string, { identity, identify, session }: Person, allowance: Allowance, ids: AckIds) {
    this.socket = socket;
    this.namespace = namespace;
    this.identity = identity;
    this.identify = identify;
    this.allowance = allowance;
    this.session = session;
    this.access = session?.access ?? OPEN_ACCESS;
    if (session !== undefined) session.connection = this;
    this.port = new SocketPort(socket, ids);
    this.frameBytesMax = Math.floor(Math.min(FRAME_BYTES_MAX, this.port.packetBytesMax * FRAME_SHARE));
    this.outbox = new FrameOutbox(this.port, this.frameBytesMax);
  }

  /** The consumer of that handle, when its deliveries go here: a handle is easily guessed, so it means nothing elsewhere. */
  byHandle(handle: number): Consumer | undefined {
    return this.#byHandle.get(handle);
  }

  /** @param frames whether frames name it by its handle */
  hold(consumer: Consumer, frames: boolean): void {
    this.consumers.add(consumer);
    if (frames) this.#byHandle.set(consumer.handle, consumer);
  }

  drop(consumer: Consumer): void {
    this.consumers.delete(consumer);
    this.#byHandle.delete(consumer.handle);
  }

  /** Takes room for one lease call; false when too much waits or too many calls are under way. */
  reserve(): boolean {
    if (this.#calls >= CALLS_MAX || this.isFull()) return false;
    this.#calls++;
    return true;
  }

  free(): void {
    this.#calls--;
    if (this.#waiting.size > 0) this.#serve();
  }

  whenRoom(wake: () => void): void {
    this.#waiting.add(wake);
    if (this.#calls < CALLS_MAX) this.port.whenRoom(this.#serve);
  }

  /** Wakes those who wait, in turn, while there is room: of thousands of consumers few find some before it is full again. */
  #serve = (): void => {
    // A call that ends while somebody is being woken is seen below.
    if (this.#serving) return;
    this.#serving = true;
    try {
      this.#wakeInTurn();
    } finally {
      this.#serving = false;
    }
  };

  #wakeInTurn(): void {
    for (const wake of this.#waiting) {
      if (this.#calls >= CALLS_MAX) break;
      if (this.isFull()) {
        this.port.whenRoom(this.#serve);
        break;
      }
      this.#waiting.delete(wake);
      wake();
    }
  }

  /** What the outbox holds leaves at the end of this turn, so a drain of the port comes for it too. */
  isFull(): boolean {
    return this.outbox.bytes > WAITING_BYTES_MAX || this.port.isFull();
  }

  /** Whether the client lets replies pile up. Looked at now and then only: it takes longer the more there are. */
  isOverflowing(): boolean {
    this.#requests = (this.#requests + 1) % REQUESTS_A_LOOK;
    return this.#requests === 0 && this.port.waitingBytes(UNREAD_BYTES_MAX) >= UNREAD_BYTES_MAX;
  }

  /** Counts settlements that wait to be stored from now on, or fails with `RATE_LIMITED` where too many would. */
  beginSettlements(count: number, settlementsMax: number): void {
    const open = this.#openSettlements + count;
    if (open > settlementsMax) {
      throw new HoldfastError("RATE_LIMITED", `${open} settlements of this connection wait to be stored, at most ${settlementsMax} may`);
    }
    this.#openSettlements = open;
  }

  /** They wait no more. */
  endSettlements(count: number): void {
    this.#openSettlements -= count;
  }

  /** Ends the client's connection with all its namespaces, having told it why. */
  cut(error: HoldfastError): void {
    const reply = errorReply(error);
    if (this.speaksFrames) {
      this.outbox.refused(0, reply);
      this.outbox.flush();
    }
    this.port.send(REFUSED_EVENT, reply);
    this.socket.disconnect(true);
  }

  /** The device, for a request that needs one: users may say who they are when they are connected, so nobody is asked for again. */
  findDevice(): Device | undefined {
    if (this.device === undefined && !this.isClosed) this.identifyAgain?.();
    return this.device;
  }

  /** The device is here from now on, as hello says; or, with false, there is none. */
  appear(appearance: Appearance | false): void {
    this.appearance = appearance;
    if (appearance === false) this.device?.retire();
    else this.findDevice()?.appear(appearance);
  }

  close(): void {
    this.isClosed = true;
    this.device?.close();
    this.watches?.close();
    this.port.close();
    this.#waiting.clear();
  }
}
