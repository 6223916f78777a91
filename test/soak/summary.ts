import type { SoakResult } from "./soak.js";

const times = (count: number, what: string): string => `${count.toLocaleString("en-US")} ${what}${count === 1 ? "" : "s"}`;

/** How long it took, and what was done meanwhile. */
export function summaryOf({ minutes, messages, marks }: SoakResult): string {
  const kills = marks.filter(({ what }) => what === "kill").length;
  const restarts = marks.length - kills;
  return [times(Math.round(minutes), "minute"), times(messages, "message"), times(kills, "kill"), times(restarts, "restart")].join(", ");
}
