/** What a value costs beside the texts in it. */
const NODE_BYTES = 8;

/** Whether a value from a client takes more than so many bytes, about. Looks no further than that, however deep or large it is. */
export function isLarger(value: unknown, bytesMax: number): boolean {
  const waiting: unknown[] = [value];
  let bytes = 0;
  while (waiting.length > 0) {
    const next = waiting.pop();
    bytes += NODE_BYTES;
    if (typeof next === "string") bytes += next.length;
    else if (typeof next === "object" && next !== null) {
      for (const [name, item] of Object.entries(next)) {
        bytes += name.length + NODE_BYTES;
        waiting.push(item);
        if (bytes > bytesMax) return true;
      }
    }
    if (bytes > bytesMax) return true;
  }
  return false;
}
