import { HoldfastError } from "holdfast-client/protocol";
import type { Namespace, Socket } from "socket.io";
import type { Auth } from "../auth/auth.js";
import type { RevocationTarget } from "../auth/revocations.js";
import type { Broker } from "../broker.js";
import { errorReply } from "../error-reply.js";
import { Refusals } from "../limits/refusals.js";
import type { Settings } from "../settings.js";
import { preview } from "../validate.js";
import { Session } from "./session.js";
import { Sessions } from "./sessions.js";
import { cut, skipsMiddleware } from "./socket-port.js";
import { sourceOf } from "./socket-source.js";

/** Lets nobody into a namespace who does not say who he is, and nobody stay whose token is expired or revoked. */
export class Guard {
  readonly auth: Auth;
  readonly #broker: Broker;
  readonly #settings: Settings;
  readonly #sessions: Sessions;
  readonly #bySocket = new WeakMap<Socket, Session>();
  readonly #refusals: Refusals<"connection">;

  constructor(auth: Auth, broker: Broker, settings: Settings) {
    this.auth = auth;
    this.#broker = broker;
    this.#settings = settings;
    const { authenticator } = auth;
    const { clock, log } = settings;
    this.#refusals = new Refusals(["connection"], clock, ({ count, reason }) =>
      log.warn(`let ${count} connections not in, the last: ${reason}`),
    );
    this.#sessions = new Sessions(
      settings.clock,
      () => authenticator.now(),
      (session) => this.#cut(session, "the token is expired"),
    );
  }

  /**
   * Asks every socket of the namespace who it is before it is connected.
   *
   * @param isAdmin whether only administrators enter
   * @returns ends that: Socket.IO cannot forget a middleware
   * @throws HoldfastError `BAD_REQUEST` where Socket.IO lets sockets in that it did not ask
   */
  protect(namespace: Namespace, isAdmin: boolean): () => void {
    if (skipsMiddleware(namespace)) {
      throw new HoldfastError(
        "BAD_REQUEST",
        "connectionStateRecovery.skipMiddlewares is true, expected false: who comes back would not be asked who it is",
      );
    }
    let isOver = false;
    namespace.use((socket, next) => {
      if (isOver) {
        next();
        return;
      }
      Session.of({ socket, address: this.#addressOf(socket), isAdmin }, this.auth, this.#settings.log).then(
        (session) => {
          this.#bySocket.set(socket, session);
          next();
        },
        (error: unknown) => next(this.#refusal(socket, error)),
      );
    });
    return () => {
      isOver = true;
    };
  }

  /** The session of a socket that was asked; undefined for others. */
  sessionOf(socket: Socket): Session | undefined {
    return this.#bySocket.get(socket);
  }

  /**
   * Whether a handshake proves to be somebody. Where that cannot be found out just now, whether the namespace is in use: then the
   * client may be told so there, and to come again.
   */
  async recognizes(auth: Readonly<Record<string, unknown>>, namespace: string): Promise<boolean> {
    const handshake = { auth: auth ?? {}, headers: {}, address: "", query: {} };
    try {
      await this.auth.authenticator.authenticate(handshake, namespace);
      return true;
    } catch (error) {
      return error instanceof HoldfastError && error.retryable && (await this.#broker.isUsed(namespace));
    }
  }

  /** A socket is connected: false, and cut, when it was never asked, or is expired or revoked meanwhile. */
  admit(socket: Socket): boolean {
    const session = this.#bySocket.get(socket);
    const why = session === undefined ? "nobody was asked who it is" : session.invalidity?.message;
    if (session === undefined || why !== undefined) {
      this.#settings.log.warn(`socket ${socket.id} of namespace ${socket.nsp.name} is cut: ${why}`);
      cut(socket);
      return false;
    }
    this.#sessions.add(session);
    session.onRefreshed = () => this.#sessions.noteExpiry(session);
    socket.once("disconnect", () => this.#sessions.delete(session));
    return true;
  }

  /**
   * What proves to be somebody, or one token or key, is void from now on: its connections are cut, and what their
   * consumers have in flight returns at once. Resolves to how many were cut once it is on disk.
   */
  async revoke(target: RevocationTarget): Promise<{ readonly connections: number; readonly until: number | null }> {
    const { authenticator, revocations } = this.auth;
    const at = authenticator.now();
    const until = authenticator.keptUntil(target);
    // In force before it is written: the first of the two must not wait for the disk.
    const written = revocations.add({ ...target, at, until }, at);
    const revoked = this.#sessions.where(({ identity }) => revocations.covers(identity, at));
    for (const session of revoked) {
      for (const consumer of session.connection?.consumers ?? []) void this.#broker.consumers.end(consumer, undefined, true);
      this.#cut(session, "its token or key is revoked");
    }
    if ("subject" in target) this.#endAway(target.subject);
    await written;
    return { connections: revoked.length, until };
  }

  /** Takes a revocation back: `NOT_FOUND` when there is none. */
  async restore(target: RevocationTarget): Promise<void> {
    await this.auth.revocations.remove(target, this.auth.authenticator.now());
  }

  /** Disconnects a user, who may come back; in one namespace, or in all. Returns how many connections he had. */
  disconnect(user: string, namespace: string | undefined): number {
    const found = this.#sessions.where(
      ({ identity, socket }) => identity.subject === user && (namespace === undefined || socket.nsp.name === namespace),
    );
    for (const { socket } of found) socket.disconnect(true);
    return found.length;
  }

  async close(): Promise<void> {
    this.#sessions.stop();
    await this.auth.close();
  }

  /** Consumers that lost their connection wait for somebody who may not come. */
  #endAway(subject: string): void {
    for (const consumer of this.#broker.consumers.all()) {
      if (consumer.state === "away" && consumer.identity === subject) void this.#broker.consumers.end(consumer, undefined, true);
    }
  }

  #addressOf(socket: Socket): string {
    return this.#settings.addresses.addressOf(sourceOf(socket)) ?? "";
  }

  #cut(session: Session, why: string): void {
    const { socket, identity } = session;
    this.#settings.log.info(`socket ${socket.id} of ${preview(identity.subject)} in namespace ${socket.nsp.name} is cut: ${why}`);
    this.#sessions.delete(session);
    cut(socket);
  }

  /** As Socket.IO tells it to the client: the message, and in `data` what a program needs. */
  #refusal(socket: Socket, error: unknown): Error {
    const known = error instanceof HoldfastError ? error : new HoldfastError("UNKNOWN", "an internal error");
    if (known !== error) this.#settings.log.error(`a connection failed: ${error instanceof Error ? error.stack : String(error)}`);
    this.#broker.counters.refusedConnections++;
    this.#refusals.add("connection", `${this.#addressOf(socket)} to ${socket.nsp.name}: ${known.message}`);
    return Object.assign(new Error(known.message), { data: errorReply(known) });
  }
}
