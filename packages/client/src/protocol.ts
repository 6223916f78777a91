/** What both sides share: errors, limits, records, frames. The server imports this, not the client. */

export { inOneWrite } from "#platform";
export { BUFFERS_MAX, DEPTH_MAX, FORMAT_BINARY, FORMAT_JSON, FORMAT_MIXED } from "./body.js";
export { ByteReader, ByteWriter } from "./bytes.js";
export { ERROR_CODES, type ErrorCode, type ErrorReply, HoldfastError } from "./errors.js";
export { Fifo } from "./fifo.js";
export * from "./frame.js";
export type { DeadLetterHistory, DeadReason } from "./history.js";
export * as LIMITS from "./limits.js";
export { DIED_EVENT, NAME_PATTERN, ROOM_MARK } from "./names.js";
export type { EngineEnd } from "./platform.js";
export {
  checkRecord,
  HAS_CORRELATION_ID,
  HAS_EVENT,
  HAS_EXCEPT,
  HAS_HEADERS,
  HAS_HISTORY,
  HAS_KEY,
  HAS_REPLY_TO,
  HAS_TIMING,
  type Headers,
  type RecordFields,
  type Timing,
  writePacked,
  writeRecord,
  writeTiming,
} from "./record.js";
export { RecordView } from "./record-view.js";
