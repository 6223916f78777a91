/**
 * Limits both sides know, to be imported as a whole: `import * as LIMITS from "./limits.js"`. Each is a constant of its own,
 * so that a bundler puts the number where it is used. A server may be configured lower; `holdfast:hello` tells. Source:
 * DESIGN.md section 6.
 */

/** A message's record: body, headers and the rest. */
export const bodyBytesMax = 262_144;
/** Messages of one array, which is stored all or none. */
export const arrayMessagesMax = 1_000;
export const arrayBytesMax = 1_048_576;
export const idBytesMax = 128;
export const keyBytesMax = 256;
export const eventBytesMax = 256;
export const headersBytesMax = 8_192;
export const reasonBytesMax = 1_024;
export const maxInFlightMax = 10_000;
export const leaseMsMin = 1_000;
export const leaseMsMax = 43_200_000;
/** Numbers a producer may have open on one queue: PROTOCOL.md, producers. */
export const producerOpenMax = 1_024;
/** The highest priority of a message. */
export const priorityMax = 9;
/** A year: the longest delay. */
export const delayMsMax = 31_536_000_000;
/** A year: the longest time to live. */
export const ttlMsMax = 31_536_000_000;
