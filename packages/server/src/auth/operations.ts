import { TARGETS_MAX } from "../emit.js";
import type { Permission, Resource } from "./grants.js";

/** Who may call an operation in `/admin`: operators may do all that viewers may. */
type AdminRole = "viewer" | "operator";

/** What a request names, before anything of it was checked; text is all that is believed of it here. */
export type Payload = Readonly<Record<string, unknown>>;

/** One row of the table of what may be done by whom: an operation, or one form of it. */
export interface Rule {
  /** Its event without `holdfast:`. */
  readonly operation: string;
  /** Which form of it, where there are several. */
  readonly form?: string;
  /** One of these is needed for each resource. None: what is asked for is one's own. */
  readonly permissions: readonly Permission[];
  /** What the resources are, in words. */
  readonly on: string;
  /** The queues, rooms and users that it touches. */
  readonly resourcesOf: (payload: Payload) => readonly Resource[];
  /** Its resource is a consumer, and so the queue of that. */
  readonly ofConsumer?: true;
  /** Anything will do, since the reply has only what one may administer. */
  readonly filtered?: true;
  /** Where it may be called in `/admin`, and by whom. */
  readonly admin?: AdminRole;
  /** Only there. */
  readonly adminOnly?: true;
  /** It changes something that others see: it goes to the audit log. */
  readonly audited?: true;
}

const named = (kind: Resource["kind"], value: unknown): Resource[] => (typeof value === "string" ? [{ kind, name: value }] : []);
const nothing = (): readonly Resource[] => [];
const queueOf = ({ queue }: Payload): readonly Resource[] => named("queue", queue);
const roomOf = ({ room }: Payload): readonly Resource[] => named("room", room);

const fieldsOf = (value: unknown): Payload => (typeof value === "object" && value !== null ? (value as Payload) : {});
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

function publishedOf(payload: Payload): readonly Resource[] {
  const messages = listOf(payload.messages).map(fieldsOf);
  // The server answers there when the message dies, so it is a way to publish.
  const all = [payload, ...messages].flatMap(({ queue, replyTo }) => [...named("queue", queue), ...named("queue", replyTo)]);
  return unique(all);
}

/** A thousand messages of one queue ask once. */
function unique(resources: readonly Resource[]): readonly Resource[] {
  return [...new Map(resources.map((resource) => [resource.name, resource])).values()];
}

/** One too many is refused for that; what comes behind it is never reached, and nobody is asked about it. */
const emittedTo = ({ room, rooms, user }: Payload): readonly Resource[] => [
  ...named("room", room),
  ...listOf(rooms)
    .slice(0, TARGETS_MAX + 1)
    .flatMap((target) => [...named("room", target), ...named("user", fieldsOf(target).user)]),
  ...named("user", user),
];

const memberOf = ({ room, member }: Payload): readonly Resource[] => [...named("room", room), ...named("queue", fieldsOf(member).queue)];
/** A queue's own dead-letter queue comes with it. */
export const lettersOf = ({ queue, deadLetter }: Payload): readonly Resource[] =>
  deadLetter === `${queue}.dead` ? [] : named("queue", deadLetter);
const definedOf = (payload: Payload): readonly Resource[] => [...queueOf(payload), ...lettersOf(payload)];
const scheduledOf = ({ queue, message }: Payload): readonly Resource[] => [
  ...named("queue", queue),
  ...named("queue", fieldsOf(message).replyTo),
];

const ADMIN: readonly Permission[] = ["admin"];

/** What rows have in common that change a queue and nothing else. */
const CHANGES_QUEUE = { permissions: ADMIN, on: "the queue", resourcesOf: queueOf, admin: "operator", audited: true } as const;
/** With `dead` they are about another queue, whose name only the server knows: who carries them out asks for that. */
const CHANGES_QUEUE_OR_LETTERS = { ...CHANGES_QUEUE, on: "the queue; with `dead` also its `deadLetter`" } as const;
/** And those that are about the whole server. */
const BY_OPERATORS_ONLY = { permissions: [], resourcesOf: nothing, admin: "operator", adminOnly: true } as const;

/**
 * What each operation needs. The checks go by this table, and so do the test of all combinations and `docs/security.md`.
 *
 * The rows of one operation are asked in order: the first whose `form` the payload has is taken.
 */
export const RULES = {
  authenticate: { operation: "authenticate", permissions: [], on: "one's own connection", resourcesOf: nothing, admin: "viewer" },
  hello: { operation: "hello", permissions: [], on: "one's own connection", resourcesOf: nothing, admin: "viewer" },
  publish: { operation: "publish", permissions: ["publish"], on: "each queue, and each `replyTo`", resourcesOf: publishedOf },
  consume: { operation: "consume", permissions: ["consume"], on: "the queue", resourcesOf: queueOf },
  settle: { operation: "settle", permissions: ["consume"], on: "the queue of the consumer", resourcesOf: nothing, ofConsumer: true },
  cancel: { operation: "cancel", permissions: ["consume"], on: "the queue of the consumer", resourcesOf: nothing, ofConsumer: true },
  join: { operation: "join", permissions: ["join"], on: "the room", resourcesOf: roomOf },
  leave: { operation: "leave", permissions: [], on: "one's own membership", resourcesOf: nothing },
  emit: { operation: "emit", permissions: ["emit"], on: "each room, and each user as `@name`", resourcesOf: emittedTo },
  receipts: { operation: "receipts", permissions: [], on: "messages that one emitted", resourcesOf: nothing, admin: "viewer" },
  receiptsOfOthers: {
    operation: "receipts",
    form: "of others",
    permissions: ADMIN,
    on: "the room",
    resourcesOf: roomOf,
    admin: "viewer",
  },
  history: { operation: "history", permissions: [], on: "rooms that one is a member of", resourcesOf: nothing },
  members: { operation: "members", permissions: ["join", "admin"], on: "the room", resourcesOf: roomOf, admin: "viewer" },
  presence: { operation: "presence", permissions: ["join", "admin"], on: "the room", resourcesOf: roomOf, admin: "viewer" },
  statsOfRoom: {
    operation: "stats",
    form: "room",
    permissions: ["join", "admin"],
    on: "the room",
    resourcesOf: roomOf,
    admin: "viewer",
  },
  stats: { operation: "stats", permissions: ["consume", "admin"], on: "the queue", resourcesOf: queueOf, admin: "viewer" },
  listMemberships: { operation: "list", form: "memberships", permissions: [], on: "one's own memberships", resourcesOf: nothing },
  listSchedules: { operation: "list", form: "schedules", permissions: ADMIN, on: "the queue", resourcesOf: queueOf, admin: "viewer" },
  list: {
    operation: "list",
    permissions: ADMIN,
    on: "any queue or room; the reply has those that one may administer",
    resourcesOf: nothing,
    filtered: true,
    admin: "viewer",
  },
  peek: { operation: "peek", permissions: ADMIN, on: "the queue", resourcesOf: queueOf, admin: "viewer" },
  dead: { operation: "dead", permissions: ADMIN, on: "the queue", resourcesOf: queueOf, admin: "viewer" },
  defineRoom: {
    operation: "define",
    form: "room",
    permissions: ADMIN,
    on: "the room",
    resourcesOf: roomOf,
    admin: "operator",
    audited: true,
  },
  define: {
    operation: "define",
    permissions: ADMIN,
    on: "the queue, and its `deadLetter`",
    resourcesOf: definedOf,
    admin: "operator",
    audited: true,
  },
  deleteRoom: {
    operation: "delete",
    form: "room",
    permissions: ADMIN,
    on: "the room",
    resourcesOf: roomOf,
    admin: "operator",
    audited: true,
  },
  delete: { operation: "delete", ...CHANGES_QUEUE },
  purge: { operation: "purge", ...CHANGES_QUEUE },
  pause: { operation: "pause", ...CHANGES_QUEUE_OR_LETTERS },
  resume: { operation: "resume", ...CHANGES_QUEUE_OR_LETTERS },
  redrive: { operation: "redrive", ...CHANGES_QUEUE },
  key: { operation: "key", ...CHANGES_QUEUE },
  schedule: {
    operation: "schedule",
    permissions: ADMIN,
    on: "the queue, and the message's `replyTo`",
    resourcesOf: scheduledOf,
    admin: "operator",
    audited: true,
  },
  add: {
    operation: "add",
    permissions: ADMIN,
    on: "the room, and a queue that becomes a member",
    resourcesOf: memberOf,
    admin: "operator",
    audited: true,
  },
  remove: {
    operation: "remove",
    permissions: ADMIN,
    on: "the room, and a queue that is a member",
    resourcesOf: memberOf,
    admin: "operator",
    audited: true,
  },
  disconnect: { operation: "disconnect", on: "the connections of a user", ...BY_OPERATORS_ONLY, audited: true },
  revoke: { operation: "revoke", on: "a subject, or a token by its id", ...BY_OPERATORS_ONLY, audited: true },
  restore: { operation: "restore", on: "a subject, or a token by its id", ...BY_OPERATORS_ONLY, audited: true },
  backupPart: { operation: "backup", form: "part", on: "a copy that was begun", ...BY_OPERATORS_ONLY },
  backup: { operation: "backup", on: "everything that the server stores", ...BY_OPERATORS_ONLY, audited: true },
} as const satisfies Readonly<Record<string, Rule>>;

/** Forms that a request has by a field of that name. */
const FIELD_OF_FORM = new Map([
  ["room", "room"],
  ["part", "backup"],
]);

const ALL: readonly Rule[] = Object.values(RULES);
const BY_OPERATION = new Map<string, readonly Rule[]>();
for (const rule of ALL) BY_OPERATION.set(rule.operation, [...(BY_OPERATION.get(rule.operation) ?? []), rule]);

/** The row for a request: of its form, as the request is told apart where it is carried out. */
export function ruleOf(operation: string, payload: Payload): Rule | undefined {
  const hasForm = (form: string): boolean => {
    const field = FIELD_OF_FORM.get(form);
    return field === undefined ? payload.kind === form : field in payload;
  };
  return BY_OPERATION.get(operation)?.find(({ form }) => form === undefined || hasForm(form));
}
