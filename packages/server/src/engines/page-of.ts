import type { Page } from "../engine.js";

/** Those of the names that come after `after`, in order. */
export function pageOf(names: readonly string[], after: string | undefined, limit: number): Page<string, string> {
  const sorted = [...names].sort();
  const start = after === undefined ? 0 : sorted.findIndex((name) => name > after);
  const items = start === -1 ? [] : sorted.slice(start, start + limit);
  const last = items.at(-1);
  return last !== undefined && start + limit < sorted.length ? { items, next: last } : { items };
}
