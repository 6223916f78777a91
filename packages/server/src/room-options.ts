import { NAME_PATTERN } from "holdfast-client/protocol";
import { z } from "zod";
import { preview } from "./validate.js";

/** How long a room keeps messages, whoever got them or not. Each bound holds by itself; 0: no such bound. */
interface Retention {
  readonly maxAgeMs: number;
  readonly maxMessages: number;
  /** Of their records. The newest message stays, however large it is. */
  readonly maxBytes: number;
}

/** Every option of a room, resolved. */
export interface RoomOptions {
  readonly retention: Retention;
  /** What a message does to a device that let it run out of deliveries: it is passed and told as a gap, or holds the device. */
  readonly poison: "dead-letter" | "block";
}

/** Options to change; what is not given keeps its value. */
export interface RoomOptionsChange {
  readonly retention?: { readonly [Bound in keyof Retention]?: Retention[Bound] | undefined } | undefined;
  readonly poison?: RoomOptions["poison"] | undefined;
}

const WEEK_MS = 604_800_000;
const AGE_MS_MAX = 315_360_000_000;
const MESSAGES_MAX = 1_000_000_000_000;
const BYTES_MAX = 999_999_999_999_999;

/** The options of a room that was not defined. */
export const DEFAULT_ROOM_OPTIONS: RoomOptions = {
  retention: { maxAgeMs: WEEK_MS, maxMessages: 0, maxBytes: 0 },
  poison: "dead-letter",
};

export const roomName = z.string().refine((name) => NAME_PATTERN.test(name), {
  error: ({ input }) => `room is ${preview(input)}, expected ${NAME_PATTERN.source}`,
});

/** Options as a caller may give them; unknown ones are refused by name. */
export const roomOptions = z.strictObject({
  retention: z
    .strictObject({
      maxAgeMs: z.int().min(0).max(AGE_MS_MAX).optional(),
      maxMessages: z.int().min(0).max(MESSAGES_MAX).optional(),
      maxBytes: z.int().min(0).max(BYTES_MAX).optional(),
    })
    .optional(),
  poison: z.enum(["dead-letter", "block"]).optional(),
});

/** The options with a change applied. */
export const changedRoomOptions = (options: RoomOptions, { retention, poison }: RoomOptionsChange): RoomOptions => ({
  retention: {
    maxAgeMs: retention?.maxAgeMs ?? options.retention.maxAgeMs,
    maxMessages: retention?.maxMessages ?? options.retention.maxMessages,
    maxBytes: retention?.maxBytes ?? options.retention.maxBytes,
  },
  poison: poison ?? options.poison,
});
