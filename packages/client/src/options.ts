import type { ManagerOptions, SocketOptions } from "socket.io-client";
import { checkWhole, refusal } from "./check.js";
import type { OutboxLimits } from "./outbox.js";
import type { RestoredMessage } from "./stored/restored.js";

/** What a client keeps and how long it waits. */
export interface HoldfastOptions {
  /**
   * Where messages wait until they are confirmed: in `memory` (default), or in the browser's `indexeddb`, where they survive
   * a reload and a crash of the page. Then a message is kept before it is sent, and counts as sent from then on.
   */
  readonly outbox?: "memory" | "indexeddb" | undefined;
  /**
   * Which of the stored outboxes of this server and namespace; default `default`. What is found there is sent as whoever this
   * client is, so where users take turns at a browser, make it the user's name.
   */
  readonly outboxName?: string | undefined;
  /** Called with what earlier pages published or emitted and nobody confirmed; it is sent again by itself. */
  readonly onRestored?: ((messages: readonly RestoredMessage[]) => void) | undefined;
  /** Messages unconfirmed at a time. Default 10,000. */
  readonly outboxMessagesMax?: number | undefined;
  /** About how many bytes they may take. Default 16 MiB. */
  readonly outboxBytesMax?: number | undefined;
  /** How long a publish is waited for, in milliseconds: 0, the default, is for ever. */
  readonly publishTimeoutMs?: number | undefined;
}

/** Those of Holdfast and those of a Socket.IO client. */
export type ConnectOptions = HoldfastOptions & Partial<ManagerOptions & SocketOptions>;

/** The options, checked, with the limits of the outbox. */
export type Settings = HoldfastOptions & OutboxLimits;

export function settingsOf(options: HoldfastOptions): Settings {
  const { outbox = "memory", outboxMessagesMax = 10_000, outboxBytesMax = 16_777_216, publishTimeoutMs = 0 } = options;
  if (outbox !== "memory" && outbox !== "indexeddb") throw refusal("outbox", outbox, "memory or indexeddb");
  const limits = { outboxMessagesMax, outboxBytesMax, publishTimeoutMs };
  for (const [name, value] of Object.entries(limits)) checkWhole(name, value, 0);
  return { ...options, ...limits };
}
