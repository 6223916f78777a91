import type { RoomDelivery } from "../room.js";

/** Many messages of one room or inbox, as they come: sequences follow each other from `first` on. */
export type RoomFrame = readonly [
  room: number,
  target: { readonly room?: string; readonly user?: string },
  first: number,
  redelivered: boolean,
  messages: readonly RoomMessage[],
];

type RoomMessage = readonly [
  event: string,
  id: string,
  args: readonly unknown[],
  sender?: string | null,
  key?: string | null,
  headers?: RoomDelivery["headers"],
];

export function isRoomFrame(frame: readonly unknown[]): frame is RoomFrame {
  const [room, target, first, redelivered, messages] = frame;
  return (
    typeof room === "number" &&
    typeof target === "object" &&
    target !== null &&
    typeof first === "number" &&
    typeof redelivered === "boolean" &&
    Array.isArray(messages) &&
    messages.every(isMessage)
  );
}

const isMessage = (message: unknown): boolean =>
  Array.isArray(message) && typeof message[0] === "string" && typeof message[1] === "string" && Array.isArray(message[2]);
