import { z } from "zod";
import { PATTERN_FORM, Pattern } from "./pattern.js";

/** What one may be allowed to do with a queue, a room or a user's inbox. */
export const PERMISSIONS = ["publish", "consume", "join", "emit", "admin"] as const;
export type Permission = (typeof PERMISSIONS)[number];

/** What an operation touches. */
export interface Resource {
  readonly kind: "queue" | "room" | "user";
  readonly name: string;
}

/** Patterns of names by permission: in the claim `holdfast` of a token, in a role, of an API key. */
export interface GrantInput {
  readonly publish?: readonly string[] | undefined;
  readonly consume?: readonly string[] | undefined;
  readonly join?: readonly string[] | undefined;
  /** Rooms, and users as `@bob`. */
  readonly emit?: readonly string[] | undefined;
  /** Queues and rooms that may be defined, looked into, emptied, deleted. */
  readonly admin?: readonly string[] | undefined;
  /** Namespaces in which all of that holds. Default: every one. */
  readonly namespaces?: readonly string[] | undefined;
}

const PATTERNS_MAX = 1_000;
const patternList = z
  .array(z.string().refine(Pattern.isValid, { message: PATTERN_FORM }))
  .max(PATTERNS_MAX)
  .optional();
const namespaceList = z
  .array(z.string().regex(/^\/[A-Za-z0-9._:*-]{0,127}$/, { message: "/, or / and a name in which * stands for anything" }))
  .max(PATTERNS_MAX)
  .optional();

export const grantFields = {
  publish: patternList,
  consume: patternList,
  join: patternList,
  emit: patternList,
  admin: patternList,
  namespaces: namespaceList,
};

interface Grant {
  readonly namespaces: readonly Pattern[] | undefined;
  readonly patterns: ReadonlyMap<Permission, readonly Pattern[]>;
}

/** All that was granted to somebody; nothing else is allowed. */
export class Grants {
  readonly #grants: readonly Grant[];

  constructor(inputs: readonly GrantInput[]) {
    this.#grants = inputs.map((input) => ({
      namespaces: input.namespaces?.map((text) => new Pattern(text)),
      patterns: new Map(PERMISSIONS.map((permission) => [permission, (input[permission] ?? []).map((text) => new Pattern(text))])),
    }));
  }

  allows(permission: Permission, namespace: string, { kind, name }: Resource): boolean {
    const wanted = kind === "user" ? `@${name}` : name;
    return this.#patterns(permission, namespace).some((pattern) => pattern.matches(wanted));
  }

  /** Whether there is anything that it could allow there. */
  allowsSome(permission: Permission, namespace: string): boolean {
    return this.#patterns(permission, namespace).length > 0;
  }

  #patterns(permission: Permission, namespace: string): readonly Pattern[] {
    const here = this.#grants.filter(({ namespaces }) => namespaces?.some((pattern) => pattern.matches(namespace)) ?? true);
    return here.flatMap(({ patterns }) => patterns.get(permission) ?? []);
  }
}
