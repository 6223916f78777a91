/** What a room's event `message` carries. Who wrote it is not in it: the server says that. */
export interface Body {
  readonly text: string;
  readonly writtenAt: number;
}

/** A message of a room, as this browser keeps it. */
export interface Message extends Body {
  readonly kind: "message";
  readonly room: string;
  readonly sequence: number;
  readonly id: string;
  readonly sender: string;
}

/** Messages that this device will never get: those from `from` to `sequence`. */
export interface Gap {
  readonly kind: "gap";
  readonly room: string;
  readonly sequence: number;
  readonly from: number;
  readonly reason: string;
}

export type Entry = Message | Gap;

/** Something written here of which the server has not said yet that it is stored. */
export interface Waiting extends Body {
  readonly id: string;
  /** Why it was refused for good; undefined while it waits. */
  readonly failure?: string | undefined;
}

/** How many of the others have a message. */
export interface Counts {
  readonly delivered: number;
  readonly of: number;
}

/** The last time that a date can show. */
const TIME_MAX = 8.64e15;

/** Others write what they like into a room: anything that is no message is shown as one that says so. */
export function bodyOf(value: unknown): Body {
  const { text, writtenAt } = (value ?? {}) as { readonly text?: unknown; readonly writtenAt?: unknown };
  return {
    text: typeof text === "string" ? text : "(something that this chat cannot show)",
    writtenAt: typeof writtenAt === "number" && Math.abs(writtenAt) <= TIME_MAX ? writtenAt : 0,
  };
}
