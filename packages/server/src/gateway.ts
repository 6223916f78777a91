import { FRAME_EVENT, HoldfastError } from "holdfast-client/protocol";
import type { Namespace, Server, Socket } from "socket.io";
import { checkNamespace } from "./address.js";
import type { Broker } from "./broker.js";
import { errorReply } from "./error-reply.js";
import { namespaceOf, readAttachOptions } from "./gateway/attach-target.js";
import { CheckedRequests } from "./gateway/checked-requests.js";
import { Connection } from "./gateway/connection.js";
import { BYTES_COUNTED_MAX } from "./gateway/costs.js";
import { Device } from "./gateway/device.js";
import { Entrance } from "./gateway/entrance.js";
import { OPERATIONS, type Operation } from "./gateway/events.js";
import { Frames } from "./gateway/frames.js";
import type { Guard } from "./gateway/guard.js";
import { anybody, type Identify, identityOf } from "./gateway/identity.js";
import { type Admission, Limiter } from "./gateway/limiter.js";
import { Patience, type Refusal } from "./gateway/patience.js";
import { bytesAtLeast } from "./gateway/payload-size.js";
import { refusalOf } from "./gateway/refusal-of.js";
import { RoomFrames } from "./gateway/room-frames.js";
import { RoomPackets } from "./gateway/room-packets.js";
import { ADMIN_NAMESPACE } from "./gateway/session.js";
import { AckIds, cut, watchStaleAnswers } from "./gateway/socket-port.js";
import type { Settings } from "./settings.js";

export interface AttachOptions {
  /**
   * Who a socket belongs to; consumers and room members are of an identity. Called when a socket has connected, again at its first
   * request when it belonged to nobody then, and from then on at each request about rooms until it belongs to somebody, who it is for as long
   * as it is connected. So a user may log in by an event. Consumers and publishes are of whom it was at its first request.
   */
  readonly identify?: Identify | undefined;
  /**
   * With `auth` of `Holdfast.open`: false for a namespace that asks nobody for a token, since the application guards it by
   * itself. Everything is permitted there.
   */
  readonly auth?: false | undefined;
  /**
   * True: whoever reaches the server is taken at his word (`auth: { user }`) and may do everything, as on a server that is bound to
   * loopback. Not with `identify`, and not where `auth` asks who somebody is.
   */
  readonly insecure?: boolean | undefined;
}

/** Who serves each namespace, and how to end that. */
const attachments = new WeakMap<object, { readonly gateway: Gateway; detach(): void }>();

type Callback = (reply: object) => void;
type SocketListener = readonly [event: string, listener: (this: Socket, ...args: unknown[]) => void];

/**
 * The edge to Socket.IO: listens for Holdfast's own events on the sockets of a namespace, and for nothing else, so that
 * the application's traffic does not pass through here.
 */
export class Gateway {
  readonly #broker: Broker;
  readonly #settings: Settings;
  readonly #requests: CheckedRequests;
  readonly #frames: Frames;
  readonly #limiter: Limiter;
  readonly #patience: Patience;
  /** Undefined where nobody is asked who it is. */
  readonly #guard: Guard | undefined;
  readonly #ids: AckIds;
  readonly #encodings = { packets: new RoomPackets(), frames: new RoomFrames() };
  readonly #entrance = new Entrance();
  readonly #connections = new WeakMap<Socket, Connection>();
  /** Of sockets that asked for something and do not say in a valid way whom they belong to: what that cost them. */
  readonly #strangers = new WeakMap<Socket, Connection>();
  readonly #identify = new WeakMap<Socket, Identify>();
  #closed = false;
  /** One for all sockets: a socket that never uses Holdfast costs only its entries. */
  readonly #listeners: readonly SocketListener[];

  constructor(broker: Broker, settings: Settings, guard: Guard | undefined) {
    this.#broker = broker;
    this.#settings = settings;
    this.#guard = guard;
    this.#patience = new Patience(settings);
    this.#requests = new CheckedRequests(broker, settings, guard);
    // Of what comes in frames little is parsed, and few that are malformed are taken.
    this.#frames = new Frames(broker, settings, (connection, error) => this.#patience.onRefused(connection, error, 0));
    this.#limiter = new Limiter(settings);
    this.#ids = new AckIds(broker.engine.life);
    this.#listeners = this.#makeListeners();
  }

  /** Serves the sockets of a namespace; a server means its namespace `/`. Fails when it is served already. */
  attach(target: Server | Namespace, options: AttachOptions): void {
    const { identify, auth, insecure = false } = readAttachOptions(options);
    const guard = auth === false ? undefined : this.#guard;
    if (guard !== undefined && (identify !== undefined || insecure)) {
      const given = insecure ? "insecure" : "identify";
      throw new HoldfastError(
        "BAD_REQUEST",
        `${given} is given, expected none: auth says who a socket belongs to, unless auth is false here`,
      );
    }
    if (identify !== undefined && insecure) {
      throw new HoldfastError("BAD_REQUEST", "identify and insecure are given, expected one of them: both say who a socket belongs to");
    }
    this.#serve(namespaceOf(target, "/"), insecure ? anybody : identify, guard, false);
  }

  /** Serves administrators in a namespace, by default `/admin` of a server. Fails with `BAD_REQUEST` without `auth`. */
  administer(target: Server | Namespace): void {
    if (this.#guard === undefined) {
      throw new HoldfastError("BAD_REQUEST", "auth is missing, expected what tells administrators from others: Holdfast.open({ auth })");
    }
    this.#serve(namespaceOf(target, ADMIN_NAMESPACE), undefined, this.#guard, true);
  }

  #serve(namespace: Namespace, identify: Identify | undefined, guard: Guard | undefined, isAdmin: boolean): void {
    this.#broker.assertOpen();
    const before = attachments.get(namespace);
    if (before !== undefined && !before.gateway.#closed)
      throw new HoldfastError("BAD_REQUEST", `namespace ${namespace.name} is attached already`);
    namespace.use((socket, next) => this.#mayJoin(socket) && next());
    // Before the question who it is, so that not everybody is asked at once.
    this.#entrance.paceHandshakes(namespace.server);
    this.#entrance.paceConnects(namespace);
    const release = guard?.protect(namespace, isAdmin);
    before?.detach();
    const rule = guard === undefined ? identify : (socket: Socket) => guard.sessionOf(socket)?.identity.subject;
    const onConnection = (socket: Socket): void => {
      if (guard === undefined || guard.admit(socket)) this.#listen(socket, rule);
    };
    namespace.on("connection", onConnection);
    for (const socket of namespace.sockets.values()) onConnection(socket);
    const detach = (): void => {
      release?.();
      namespace.off("connection", onConnection);
      for (const socket of [...namespace.sockets.values()]) {
        for (const [event, listener] of this.#listeners) socket.off(event, listener);
        // What it said in its hello is unknown to whoever comes next: it is to connect and say it again.
        if (this.#connections.get(socket)?.speaksFrames === true) cut(socket);
      }
    };
    attachments.set(namespace, { gateway: this, detach });
  }

  /** How much was refused, by why. */
  get refused(): Readonly<Record<Refusal, number>> {
    return this.#patience.refused;
  }

  /** Who a socket of an attached namespace belongs to. */
  identityOf(socket: Socket): string | undefined {
    const connection = this.#connections.get(socket);
    return connection?.device?.user ?? connection?.identity ?? identityOf(socket, this.#identify.get(socket), this.#settings.log);
  }

  /** Its namespaces may be attached to another; until they are, clients are told that this one is shutting down. */
  close(): void {
    this.#closed = true;
  }

  #makeListeners(): readonly SocketListener[] {
    const gateway = this;
    const operations = OPERATIONS.map((operation) => {
      return [
        operation,
        function (this: Socket, ...args: unknown[]): void {
          void gateway.#request(this, operation, args);
        },
      ] as const;
    });
    const frame = [
      FRAME_EVENT,
      function (this: Socket, ...args: unknown[]): void {
        gateway.#frame(this, args);
      },
    ] as const;
    return [...operations, frame];
  }

  #listen(socket: Socket, identify: Identify | undefined): void {
    if (identify !== undefined) this.#identify.set(socket, identify);
    for (const [event, listener] of this.#listeners) socket.on(event, listener);
    watchStaleAnswers(socket, () => this.#broker.counters.staleCallbacks++);
    // Whatever the application's own listeners of this connection say of it is said after this turn; and a client that
    // listens only once it is connected misses nothing that is sent in a later one.
    setImmediate(() => this.#greet(socket));
  }

  /** A socket that belongs to somebody is one of his devices at once: what his rooms have for it needs no request. */
  #greet(socket: Socket): void {
    try {
      if (!this.#closed && socket.connected && identityOf(socket, this.#identify.get(socket), this.#settings.log) !== undefined)
        this.#connectionOf(socket);
    } catch (error) {
      // Whoever it is will be told at the first request.
      if (!(error instanceof HoldfastError)) refusalOf(error, "identify", this.#settings.log);
    }
  }

  /** The connection of a socket, made at its first request. `UNAUTHENTICATED` when its identity is not valid. */
  #connectionOf(socket: Socket): Connection {
    const known = this.#connections.get(socket);
    if (known !== undefined) return known;
    const namespace = checkNamespace(socket.nsp.name);
    const identify = this.#identify.get(socket);
    const identity = identityOf(socket, identify, this.#settings.log);
    let admission = this.#admit(socket, identity);
    const person = { identity, identify, session: this.#guard?.sessionOf(socket) };
    const connection = new Connection(socket, namespace, person, admission.allowance, this.#ids);
    this.#connections.set(socket, connection);
    this.#patience.hold(connection);
    if (identity === undefined) {
      connection.identifyAgain = () => {
        const user = identityOf(socket, identify, this.#settings.log);
        if (user === undefined) return;
        const { leave } = admission;
        admission = this.#admit(socket, user);
        leave();
        connection.allowance = admission.allowance;
        this.#openDevice(connection, user);
      };
    } else if (connection.session?.isAdmin !== true) this.#openDevice(connection, identity);
    socket.once("disconnect", () => {
      admission.leave();
      connection.close();
      for (const consumer of [...connection.consumers]) this.#broker.consumers.leave(consumer);
    });
    return connection;
  }

  #openDevice(connection: Connection, user: string): void {
    connection.device = new Device(this.#broker, connection, this.#encodings, user);
    connection.device.open();
  }

  /** A socket that has no connection yet, as nobody's: only what it is refused counts. */
  #strangerOf(socket: Socket): Connection {
    let stranger = this.#strangers.get(socket);
    if (stranger === undefined) {
      const { allowance, leave } = this.#admit(socket, undefined);
      stranger = new Connection(
        socket,
        socket.nsp.name,
        { identity: undefined, identify: undefined, session: undefined },
        allowance,
        this.#ids,
      );
      this.#strangers.set(socket, stranger);
      socket.once("disconnect", leave);
    }
    return stranger;
  }

  #onRefused(socket: Socket, refusal: HoldfastError, bytes: number): void {
    if (socket.connected) this.#patience.onRefused(this.#connections.get(socket) ?? this.#strangerOf(socket), refusal, bytes);
  }

  #admit(socket: Socket, identity: string | undefined): Admission {
    try {
      return this.#limiter.admit(socket, identity);
    } catch (error) {
      const refusal = refusalOf(error, "admit", this.#settings.log);
      this.#patience.turnAway(socket, refusal);
      throw refusal;
    }
  }

  #mayJoin(socket: Socket): boolean {
    if (this.#closed || this.#limiter.mayJoin(socket)) return true;
    this.#patience.endJoining(socket);
    return false;
  }

  /** Without a callback nobody hears the answer; the request is carried out all the same. */
  async #request(socket: Socket, operation: Operation, args: unknown[]): Promise<void> {
    const last = args.at(-1);
    const callback = typeof last === "function" ? (last as Callback) : undefined;
    if (callback !== undefined) args.pop();
    const bytes = bytesAtLeast(args[0], BYTES_COUNTED_MAX);
    try {
      const connection = this.#connectionOf(socket);
      if (!this.#patience.mayAsk(connection)) return;
      const { reply, afterwards } = await this.#requests.answer(connection, operation, args, bytes);
      callback?.({ ok: true, ...reply });
      afterwards?.();
    } catch (error) {
      const refusal = refusalOf(error, operation, this.#settings.log);
      callback?.({ ok: false, error: errorReply(refusal) });
      this.#onRefused(socket, refusal, bytes);
    }
  }

  #frame(socket: Socket, args: readonly unknown[]): void {
    try {
      const connection = this.#connectionOf(socket);
      if (this.#patience.mayAsk(connection)) this.#frames.receive(connection, args);
    } catch (error) {
      this.#onRefused(socket, refusalOf(error, FRAME_EVENT, this.#settings.log), 0);
    }
  }
}
