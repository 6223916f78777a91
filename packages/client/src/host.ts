import type { Connection } from "./connection.js";
import type { Outbox } from "./outbox.js";
import type { Requester } from "./requester.js";
import type { Requests } from "./requests.js";

/** The parts of a client that its queues share. */
export interface Host {
  readonly connection: Connection;
  readonly requests: Requests;
  readonly outbox: Outbox;
  readonly requester: Requester;
}
