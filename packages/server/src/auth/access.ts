import { HoldfastError } from "holdfast-client/protocol";
import type { Log } from "../log.js";
import { isReplyQueue } from "../options.js";
import { preview } from "../validate.js";
import type { Permission, Resource } from "./grants.js";
import type { Identity, Principal } from "./identity.js";
import { type Payload, type Rule, ruleOf } from "./operations.js";

/** What a rule of the application is asked about. */
export interface AskedResource extends Resource {
  readonly namespace: string;
}

/**
 * A rule of the application beside what was granted: true allows, false refuses, undefined leaves it to the grants. Its
 * answer is remembered until the permissions of the connection change, so it is to depend on nothing else. Not
 * asynchronous, since messages wait for it in their order: look things up in `authenticate`.
 *
 * @param operation without `holdfast:`, such as `publish`
 */
export type Authorize = (identity: Identity, operation: string, resource: AskedResource) => boolean | undefined;

/** What a connection may do. */
export interface Access {
  /** Undefined where nobody is asked who he is: then all is allowed. */
  readonly identity: Identity | undefined;
  /**
   * Fails with `FORBIDDEN` unless everything that a request names is allowed. What cannot be read is left to who reads it.
   *
   * @param queueOfConsumer the queue of one of his consumers
   */
  check(operation: string, payload: object, queueOfConsumer: (consumer: unknown) => string | undefined): void;
  /** Fails with `FORBIDDEN` unless it is allowed. */
  require(rule: Rule, resource: Resource): void;
  allows(rule: Rule, resource: Resource): boolean;
}

/** Of a namespace that asks nobody who he is. */
export const OPEN_ACCESS: Access = {
  identity: undefined,
  check: () => undefined,
  require: () => undefined,
  allows: () => true,
};

/** Answers that one connection remembers. */
const ANSWERS_MAX = 1_000;

/** What somebody may do in one namespace: what was granted, and nothing else. */
export class GrantedAccess implements Access {
  readonly #namespace: string;
  readonly #authorize: Authorize | undefined;
  readonly #log: Log;
  #principal: Principal;
  /** By rule, kind and name, so that a message costs no more than a look. */
  readonly #answers = new Map<Rule, Map<string, boolean>>();
  #count = 0;

  constructor(namespace: string, principal: Principal, authorize: Authorize | undefined, log: Log) {
    this.#namespace = namespace;
    this.#principal = principal;
    this.#authorize = authorize;
    this.#log = log;
  }

  get identity(): Identity {
    return this.#principal.identity;
  }

  /** The same somebody with other permissions. */
  replace(principal: Principal): void {
    this.#principal = principal;
    this.#forget();
  }

  check(operation: string, payload: object, queueOfConsumer: (consumer: unknown) => string | undefined): void {
    const fields = payload as Payload;
    const rule = ruleOf(operation, fields);
    if (rule === undefined || rule.adminOnly) {
      throw new HoldfastError("FORBIDDEN", `${operation} is not for clients, expected an administrator, in namespace /admin`);
    }
    if (rule.filtered) this.#requireSome(rule);
    if (rule.ofConsumer) {
      const queue = queueOfConsumer(fields.consumer);
      if (queue !== undefined) this.require(rule, { kind: "queue", name: queue });
    }
    for (const resource of rule.resourcesOf(fields)) this.require(rule, resource);
  }

  require(rule: Rule, resource: Resource): void {
    if (this.allows(rule, resource)) return;
    const where = this.#namespace === "/" ? "" : ` of namespace ${this.#namespace}`;
    const { subject } = this.identity;
    throw new HoldfastError(
      "FORBIDDEN",
      `${rule.operation} needs ${rule.permissions.join(" or ")} on ${resource.kind} ${preview(resource.name)}${where}, which ${preview(subject)} does not have`,
    );
  }

  allows(rule: Rule, resource: Resource): boolean {
    const key = `${resource.kind} ${resource.name}`;
    let answers = this.#answers.get(rule);
    const known = answers?.get(key);
    if (known !== undefined) return known;
    const answer = this.#decide(rule, resource);
    if (++this.#count > ANSWERS_MAX) this.#forget();
    answers = this.#answers.get(rule) ?? new Map<string, boolean>();
    this.#answers.set(rule, answers.set(key, answer));
    return answer;
  }

  #requireSome(rule: Rule): void {
    if (this.#authorize !== undefined) return;
    if (rule.permissions.some((permission) => this.#principal.grants.allowsSome(permission, this.#namespace))) return;
    const { subject } = this.identity;
    throw new HoldfastError(
      "FORBIDDEN",
      `${rule.operation} needs ${rule.permissions.join(" or ")} on something of namespace ${this.#namespace}, and ${preview(subject)} has none`,
    );
  }

  #decide(rule: Rule, resource: Resource): boolean {
    const said = this.#ask(rule, resource);
    if (said !== undefined) return said;
    return rule.permissions.some((permission) => this.#isGranted(permission, resource));
  }

  /**
   * A reply queue is found by its name only, which is random: who may ask something may take the answer, and who may take
   * a request may answer it.
   */
  #isGranted(permission: Permission, resource: Resource): boolean {
    const { grants } = this.#principal;
    if (grants.allows(permission, this.#namespace, resource)) return true;
    if (resource.kind !== "queue" || !isReplyQueue(resource.name)) return false;
    if (permission === "consume") return grants.allowsSome("publish", this.#namespace);
    // Whoever publishes a request names the queue of its answers.
    return permission === "publish" && (grants.allowsSome("consume", this.#namespace) || grants.allowsSome("publish", this.#namespace));
  }

  #ask(rule: Rule, resource: Resource): boolean | undefined {
    if (this.#authorize === undefined) return undefined;
    try {
      const said: unknown = this.#authorize(this.identity, rule.operation, { namespace: this.#namespace, ...resource });
      if (said === undefined || typeof said === "boolean") return said;
      // What nobody waits for must not end the process when it fails.
      if (said instanceof Promise) said.catch(() => undefined);
      const what = said instanceof Promise ? "a promise (look things up in authenticate)" : preview(said);
      this.#log.error(`authorize returned ${what}, expected true, false or undefined; ${rule.operation} is refused`);
    } catch (error) {
      this.#log.error(`authorize failed, and ${rule.operation} is refused: ${error instanceof Error ? error.stack : String(error)}`);
    }
    return false;
  }

  #forget(): void {
    this.#answers.clear();
    this.#count = 0;
  }
}
