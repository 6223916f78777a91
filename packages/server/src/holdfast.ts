import { HoldfastError } from "holdfast-client/protocol";
import type { Namespace, Server, Socket } from "socket.io";
import { z } from "zod";
import { Auth } from "./auth/auth.js";
import type { AuthSettings } from "./auth/options.js";
import type { RevocationTarget } from "./auth/revocations.js";
import { writeBackup } from "./backup/backup-file.js";
import type { Broadcast } from "./broadcast.js";
import { Broker, type Counters } from "./broker.js";
import type { Engine, Page } from "./engine.js";
import { createMemoryEngine } from "./engines/memory/memory-engine.js";
import { type AttachOptions, Gateway } from "./gateway.js";
import { readTarget } from "./gateway/admin-requests.js";
import { Guard } from "./gateway/guard.js";
import type { Refusal } from "./gateway/patience.js";
import type { QueueOptionsInput } from "./options.js";
import type { QueuedMessage, Receipt } from "./publish.js";
import type { Queue } from "./queue.js";
import { Requesters } from "./requester.js";
import type { Room, RoomOptionsInput } from "./room.js";
import type { TargetName } from "./room-names.js";
import { Scope } from "./scope.js";
import { type HoldfastOptions, resolveSettings, type Settings } from "./settings.js";
import { validate } from "./validate.js";

/** How long `close` waits for handlers in this process. */
const DRAIN_MS = 10_000;
const WAIT_MS_MAX = 3_600_000;

const waitMs = z.int().min(0).max(WAIT_MS_MAX).optional();
const closeOptions = z.strictObject({ drainMs: waitMs, settleMs: waitMs });

/**
 * Durable queues and rooms beside a Socket.IO server.
 *
 * @example
 * const io = new Server(3000);
 * const holdfast = await Holdfast.open({ directory: "./data" });
 * holdfast.attach(io);
 */
export class Holdfast {
  readonly #broker: Broker;
  readonly #settings: Settings;
  readonly #guard: Guard | undefined;
  readonly #gateway: Gateway;
  readonly #requesters: Requesters;
  readonly #root: Scope;
  #closed: Promise<void> | undefined;

  private constructor(broker: Broker, settings: Settings, auth: Auth | undefined) {
    this.#broker = broker;
    this.#settings = settings;
    this.#guard = auth === undefined ? undefined : new Guard(auth, broker, settings);
    this.#gateway = new Gateway(broker, settings, this.#guard);
    this.#requesters = new Requesters(broker, settings);
    this.#root = new Scope(broker, settings, this.#requesters, "/");
  }

  /**
   * Opens the engine; resolves when it serves. Fails with `BAD_REQUEST` naming the option, or with the engine's error
   * when its store cannot be used or is another process's.
   *
   * @example
   * const holdfast = await Holdfast.open({ directory: "./data", disconnectGraceMs: 10_000 });
   */
  static async open(options: HoldfastOptions = {}): Promise<Holdfast> {
    const settings = resolveSettings(options);
    const broker = new Broker(await engineOf(settings), { ...settings, openBytesMax: settings.limits.openBytesMax });
    await broker.engine.open(broker);
    // After the engine, which sees to it that the directory is this process's.
    const auth = settings.auth === undefined ? undefined : await openAuth(settings.auth, settings, broker);
    return new Holdfast(broker, settings, auth);
  }

  /** `level`, `memory`, or the name of an engine of your own. */
  get engine(): string {
    return this.#broker.engine.name;
  }

  /** Whether the store works. With a full disk it does: publishes are refused, and consumers, who make room, go on. */
  get ready(): boolean {
    return this.#closed === undefined && this.#broker.failure === undefined;
  }

  /** Why the store does not work now; undefined while it does. The engine goes on trying. */
  get failure(): Error | undefined {
    return this.#broker.failure;
  }

  /** What was ignored because it was late or wrong, since the process began. */
  get counters(): Readonly<Counters> {
    return this.#broker.counters;
  }

  /** How often clients were refused something, by why, since this was opened. What it was is in the log. */
  get refused(): Readonly<Record<Refusal, number>> {
    return this.#gateway.refused;
  }

  /**
   * Serves the sockets of a namespace (a server means `/`), those connected already too. Each namespace has queues of
   * its own, guarded by its own middleware. Fails with `BAD_REQUEST` when it is attached already.
   *
   * With `auth` (`Holdfast.open`) each socket has to say who it is before it is connected, and may do what was granted to it;
   * `auth: false` here leaves that to the application.
   *
   * @param options `identify` says who a socket belongs to, where there is no `auth`. Without it `auth: { user }` of the handshake counts, but
   *   only while the server is bound to loopback, or with `insecure`; else nobody is anybody in particular.
   *
   * @example
   * holdfast.attach(io.of("/orders"), { identify: (socket) => socket.data.user });
   */
  attach(target: Server | Namespace, options: AttachOptions = {}): void {
    this.#gateway.attach(target, options);
  }

  /**
   * Serves administrators, whose tokens have role `viewer` or `operator`, in a namespace of their own (a server means `/admin`).
   * Fails with `BAD_REQUEST` when it is attached already, and without `auth`.
   */
  administer(target: Server | Namespace): void {
    this.#gateway.administer(target);
  }

  /**
   * All that proves to be somebody (tokens issued until now, keys), or one token (its `jti`) or key (its `id`), is void from now on. Its connections are
   * cut, and what their consumers have in flight returns. Resolves to how many were cut, once it is on disk: it holds after a restart.
   *
   * @throws HoldfastError `UNKNOWN` when it holds but could not be written
   *
   * @example
   * await holdfast.revoke({ subject: "bob" });
   */
  async revoke(target: RevocationTarget): Promise<{ readonly connections: number }> {
    return this.#change("revoke", target, (guard) => guard.revoke(readTarget(target)));
  }

  /** Takes a revocation back. `NOT_FOUND` when there is none. */
  async restore(target: RevocationTarget): Promise<void> {
    await this.#change("restore", target, (guard) => guard.restore(readTarget(target)));
  }

  async #change<Result>(operation: string, request: object, change: (guard: Guard) => Promise<Result>): Promise<Result> {
    const guard = this.#guard;
    if (guard === undefined) throw new HoldfastError("BAD_REQUEST", "auth is missing, expected Holdfast.open({ auth })");
    const result = await change(guard);
    await guard.auth.audit.record({ ...IN_PROCESS, operation, request: { ...request }, outcome: "ok" });
    return result;
  }

  /**
   * Whether a namespace may be made for a client: true where what it gives as `auth` proves to be somebody, where that cannot be found
   * out just now and the namespace has queues or rooms, and where nobody is asked. For a server that makes namespaces when they are asked for.
   */
  async recognizes(auth: Readonly<Record<string, unknown>>, namespace: string): Promise<boolean> {
    return this.#guard?.recognizes(auth, namespace) ?? true;
  }

  /** Who a socket of an attached namespace belongs to; undefined for nobody in particular. */
  identityOf(socket: Socket): string | undefined {
    return this.#gateway.identityOf(socket);
  }

  /** The queues and rooms of a namespace. */
  of(namespace: string): Scope {
    return new Scope(this.#broker, this.#settings, this.#requesters, namespace);
  }

  /** A queue of namespace `/`: see `Scope.queue`. */
  queue<Body = unknown>(name: string, options?: QueueOptionsInput): Queue<Body> {
    return this.#root.queue<Body>(name, options);
  }

  /** Stores messages for queues of namespace `/`, all or none: see `Scope.publish`. */
  publish(messages: readonly QueuedMessage[]): Promise<Receipt[]> {
    return this.#root.publish(messages);
  }

  /** A durable room of namespace `/`: see `Scope.room`. */
  room(name: string, options?: RoomOptionsInput): Room {
    return this.#root.room(name, options);
  }

  /** Where in namespace `/` an event is to go: see `Scope.to`. */
  to(targets: TargetName | readonly TargetName[]): Broadcast {
    return this.#root.to(targets);
  }

  /** Names of the rooms of namespace `/`: see `Scope.rooms`. */
  rooms(options: { readonly after?: string; readonly limit?: number } = {}): Promise<Page<string, string>> {
    return this.#root.rooms(options);
  }

  /** Names of the queues of namespace `/`: see `Scope.queues`. */
  queues(options: { readonly after?: string; readonly limit?: number } = {}): Promise<Page<string, string>> {
    return this.#root.queues(options);
  }

  /**
   * Writes a copy of everything that is stored, in all namespaces, to a file: as it was at one moment after the call, while
   * work goes on. `holdfast restore` makes a directory of it. Resolves to its bytes, once the file survives power loss; an
   * older one of that name is replaced then. `RATE_LIMITED` while another backup is under way.
   *
   * @example
   * await holdfast.backup("/var/backups/holdfast.hfbackup");
   */
  async backup(path: string): Promise<number> {
    this.#broker.assertOpen();
    return writeBackup(await this.#broker.backups.stream(), path);
  }

  /**
   * Stops: new work is refused with `SHUTTING_DOWN`, handlers at work finish (up to `drainMs`, 10 s), what is in flight
   * goes back uncounted, the engine closes. The Socket.IO server stays open. Called again, it waits for the same.
   * `BAD_REQUEST` for times that are none.
   *
   * @param options.drainMs 0 to 3,600,000
   * @param options.settleMs how long clients may still settle what they hold, 0 (the default) to 3,600,000; what they settle by then does
   *   not come again
   */
  async close(options: { readonly drainMs?: number; readonly settleMs?: number } = {}): Promise<void> {
    const { drainMs = DRAIN_MS, settleMs = 0 } = validate(closeOptions, options, "options");
    this.#closed ??= this.#broker.close({ drainMs, settleMs }, this.#requesters.stop()).finally(async () => {
      this.#gateway.close();
      await this.#guard?.close();
    });
    await this.#closed;
  }
}

/** Who changes something without a connection, in the audit log. */
const IN_PROCESS = { who: "this process", by: "application", from: "this process", through: "the library" } as const;

async function openAuth(auth: AuthSettings, { engine, directory, clock, log }: Settings, broker: Broker): Promise<Auth> {
  try {
    return await Auth.open(auth, engine === "memory" ? undefined : directory, clock, log);
  } catch (error) {
    await broker.close({ drainMs: 0, settleMs: 0 });
    throw error;
  }
}

/** The one place that knows concrete engines. */
async function engineOf({ engine, directory, clock, log }: Settings): Promise<Engine> {
  if (engine === "memory") return createMemoryEngine({ clock });
  if (engine !== "level") return engine;
  // Loaded only when asked for: it brings a native store.
  const { createLevelEngine } = await import("./engines/level/level-engine.js");
  return createLevelEngine({ directory: directory ?? "", clock, log });
}
