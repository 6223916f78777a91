import type { HistoryEvent } from "./history.js";

/** A history without its order, as it is written down. */
export type HistoryEntry = HistoryEvent extends infer Event ? (Event extends HistoryEvent ? Omit<Event, "index" | "at"> : never) : never;

/** Writes a history down in order. */
export class HistoryLog {
  readonly events: HistoryEvent[] = [];

  /** Takes the entry over. */
  add(at: number, entry: HistoryEntry): HistoryEvent {
    const moment = entry as HistoryEntry & { at: number; index: number };
    moment.at = at;
    moment.index = this.events.length;
    const event = moment as HistoryEvent;
    this.events.push(event);
    return event;
  }
}
