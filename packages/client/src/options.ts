import type { ManagerOptions, SocketOptions } from "socket.io-client";
import { checkWhole } from "./check.js";
import { HoldfastError } from "./errors.js";
import type { OutboxLimits } from "./outbox.js";

/** What a client keeps and how long it waits. */
export interface HoldfastOptions {
  /** Where messages wait until they are confirmed. */
  readonly outbox?: "memory" | undefined;
  /** Messages unconfirmed at a time. Default 10,000. */
  readonly outboxMessagesMax?: number | undefined;
  /** About how many bytes they may take. Default 16 MiB. */
  readonly outboxBytesMax?: number | undefined;
  /** How long a publish is waited for, in milliseconds: 0, the default, is for ever. */
  readonly publishTimeoutMs?: number | undefined;
}

/** Those of Holdfast and those of a Socket.IO client. */
export type ConnectOptions = HoldfastOptions & Partial<ManagerOptions & SocketOptions>;

/** The limits of the outbox, checked and with their defaults. */
export function limitsOf(options: HoldfastOptions): OutboxLimits {
  const { outbox = "memory", outboxMessagesMax = 10_000, outboxBytesMax = 16_777_216, publishTimeoutMs = 0 } = options;
  if (outbox !== "memory") throw new HoldfastError("BAD_REQUEST", `outbox is ${outbox}, expected memory`);
  const limits = { outboxMessagesMax, outboxBytesMax, publishTimeoutMs };
  for (const [name, value] of Object.entries(limits)) checkWhole(name, value, 0);
  return limits;
}
