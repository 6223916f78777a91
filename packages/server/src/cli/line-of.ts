import type { Delivery } from "holdfast-client";

/** A delivery as a line: its body, or everything about it. */
export function lineOf(delivery: Delivery, meta: boolean): string {
  // Outside of its strings JSON may have line breaks, which would end the line; a space means the same there.
  const body = delivery.bodyText?.replace(/[\r\n]+/g, " ") ?? jsonOf(delivery.body);
  if (!meta) return body;
  const { id, sequence, attempt, publishedAt, event, key, headers, replyTo, correlationId, history } = delivery;
  const priority = delivery.priority === 0 ? undefined : delivery.priority;
  return `${JSON.stringify({ id, sequence, attempt, publishedAt, event, key, headers, replyTo, correlationId, priority, history }).slice(0, -1)},"body":${body}}`;
}

/** JSON, with bytes as `{ "$base64": "..." }` wherever they are. */
export function jsonOf(body: unknown): string {
  return JSON.stringify(body, function (this: unknown, name, value: unknown) {
    // A Buffer has become an object of numbers in `value`; its holder still has the bytes.
    const held: unknown = Reflect.get(Object(this), name);
    return held instanceof Uint8Array ? { $base64: Buffer.from(held.buffer, held.byteOffset, held.length).toString("base64") } : value;
  });
}
