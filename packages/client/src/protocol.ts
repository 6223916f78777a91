/** What both sides share: errors, limits, records, frames. The server imports this, not the client. */
export { ByteReader, ByteWriter, decodeBytewise } from "./bytes.js";
export { ERROR_CODES, type ErrorCode, type ErrorReply, HoldfastError } from "./errors.js";
export * from "./frame.js";
export { LIMITS, NAME_PATTERN } from "./limits.js";
export {
  BUFFERS_MAX,
  checkRecord,
  DEPTH_MAX,
  FORMAT_BINARY,
  FORMAT_JSON,
  FORMAT_MIXED,
  HAS_EVENT,
  HAS_HISTORY,
  HAS_KEY,
  type Headers,
  type RecordFields,
  RecordView,
  writeRecord,
} from "./record.js";
