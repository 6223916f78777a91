import { HoldfastError, LIMITS } from "holdfast-client/protocol";
import type { Operation } from "./events.js";

/** Nothing that is deeper is taken, so it is not looked at. */
const DEPTH_MAX = 64;
/** Beside a body: what else a request may name. */
const NAMES_BYTES_MAX = 65_536;

/** What these may name is more; they are bounded part by part. */
const WITH_LISTS: ReadonlySet<Operation> = new Set<Operation>(["holdfast:publish", "holdfast:emit", "holdfast:settle", "holdfast:consume"]);

/** How many bytes a value from a client takes as JSON, at least. Looks no further than until there are more than `enough`. */
export function bytesAtLeast(value: unknown, enough: number, depth = 0): number {
  if (typeof value === "string") return value.length + 2;
  if (typeof value !== "object" || value === null || depth > DEPTH_MAX) return 1;
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return value.byteLength;
  let bytes = 1;
  if (Array.isArray(value)) {
    for (const item of value) {
      bytes += 1 + bytesAtLeast(item, enough - bytes, depth + 1);
      if (bytes > enough) break;
    }
    return bytes;
  }
  for (const name in value) {
    bytes += 4 + name.length + bytesAtLeast((value as Record<string, unknown>)[name], enough - bytes, depth + 1);
    if (bytes > enough) break;
  }
  return bytes;
}

/**
 * Fails with `TOO_LARGE` for what is surely refused in the end, before anything is checked, copied or written of it: all of that takes
 * longer the more there is, and everybody waits meanwhile.
 *
 * @param bytes of it all, as `bytesAtLeast` says
 */
export function assertPayloadSize(operation: Operation, payload: unknown, bytes: number, bodyBytesMax: number): void {
  if (typeof payload !== "object" || payload === null) return;
  const { messages, body, args, headers, message } = payload as Readonly<Record<string, unknown>>;
  const isArray = Array.isArray(messages);
  if (isArray && messages.length > LIMITS.arrayMessagesMax) {
    throw new HoldfastError("TOO_LARGE", `messages has ${messages.length} items, at most ${LIMITS.arrayMessagesMax} are allowed`);
  }
  if (bytes <= LIMITS.headersBytesMax) return;
  if (!WITH_LISTS.has(operation)) assertBytes(bytes, bodyBytesMax + NAMES_BYTES_MAX, "the payload takes");
  assertParts({ body, args, headers }, "", bodyBytesMax);
  assertParts(message, "message.", bodyBytesMax);
  if (isArray) for (const [index, one] of messages.entries()) assertParts(one, `messages.${index}.`, bodyBytesMax);
}

function assertParts(message: unknown, path: string, bodyBytesMax: number): void {
  if (typeof message !== "object" || message === null) return;
  const { body, args, headers } = message as Readonly<Record<string, unknown>>;
  assertBytes(bytesAtLeast(body, bodyBytesMax), bodyBytesMax, `${path}body takes`);
  assertBytes(bytesAtLeast(args, bodyBytesMax), bodyBytesMax, `${path}args take`);
  assertBytes(bytesAtLeast(headers, LIMITS.headersBytesMax), LIMITS.headersBytesMax, `${path}headers take`);
}

function assertBytes(bytes: number, bytesMax: number, what: string): void {
  if (bytes > bytesMax) throw new HoldfastError("TOO_LARGE", `${what} ${bytes} bytes or more, at most ${bytesMax} are allowed`);
}
