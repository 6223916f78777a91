import type { Socket } from "socket.io-client";
import { Connection } from "./connection.js";
import { HoldfastError } from "./errors.js";
import type { HoldfastOptions } from "./options.js";
import { Outbox, type OutboxLimits } from "./outbox.js";
import type { Requester } from "./requester.js";
import { Requests } from "./requests.js";
import type { StoredOutbox } from "./stored/stored-outbox.js";

/** The parts of a client, for its queues and for the other entries of this package. */
export class Host {
  readonly connection: Connection;
  readonly requests: Requests;
  readonly outbox: Outbox;
  #requester: Requester | undefined;
  #loadingRequester: Promise<Requester> | undefined;
  /** Of an outbox in IndexedDB: undefined once it failed to open. */
  readonly stored: Promise<StoredOutbox | undefined> | undefined;

  constructor(socket: Socket, limits: OutboxLimits, options: HoldfastOptions) {
    this.connection = new Connection(socket);
    this.requests = new Requests(this.connection);
    this.outbox = new Outbox(this.connection, limits);
    if (options.outbox !== "indexeddb") return;
    const { outbox } = this;
    outbox.held = true;
    // A chunk of its own, so that only a page that keeps its outbox loads it.
    this.stored = import("./stored/stored-outbox.js")
      .then(({ StoredOutbox }) => StoredOutbox.open(socket, outbox, options))
      .catch((error) => {
        outbox.failure = new HoldfastError("ENGINE_UNAVAILABLE", `the outbox in IndexedDB cannot be opened: ${error}`);
        outbox.onRefused(outbox.failure);
        return undefined;
      });
  }

  /** A chunk of its own: only a client that asks something loads it, with its first request. */
  get requester(): Requester | Promise<Requester> {
    this.#loadingRequester ??= import("./requester.js").then(({ Requester }) => {
      this.#requester = new Requester(this);
      return this.#requester;
    });
    return this.#requester ?? this.#loadingRequester;
  }
}
