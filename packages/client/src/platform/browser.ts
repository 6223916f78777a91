import { encoder } from "../encoder.js";
import type { Platform } from "../platform.js";

// Functions of their own, so that a bundler can do without those that do nothing here.

// There is no `setImmediate`; a message to oneself comes sooner than a timer, and also in a hidden tab.
export const afterTurn: Platform["afterTurn"] = (task) => {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = task;
  return () => port2.postMessage(0);
};

export const textWriter: Platform["textWriter"] = (bytes) => (text, at) => encoder.encodeInto(text, bytes.subarray(at)).written;

export const bytewise: Platform["bytewise"] = () => undefined;

export const inOneWrite: Platform["inOneWrite"] = (_engine, send) => send();
