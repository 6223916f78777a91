import { HoldfastError } from "holdfast-client/protocol";
import type { Socket } from "socket.io";
import { GrantedAccess } from "../auth/access.js";
import type { Auth } from "../auth/auth.js";
import { Grants } from "../auth/grants.js";
import type { Identity, Principal } from "../auth/identity.js";
import type { Handshake } from "../auth/options.js";
import { unauthenticated } from "../auth/tokens.js";
import type { Log } from "../log.js";
import { preview } from "../validate.js";
import type { Connection } from "./connection.js";

/** Where only administrators enter. */
export const ADMIN_NAMESPACE = "/admin";

const NO_GRANTS = new Grants([]);

/** A socket that wants to come in. */
interface Arrival {
  readonly socket: Socket;
  /** That of the client, as far as our proxies tell. */
  readonly address: string;
  /** Whether only administrators may. */
  readonly isAdmin: boolean;
}

/** A socket whose owner is known, from its handshake to its disconnect. */
export class Session {
  readonly socket: Socket;
  readonly isAdmin: boolean;
  readonly access: GrantedAccess;
  /** That of the client, as far as our proxies tell. */
  readonly address: string;
  /** Made with its first request. */
  connection: Connection | undefined;
  /** Called when its token was replaced. */
  onRefreshed: () => void = () => undefined;
  readonly #auth: Auth;
  /** Refreshes begun, and the latest of them that took effect: an earlier one must not undo it. */
  #begun = 0;
  #taken = 0;

  private constructor(arrival: Arrival, auth: Auth, principal: Principal, log: Log) {
    const { socket, address, isAdmin } = arrival;
    this.socket = socket;
    this.address = address;
    this.isAdmin = isAdmin;
    this.#auth = auth;
    const { authorize } = auth;
    this.access = new GrantedAccess(socket.nsp.name, this.#own(principal), isAdmin ? undefined : authorize, log);
  }

  /** Finds out who a socket belongs to; fails with `UNAUTHENTICATED`, or `FORBIDDEN` where only administrators may enter. */
  static async of(arrival: Arrival, auth: Auth, log: Log): Promise<Session> {
    const principal = await auth.authenticator.authenticate(handshakeOf(arrival, {}), arrival.socket.nsp.name);
    const session = new Session(arrival, auth, principal, log);
    if (arrival.isAdmin) session.requireRole("viewer");
    return session;
  }

  get identity(): Identity {
    return this.access.identity;
  }

  /** Whether it is neither expired nor revoked by now: else why. */
  get invalidity(): HoldfastError | undefined {
    try {
      this.#auth.authenticator.assertValid({ identity: this.identity, grants: NO_GRANTS });
      return undefined;
    } catch (error) {
      return HoldfastError.from(error);
    }
  }

  /** Fails with `FORBIDDEN` unless he has that role of `/admin`; an operator is a viewer too. */
  requireRole(role: "viewer" | "operator"): void {
    const { roles, subject } = this.identity;
    if (roles.includes("operator") || (role === "viewer" && roles.includes("viewer"))) return;
    throw new HoldfastError("FORBIDDEN", `that needs role ${role}, which ${preview(subject)} does not have`);
  }

  /**
   * Takes a fresh token, whose permissions hold from then on; resolves to whether it is the newest.
   *
   * @throws HoldfastError `UNAUTHENTICATED`, and `FORBIDDEN` when it is somebody else's; then nothing changed
   */
  async refresh(token: string): Promise<boolean> {
    const number = ++this.#begun;
    const principal = await this.#auth.authenticator.authenticate(handshakeOf(this, { token }), this.socket.nsp.name);
    if (principal.identity.subject !== this.identity.subject) {
      throw new HoldfastError("FORBIDDEN", "the token is of another subject than the connection");
    }
    if (number < this.#taken) return false;
    // It may be revoked since it was read.
    this.#auth.authenticator.assertValid(principal);
    if (!this.socket.connected) throw unauthenticated("the connection is over");
    this.#taken = number;
    this.access.replace(this.#own(principal));
    this.onRefreshed();
    return true;
  }

  /** Among administrators there are no queues of their own: roles say what one may do. */
  #own({ identity, grants }: Principal): Principal {
    return { identity, grants: this.isAdmin ? NO_GRANTS : grants };
  }
}

const handshakeOf = ({ socket, address }: Pick<Arrival, "socket" | "address">, fresh: object): Handshake => {
  const { auth, headers, query } = socket.handshake;
  return { auth: { ...auth, ...fresh }, headers, address, query };
};
