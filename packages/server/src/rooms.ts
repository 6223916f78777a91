import type { ReceiptRun } from "holdfast-client/protocol";
import type { Clock } from "./clock.js";
import type { Page, QueueAddress } from "./engine.js";
import { Existence } from "./existence.js";
import type { Log } from "./log.js";
import type { OpenBytes } from "./open-bytes.js";
import { assertStays } from "./options.js";
import { Presence } from "./presence.js";
import { Receipts } from "./receipts.js";
import type {
  EmitRequest,
  JoinFrom,
  RoomAddress,
  RoomEngine,
  RoomLedger,
  RoomMember,
  RoomMemberInfo,
  RoomRecord,
  RoomStats,
  RoomTarget,
} from "./room-engine.js";
import type { RoomOptionsChange } from "./room-options.js";
import type { RoomSession } from "./room-session.js";
import { RoomSessions } from "./room-sessions.js";
import type { RoomNews } from "./room-watching.js";

/** Pages of members that one look for those who are here goes through. */
const PRESENCE_PAGES_MAX = 10;

/** A user who is here, with the names of the devices; none for one who left just now. */
export interface PresenceEntry {
  readonly user: string;
  readonly devices: readonly string[];
}

interface RoomsSettings {
  readonly autoCreate: boolean;
  readonly roomsMax: number;
  readonly namespacesMax: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** In which order requests take effect: each behind those that came before it. */
export interface Turns {
  /** Runs `act` in its turn, which may be at once. */
  inTurn<Result>(act: () => Promise<Result>): Promise<Result>;
}

/** What rooms need of the broker that they belong to. */
interface Host {
  readonly engine: RoomEngine;
  readonly failure: Error | undefined;
  readonly openBytes: OpenBytes;
  assertOpen(): void;
  isCertain(address: QueueAddress): boolean;
  ensure(address: QueueAddress): Promise<void>;
}

const describeRoom = ({ namespace, room }: RoomAddress): string =>
  namespace === "/" ? `room ${room}` : `room ${room} of namespace ${namespace}`;

/**
 * The operations on durable rooms, whoever asks: they take checked input and know nothing of sockets.
 *
 * Calls reach the engine in their order, also those that had to wait for a room to be created.
 */
export class Rooms implements Turns {
  readonly sessions: RoomSessions;
  readonly presence: Presence;
  readonly receipts: Receipts;
  readonly #host: Host;
  readonly #engine: RoomEngine;
  readonly #autoCreate: boolean;
  readonly #existence: Existence<RoomAddress>;

  constructor(host: Host, settings: RoomsSettings) {
    const { engine } = host;
    this.#host = host;
    this.#engine = engine;
    this.#autoCreate = settings.autoCreate;
    this.sessions = new RoomSessions(engine, settings.log);
    this.presence = new Presence(engine.watching, settings.clock);
    this.receipts = new Receipts(engine.watching, settings.clock);
    const kind = {
      plural: "rooms",
      list: (namespace: string, after: string | undefined, limit: number) => engine.listRooms(namespace, after, limit),
      exists: (address: RoomAddress) => engine.roomOptions(address) !== undefined,
      create: (address: RoomAddress) => engine.defineRoom(address, {}),
      describe: describeRoom,
      keyOf: ({ namespace, room }: RoomAddress) => JSON.stringify([namespace, room]),
      isStopped: () => host.failure !== undefined,
    };
    this.#existence = new Existence(kind, settings.roomsMax, settings.namespacesMax);
  }

  /**
   * As `RoomEngine.emit`; creates rooms that do not exist when that is allowed, else `NOT_FOUND`.
   *
   * @param turns those of who emits; what waits for its turn counts among the bytes that wait to be stored
   */
  async emit(request: EmitRequest, turns?: Turns): Promise<readonly (readonly ReceiptRun[])[]> {
    this.#host.assertOpen();
    const store = (): Promise<readonly (readonly ReceiptRun[])[]> => this.#emit(request);
    return this.#host.openBytes.during(request.records.length, turns === undefined ? store : () => turns.inTurn(store));
  }

  async #emit(request: EmitRequest): Promise<readonly (readonly ReceiptRun[])[]> {
    const { namespace, to } = request;
    const rooms = to.flatMap(({ room }) => (room === undefined ? [] : { namespace, room }));
    if (!this.#existence.isCertain(rooms)) await this.#allExist(rooms);
    return this.#engine.emit(request);
  }

  /** Runs `act` at once, or behind the creations and removals under way and all that waits for them. */
  async inTurn<Result>(act: () => Promise<Result>): Promise<Result> {
    if (!this.#existence.isCertain([])) await this.#allExist([]);
    return act();
  }

  #allExist(addresses: readonly RoomAddress[]): Promise<void> {
    return this.#existence.allExist(addresses, () => this.#autoCreate);
  }

  /** As `RoomEngine.defineRoom`, within the allowed number of rooms. */
  async define(address: RoomAddress, change: RoomOptionsChange): Promise<void> {
    this.#host.assertOpen();
    await this.#existence.define(address, () => this.#engine.defineRoom(address, change));
  }

  /** As `RoomEngine.removeRoom`. */
  async remove(address: RoomAddress): Promise<void> {
    this.#host.assertOpen();
    await this.#existence.remove(address, () => this.#engine.removeRoom(address));
  }

  /** Names of rooms in order. */
  async list(namespace: string, after: string | undefined, limit: number): Promise<Page<string, string>> {
    this.#host.assertOpen();
    return this.#engine.listRooms(namespace, after, limit);
  }

  /** As `RoomEngine.roomsOf`. */
  async listOf(namespace: string, user: string, after: string | undefined, limit: number): Promise<Page<string, string>> {
    this.#host.assertOpen();
    return this.inTurn(() => this.#engine.roomsOf(namespace, user, after, limit));
  }

  async stats(address: RoomAddress): Promise<RoomStats> {
    this.#host.assertOpen();
    return this.inTurn(() => this.#engine.roomStats(address));
  }

  /** As `RoomEngine.addMember`; creates the room, and the queue that becomes a member, as `emit` does. */
  async addMember(address: RoomAddress, member: RoomMember): Promise<number> {
    this.#host.assertOpen();
    if (member.queue !== undefined) assertStays(member.queue, "member.queue");
    const creation = member.queue === undefined ? undefined : this.#ensureQueue({ namespace: address.namespace, queue: member.queue });
    if (!this.#existence.isCertain([address])) await this.#allExist([address]);
    if (creation?.error !== undefined) throw creation.error;
    return this.#engine.addMember(address, member);
  }

  /** Creates the queue, if it is missing, before anything that is asked of rooms later takes effect. */
  #ensureQueue(address: QueueAddress): { readonly error: unknown } {
    const creation: { error: unknown } = { error: undefined };
    if (this.#host.isCertain(address)) return creation;
    this.#existence.during(async () => {
      try {
        await this.#host.ensure(address);
      } catch (error) {
        creation.error = error;
      }
    });
    return creation;
  }

  /** As `RoomEngine.removeMember`. */
  async removeMember(address: RoomAddress, member: RoomMember): Promise<void> {
    this.#host.assertOpen();
    await this.inTurn(() => this.#engine.removeMember(address, member));
  }

  /** As `RoomEngine.members`. */
  async members(address: RoomAddress, after: number, limit: number): Promise<Page<RoomMemberInfo, number>> {
    this.#host.assertOpen();
    return this.inTurn(() => this.#engine.members(address, after, limit));
  }

  /** As `RoomEngine.join`; creates the room as `emit` does. */
  async join(session: RoomSession, room: string, from: JoinFrom): Promise<number> {
    this.#host.assertOpen();
    const address = { namespace: session.address.namespace, room };
    if (!this.#existence.isCertain([address])) await this.#allExist([address]);
    return this.sessions.join(session, room, from);
  }

  /** Users of the room that are connected now, with their devices; a page may be shorter than `limit` and have a `next`. */
  async presencePage(address: RoomAddress, first: number, limit: number): Promise<Page<PresenceEntry, number>> {
    const items: PresenceEntry[] = [];
    let after: number | undefined = first;
    for (let pages = 0; pages < PRESENCE_PAGES_MAX && after !== undefined && items.length < limit; pages++) {
      const { items: found, next }: Page<RoomMemberInfo, number> = await this.members(address, after, limit - items.length);
      for (const { member, online } of found) {
        if (member.user === undefined || (online === 0 && !this.presence.lingers(address, member.user))) continue;
        const devices = this.#engine.sessionsOf(address.namespace, member.user).map(({ device }) => device);
        items.push({ user: member.user, devices });
      }
      after = next;
    }
    return after === undefined ? { items } : { items, next: after };
  }

  onNews(news: readonly RoomNews[]): void {
    for (const item of news) this.#onNews(item);
  }

  #onNews(news: RoomNews): void {
    switch (news.kind) {
      case "presence":
        this.presence.onNews(news);
        break;
      case "receipts":
        this.receipts.onNews(news.namespace, news.target);
        break;
      case "removed": {
        const { namespace, target } = news;
        if (target.room !== undefined) this.presence.onRemoved({ namespace, room: target.room });
        this.receipts.onRemoved(namespace, target);
        break;
      }
      default:
        news satisfies never;
    }
  }

  /** The engine serves again, in a new life. */
  onNewLife(): void {
    this.presence.onNewLife();
    this.receipts.onNewLife();
  }

  /** Hands out and tells nothing any more. */
  stop(): void {
    this.sessions.stop();
    this.presence.stop();
    this.receipts.stop();
  }

  /** As `RoomEngine.ledger`. */
  async ledger(namespace: string, target: RoomTarget, id: string, after: number, limit: number): Promise<RoomLedger> {
    this.#host.assertOpen();
    return this.inTurn(() => this.#engine.ledger(namespace, target, { id }, after, limit));
  }

  /** As `RoomEngine.history`. */
  async history(address: RoomAddress, user: string, before: number, limit: number): Promise<Page<RoomRecord, number>> {
    this.#host.assertOpen();
    return this.inTurn(() => this.#engine.history(address, user, before, limit));
  }
}
