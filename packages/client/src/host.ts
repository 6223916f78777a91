import type { Socket } from "socket.io-client";
import { Connection } from "./connection.js";
import { HoldfastError } from "./errors.js";
import type { Settings } from "./options.js";
import { Outbox } from "./outbox.js";
import type { Requester } from "./requester.js";
import { Requests } from "./requests.js";
import type { StoredOutbox } from "./stored/stored-outbox.js";

/** The parts of a client, for its queues and for the other entries of this package. */
export class Host {
  readonly connection: Connection;
  readonly requests: Requests;
  readonly outbox: Outbox;
  /** Being loaded, then there. */
  #requester: Requester | Promise<Requester> | undefined;
  /** Of an outbox in IndexedDB: undefined once it failed to open. */
  readonly stored: Promise<StoredOutbox | undefined> | undefined;

  constructor(socket: Socket, settings: Settings) {
    this.connection = new Connection(socket);
    this.requests = new Requests(this.connection);
    this.outbox = new Outbox(this.connection, settings);
    if (settings.outbox !== "indexeddb") return;
    const { outbox } = this;
    outbox.held = true;
    // A chunk of its own, so that only a page that keeps its outbox loads it.
    this.stored = import("./stored/open.js")
      .then((chunk) => chunk.open(socket, outbox, settings))
      .catch((error) => {
        outbox.refusal = new HoldfastError("ENGINE_UNAVAILABLE", `outbox: ${error}`);
        outbox.onRefused(outbox.refusal);
        return undefined;
      });
  }

  /** A chunk of its own: only a client that asks something loads it, with its first request. */
  get requester(): Requester | Promise<Requester> {
    this.#requester ??= import("./requester.js").then((chunk) => {
      this.#requester = new chunk.Requester(this);
      return this.#requester;
    });
    return this.#requester;
  }
}
