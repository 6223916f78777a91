import { asJson, checkArgs, checkOptions, refusal } from "../check.js";
import { encoder } from "../encoder.js";
import type { Host } from "../host.js";
import type { Lane } from "../lane.js";
import { isText, type Receipt } from "../message.js";
import { NAME_PATTERN, ROOM_MARK } from "../names.js";
import type { EmitOptions } from "../room.js";

/** Names that Socket.IO and Holdfast keep for themselves. */
const RESERVED = /^(connect|connect_error|disconnect|disconnecting|newListener|removeListener|holdfast:.*)$/s;
const RESERVED_HEADERS = "holdfast:";
const OPTIONS = ["id", "key", "headers", "ttlMs", "except", "signal", "timeoutMs"];
const EXCEPT_MAX = 1_000;
const EXCEPT_BYTES_MAX = 65_535;
const USER_BYTES_MAX = 256;

/**
 * What is emitted to one room. It takes the way of what is published to a queue: a lane of its own in the outbox, numbers
 * of this client's producer, frames. A section with something wrong in it is refused whole, so all is checked before.
 */
export class Emitter {
  readonly #room: string;
  readonly #host: Host;
  #lane: Lane | undefined;

  constructor(room: string, host: Host) {
    this.#room = room;
    this.#host = host;
  }

  async emit(event: string, args: readonly unknown[], given: EmitOptions): Promise<Receipt> {
    const { outbox } = this.#host;
    checkOptions(given);
    for (const [name, value] of Object.entries(given)) if (!OPTIONS.includes(name)) throw refusal(name, value, "no such option");
    const { except, ...options } = given;
    if (typeof event !== "string" || RESERVED.test(event))
      throw refusal("event", event, "none that Socket.IO or Holdfast keeps for itself");
    for (const name in options.headers) {
      if (name.startsWith(RESERVED_HEADERS)) throw refusal("header", name, `none that begins with ${RESERVED_HEADERS}`);
    }
    checkArgs(args);
    this.#lane ??= outbox.lane(ROOM_MARK + this.#room);
    return outbox.publish(this.#lane, args, { ...options, event }, packExcept(except));
  }
}

function packExcept(except: EmitOptions["except"]): string | undefined {
  if (except === undefined) return undefined;
  const packed = asJson("except", () => JSON.stringify(except));
  if (!Array.isArray(except) || except.length > EXCEPT_MAX || encoder.encode(packed).length > EXCEPT_BYTES_MAX) {
    throw refusal("except", except, `up to ${EXCEPT_MAX} rooms and users, of up to ${EXCEPT_BYTES_MAX} bytes in all`);
  }
  for (const each of except as readonly unknown[]) {
    if (!isTarget(each))
      throw refusal("except", each, `rooms, ${NAME_PATTERN.source}, and users, { user } of 1 to ${USER_BYTES_MAX} bytes`);
  }
  return packed;
}

function isTarget(target: unknown): boolean {
  if (typeof target === "string") return NAME_PATTERN.test(target);
  if (typeof target !== "object" || target === null) return false;
  const { user, ...others } = target as { readonly user?: unknown };
  return Object.keys(others).length === 0 && isText(user, USER_BYTES_MAX);
}
