import type { ModelMessage } from "./message.js";

export type Ordering = "none" | "key" | "fifo";

/** Whether the two have to keep their order. */
const areChained = (one: ModelMessage, other: ModelMessage, ordering: Ordering): boolean =>
  ordering === "fifo" || (ordering === "key" && one.key === other.key);

/** Of all that waits or is in flight, in order: what may go next. With `key` nothing before it may be in flight either. */
export function headsOf(live: readonly ModelMessage[], ordering: Ordering): ModelMessage[] {
  const mayFollow = ({ state }: ModelMessage): boolean => state === "in-flight" && ordering === "fifo";
  const isHead = (message: ModelMessage, index: number): boolean =>
    message.state !== "in-flight" && live.slice(0, index).every((before) => !areChained(before, message, ordering) || mayFollow(before));
  return live.filter(isHead);
}
