import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { Grants } from "./grants.js";
import type { Principal } from "./identity.js";
import type { AuthSettings } from "./options.js";
import type { Roles } from "./roles.js";

const KEY_BYTES = 32;
/** 256 random bits, behind a mark by which they are told from tokens and found by scanners for secrets. */
const KEY_PATTERN = /^hf_[A-Za-z0-9_-]{43}$/;

/** Whether it has the form of a key; nothing else is looked up, so a key is always random enough for a plain hash. */
export const isApiKey = (token: string): boolean => KEY_PATTERN.test(token);

export const newApiKey = (): string => `hf_${randomBytes(KEY_BYTES).toString("base64url")}`;

/** Without salt and rounds: nobody guesses 256 random bits, and each handshake would pay for them. */
export const hashOf = (key: string): Buffer => createHash("sha256").update(key).digest();

/** Keys of services, by their hashes. */
export class ApiKeys {
  readonly #keys: readonly { readonly hash: Buffer; readonly principal: Principal }[];

  constructor(keys: AuthSettings["apiKeys"], roles: Roles) {
    this.#keys = keys.map(({ id, sha256, subject = id, roles: names, ...granted }) => {
      const identity = { subject, roles: names, by: "key", tokenId: id } as const;
      return { hash: Buffer.from(sha256, "hex"), principal: { identity, grants: new Grants([granted, ...roles.grantsOf(names)]) } };
    });
  }

  /** Who a key belongs to. Compares with all of them, each in constant time, so that nothing is learnt from how long it takes. */
  find(key: string): Principal | undefined {
    const hash = hashOf(key);
    let found: Principal | undefined;
    for (const { hash: known, principal } of this.#keys) if (timingSafeEqual(hash, known)) found = principal;
    return found;
  }
}
