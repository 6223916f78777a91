import type { Grants } from "./grants.js";

/** Who somebody is, as whatever proved it says. */
export interface Identity {
  /** Whose consumers, memberships and devices these are: 1 to 256 bytes of UTF-8. */
  readonly subject: string;
  /** Names of roles: `viewer` and `operator` of `/admin`, and those of the configuration. */
  readonly roles: readonly string[];
  /** What proved it. */
  readonly by: "token" | "key" | "application";
  /** The `jti` of a token, the `id` of an API key: it can be revoked by this. */
  readonly tokenId?: string | undefined;
  /** Milliseconds since 1970. */
  readonly issuedAt?: number | undefined;
  /** Milliseconds since 1970; its connections are cut then. */
  readonly expiresAt?: number | undefined;
}

/** Somebody, and what was granted to him. */
export interface Principal {
  readonly identity: Identity;
  readonly grants: Grants;
}
