import type { Socket } from "socket.io-client";
import { Connection } from "./connection.js";
import { Outbox, type OutboxLimits } from "./outbox.js";
import { Requester } from "./requester.js";
import { Requests } from "./requests.js";

/** The parts of a client, for its queues and for the other entries of this package. */
export class Host {
  readonly connection: Connection;
  readonly requests: Requests;
  readonly outbox: Outbox;
  readonly requester: Requester;

  constructor(socket: Socket, limits: OutboxLimits) {
    this.connection = new Connection(socket);
    this.requests = new Requests(this.connection);
    this.outbox = new Outbox(this.connection, limits);
    this.requester = new Requester(this);
  }
}
