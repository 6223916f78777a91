/** What a process with many clients is to be. */
export interface CrowdSpec {
  readonly url: string;
  /** Names of its clients begin with this. */
  readonly name: string;
  readonly clients: number;
  /** Each says with a token who it is, signed with this. */
  readonly secret?: string;
  /** Each consumes this queue, and acknowledges. */
  readonly consumes?: { readonly queue: string; readonly maxInFlight: number };
  /** Each is a member of this room, and acknowledges. */
  readonly joins?: string;
}

/** What a crowd is told. */
export type CrowdOrder =
  /** Reads nothing any more: all of them but the others, which read a little now and then. */
  | { readonly order: "stop reading"; readonly slow: number }
  /** Closes all connections, and ends. */
  | { readonly order: "leave" };

/** What a crowd says: how many of its clients are there now and can be served. */
export interface CrowdWord {
  readonly here: number;
}

/** Of the tokens of a crowd. */
export const CROWD_TOKEN = { issuer: "https://id.example.org", audience: "orders" } as const;
