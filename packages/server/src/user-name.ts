import { isUtf8 } from "./validate.js";

const USER_BYTES_MAX = 256;

/** Whether it may be who somebody is: 1 to 256 bytes of UTF-8. */
export const isUserName = (value: unknown): value is string =>
  typeof value === "string" && value !== "" && Buffer.byteLength(value) <= USER_BYTES_MAX && isUtf8(value);

export const USER_FORM = `1 to ${USER_BYTES_MAX} bytes of UTF-8`;
