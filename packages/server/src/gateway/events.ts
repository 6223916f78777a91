/** The operations that need nothing but a namespace, whoever asks: a client in it, or an administrator. */
const ADMIN_OPERATIONS = [
  "holdfast:define",
  "holdfast:delete",
  "holdfast:list",
  "holdfast:stats",
  "holdfast:peek",
  "holdfast:key",
  "holdfast:dead",
  "holdfast:purge",
  "holdfast:pause",
  "holdfast:resume",
  "holdfast:redrive",
  "holdfast:schedule",
  "holdfast:add",
  "holdfast:remove",
  "holdfast:members",
  "holdfast:presence",
] as const;

export type AdminOperation = (typeof ADMIN_OPERATIONS)[number];

export const isAdminOperation = (operation: string): operation is AdminOperation =>
  (ADMIN_OPERATIONS as readonly string[]).includes(operation);

/** What a client may ask for, by the name of its event. */
export const OPERATIONS = [
  "holdfast:hello",
  "holdfast:authenticate",
  "holdfast:publish",
  "holdfast:consume",
  "holdfast:settle",
  "holdfast:cancel",
  ...ADMIN_OPERATIONS,
  "holdfast:join",
  "holdfast:leave",
  "holdfast:emit",
  "holdfast:receipts",
  "holdfast:history",
  "holdfast:disconnect",
  "holdfast:revoke",
  "holdfast:restore",
  "holdfast:backup",
] as const;

export type Operation = (typeof OPERATIONS)[number];

/** What it is to send a message as an event of its own, where one in a frame is 1. */
export const EVENT_EFFORT = 32;

/** What the server sends by itself. */
export const DELIVERY_EVENT = "holdfast:delivery";
export const CANCELLED_EVENT = "holdfast:cancelled";
export const GAP_EVENT = "holdfast:gap";
export const PRESENCE_EVENT = "holdfast:presence";
export const RECEIPTS_EVENT = "holdfast:receipts";
export const REPLACED_EVENT = "holdfast:replaced";
/** The last thing that a client hears which is cut: why. Or why its device gets nothing, and stays connected. */
export const REFUSED_EVENT = "holdfast:refused";
