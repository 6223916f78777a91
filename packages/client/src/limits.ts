/** Limits both sides know. A server may be configured lower; `holdfast:hello` tells. Source: DESIGN.md section 6. */
export const LIMITS = {
  /** A message's record: body, headers and the rest. */
  bodyBytesMax: 262_144,
  /** Messages of one array, which is stored all or none. */
  arrayMessagesMax: 1_000,
  arrayBytesMax: 1_048_576,
  idBytesMax: 128,
  keyBytesMax: 256,
  eventBytesMax: 256,
  headersBytesMax: 8_192,
  reasonBytesMax: 1_024,
  maxInFlightMax: 10_000,
  leaseMsMin: 1_000,
  leaseMsMax: 43_200_000,
  /** Numbers a producer may have open on one queue: PROTOCOL.md, producers. */
  producerOpenMax: 1_024,
  /** A year: the longest delay. */
  delayMsMax: 31_536_000_000,
} as const;

/** Names of queues, rooms and devices. */
export const NAME_PATTERN = /^[A-Za-z0-9._:-]{1,128}$/;

/** The event of the answer that the engine gives to a request whose message died. */
export const DIED_EVENT = "holdfast:died";

/** Names of queues as a client may ask for them: that of a dead-letter queue may be longer by its suffix. */
export const QUEUE_PATTERN = /^[A-Za-z0-9._:-]{1,128}(\.dead)?$/;
