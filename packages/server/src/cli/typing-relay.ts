import type { Namespace, Socket } from "socket.io";

const OPEN_EVENT = "chat:open";
const TYPING_EVENT = "chat:typing";
const ROOM_PATTERN = /^[A-Za-z0-9._:-]{1,128}$/;
const USER_CHARACTERS_MAX = 256;
/** How often a socket is passed on. */
const INTERVAL_MS = 1_000;

/**
 * Tells the demo's pages who is typing, with Socket.IO alone: a volatile event to those who have the same room open. It
 * comes at most once, and a moment later nobody needs it: the very thing that is not to be stored.
 */
export function relayTyping(namespace: Namespace): void {
  namespace.on("connection", (socket) => relayFrom(socket));
}

function relayFrom(socket: Socket): void {
  const { user } = socket.handshake.auth as { readonly user?: unknown };
  if (typeof user !== "string" || user === "" || user.length > USER_CHARACTERS_MAX) return;
  let open: string | undefined;
  let passedOnAt = Number.NEGATIVE_INFINITY;
  socket.on(OPEN_EVENT, (room: unknown) => {
    if (open !== undefined) void socket.leave(channelOf(open));
    open = typeof room === "string" && ROOM_PATTERN.test(room) ? room : undefined;
    if (open !== undefined) void socket.join(channelOf(open));
  });
  socket.on(TYPING_EVENT, () => {
    const now = performance.now();
    if (open === undefined || now - passedOnAt < INTERVAL_MS) return;
    passedOnAt = now;
    socket.to(channelOf(open)).volatile.emit(TYPING_EVENT, { room: open, user });
  });
}

/** A Socket.IO room, which has nothing to do with the durable one of that name. */
const channelOf = (room: string): string => `${OPEN_EVENT} ${room}`;
