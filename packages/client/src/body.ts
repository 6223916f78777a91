import { ByteReader, ByteWriter } from "./bytes.js";
import { asJson, HALF, refusal } from "./check.js";
import { HoldfastError } from "./errors.js";

/** Formats of a body: `record.ts`. */
export const FORMAT_JSON = 0;
export const FORMAT_BINARY = 1;
export const FORMAT_MIXED = 2;

/** A body that its owner can no longer change: JSON text, or the bytes of one of the other formats. */
export type PackedBody = string | { readonly format: number; readonly bytes: Uint8Array };

/**
 * A body that is JSON text already: it travels and arrives byte for byte, where a value would be written anew.
 *
 * @throws HoldfastError `BAD_REQUEST` when it is no JSON, is nested too deep, or has half a surrogate pair in it
 *
 * @example
 * await queue.publish(new JsonText('{"amount": 1.0}'));
 */
export class JsonText {
  constructor(readonly text: string) {
    if (typeof text !== "string" || HALF.test(text)) throw refusal("text", text, "JSON text");
    asJson("text", () => holdsBuffers(JSON.parse(text), 0));
  }
}

/** Packs a body; `BAD_REQUEST` when it is neither a JSON value nor bytes, `TOO_LARGE` when it holds too many buffers. */
export function packBody(body: unknown): PackedBody {
  if (body instanceof JsonText) return body.text;
  return asJson("body", () => {
    const binary = asBytes(body);
    if (binary) return { format: FORMAT_BINARY, bytes: new Uint8Array(binary) };
    return holdsBuffers(body, 0) ? packMixed(body) : stringify(body);
  });
}

/** JSON with null in the place of each buffer, after the buffers and the paths that lead to their places. */
function packMixed(body: unknown): PackedBody {
  const buffers: Uint8Array[] = [];
  const paths: string[][] = [];
  const pathOf = new Map<unknown, string[]>();
  const json = stringify(body, function (this: object, name, value) {
    const parent = pathOf.get(this);
    const path = parent === undefined ? [] : [...parent, name];
    // A buffer of Node has turned itself into JSON already, so it is looked for where it was.
    const bytes = asBytes(Reflect.get(this, name));
    if (!bytes) {
      pathOf.set(value, path);
      return value;
    }
    if (buffers.push(bytes) > BUFFERS_MAX) throw new HoldfastError("TOO_LARGE", `more than ${BUFFERS_MAX} buffers`);
    paths.push(path);
    return null;
  });
  const writer = new ByteWriter();
  writer.u8(buffers.length);
  for (const buffer of buffers) writer.u32(buffer.length);
  const pathsAt = writer.length;
  writer.u32(0);
  writer.patchU32(pathsAt, writer.text(JSON.stringify(paths)));
  for (const buffer of buffers) writer.bytes(buffer);
  writer.text(json);
  return { format: FORMAT_MIXED, bytes: writer.take() };
}

function stringify(body: unknown, replacer?: (this: object, name: string, value: unknown) => unknown): string {
  const json: string | undefined = JSON.stringify(body, replacer);
  if (json === undefined) throw refusal("body", body, "JSON or bytes");
  return json;
}

/** The bytes of a buffer of any kind, as plain bytes: those of Node share memory in `slice`. Undefined for anything else. */
export function asBytes(value: unknown): Uint8Array | undefined {
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  return undefined;
}

/** The largest number of buffers in one body, and the deepest JSON: DESIGN.md section 6. */
export const BUFFERS_MAX = 10;
export const DEPTH_MAX = 32;

/** Whether a buffer lies somewhere in `given`; `BAD_REQUEST` when it is nested too deep to be JSON that a server takes. */
function holdsBuffers(given: unknown, depth: number): boolean {
  if (typeof given !== "object" || given === null) return false;
  if (asBytes(given)) return true;
  const value: unknown = "toJSON" in given && typeof given.toJSON === "function" ? given.toJSON() : given;
  if (typeof value !== "object") return false;
  if (depth === DEPTH_MAX) throw new HoldfastError("BAD_REQUEST", `body is deeper than ${DEPTH_MAX}`);
  let found = false;
  for (const name in value) found = holdsBuffers((value as Record<string, unknown>)[name], depth + 1) || found;
  return found;
}

/** Reads what `packMixed` wrote, from `start` to `end`. */
export function readMixed(bytes: Uint8Array, start: number, end: number): unknown {
  const reader = new ByteReader(bytes, start, end);
  const lengths = Array.from({ length: reader.u8() }, () => reader.u32());
  const paths = JSON.parse(reader.text(reader.u32())) as (string | number)[][];
  const buffers = lengths.map((length) => new Uint8Array(bytes.subarray(reader.skip(length), reader.at)));
  const root = JSON.parse(reader.text(end - reader.at)) as unknown;
  paths.forEach((path, index) => {
    const last = path.pop() ?? "";
    const holder = path.reduce(childOf, root);
    childOf(holder, last);
    Reflect.set(holder as object, last, buffers[index]);
  });
  return root;
}

/** One step of a path; only along properties the value really has. */
function childOf(value: unknown, step: string | number): unknown {
  if (Object.hasOwn(Object(value), step)) return (value as Record<string, unknown>)[step];
  throw new HoldfastError("BAD_REQUEST", "malformed frame");
}
