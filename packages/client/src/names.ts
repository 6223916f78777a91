/** Names of queues, rooms and devices. */
export const NAME_PATTERN = /^[A-Za-z0-9._:-]{1,128}$/;

/** Names of queues as a client may ask for them: that of a dead-letter queue may be longer by its suffix. */
export const QUEUE_PATTERN = /^[A-Za-z0-9._:-]{1,128}(\.dead)?$/;

/** Stands before a room's name where a queue's could be: in a publish section, and in the outbox. */
export const ROOM_MARK = "#";

/** The event of the answer that the engine gives to a request whose message died. */
export const DIED_EVENT = "holdfast:died";
