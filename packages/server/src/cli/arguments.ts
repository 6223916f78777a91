import { isIP } from "node:net";
import { InvalidArgumentError } from "commander";
import { NAME_PATTERN } from "holdfast-client/protocol";
import { isUserName, USER_FORM } from "../user-name.js";

/** A parser of whole numbers from `min` to `max` for commander. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`Expected a whole number from ${min} to ${max}.`);
  };
}

/** A queue's name, or that of its dead-letter queue, which is longer. */
export function queueArgument(text: string): string {
  if (NAME_PATTERN.test(text.replace(/\.dead$/, ""))) return text;
  throw new InvalidArgumentError("Expected 1 to 128 of A-Z a-z 0-9 . _ : -");
}

/** A parser of texts of 1 to `bytesMax` bytes. */
export function textArgument(bytesMax: number): (text: string) => string {
  return (text) => {
    if (text !== "" && Buffer.byteLength(text) <= bytesMax) return text;
    throw new InvalidArgumentError(`Expected 1 to ${bytesMax} bytes.`);
  };
}

/** The name of a room or a device. */
export function nameArgument(text: string): string {
  if (NAME_PATTERN.test(text)) return text;
  throw new InvalidArgumentError("Expected 1 to 128 of A-Z a-z 0-9 . _ : -");
}

/** Who somebody is. */
export function userArgument(text: string): string {
  if (isUserName(text)) return text;
  throw new InvalidArgumentError(`Expected ${USER_FORM}.`);
}

/** `http://host:port`, perhaps with the namespace as its path. */
export function serverUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && /^(https?|wss?):$/.test(url.protocol) && url.search === "" && url.hash === "") return text;
  throw new InvalidArgumentError("Expected a URL such as http://127.0.0.1:3000");
}

export function namespaceName(text: string): string {
  if (/^\/[A-Za-z0-9._:-]{0,128}$/.test(text)) return text;
  throw new InvalidArgumentError("Expected / or a name such as /orders");
}

/** An IP literal or a host name, as `listen` takes it. */
export function hostName(text: string): string {
  if (isIP(text) !== 0 || /^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/.test(text)) return text;
  throw new InvalidArgumentError("Expected an address or a host name.");
}
