import { HoldfastError } from "holdfast-client/protocol";
import type { Socket } from "socket.io";
import { Buckets } from "../limits/buckets.js";
import type { Settings } from "../settings.js";
import { preview } from "../validate.js";
import { Allowance, OwnBuckets, type Share, WASTE_RATE } from "./allowance.js";
import { sourceOf } from "./socket-source.js";

/** What a socket may ask for, as long as it is connected. */
export interface Admission {
  readonly allowance: Allowance;
  /** The socket is gone. */
  leave(): void;
}

/** Gives each socket its allowance, part of which it shares with the others of its connection, its user and its address. */
export class Limiter {
  readonly #settings: Settings;
  /** By the connection, so that leaving a namespace and joining it again fills no bucket. */
  readonly #own = new WeakMap<object, OwnBuckets>();
  readonly #users: Buckets;
  readonly #sources: Buckets;
  /** Of users, so that coming back is no way around them. */
  readonly #wastes = new Buckets(WASTE_RATE);

  constructor(settings: Settings) {
    const { limits } = settings;
    this.#settings = settings;
    this.#users = new Buckets(limits.userRate);
    this.#sources = new Buckets(limits.addressRate);
  }

  /** Whether the connection of a socket that wants to join a namespace did not try too often: each try is work before anybody is known. */
  mayJoin(socket: Socket): boolean {
    const now = this.#settings.clock.now();
    const { joins } = this.#ownOf(socket.conn, now);
    if (joins.level(now) < 1) return false;
    joins.take(1, now);
    return true;
  }

  /** Fails with `RATE_LIMITED` when its user has as many connections as one may have. */
  admit(socket: Socket, user: string | undefined): Admission {
    const { clock, limits, addresses } = this.#settings;
    const now = clock.now();
    const { userConnectionsMax } = limits;
    if (user !== undefined && this.#users.holders(user) >= userConnectionsMax) {
      throw new HoldfastError("RATE_LIMITED", `user ${preview(user)} has ${userConnectionsMax} connections, as many as one may have`);
    }
    const shared: Share[] = [];
    const address = addresses.nameOf(sourceOf(socket));
    if (user !== undefined) shared.push({ whose: `user ${preview(user)}`, bucket: this.#users.hold(user, now) });
    if (address !== undefined) shared.push({ whose: `address ${address}`, bucket: this.#sources.hold(address, now) });
    const userWaste = user === undefined ? undefined : this.#wastes.hold(user, now);
    const leave = (): void => {
      if (user !== undefined) {
        this.#users.release(user);
        this.#wastes.release(user);
      }
      if (address !== undefined) this.#sources.release(address);
    };
    return { allowance: new Allowance(this.#ownOf(socket.conn, now), shared, userWaste, clock), leave };
  }

  #ownOf(connection: object, now: number): OwnBuckets {
    const { connectionRate, badRequestRate } = this.#settings.limits;
    let own = this.#own.get(connection);
    if (own === undefined) {
      own = new OwnBuckets(connectionRate, badRequestRate, now);
      this.#own.set(connection, own);
    }
    return own;
  }
}
