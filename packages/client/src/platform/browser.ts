import type { Platform } from "../platform.js";

const encoder = new TextEncoder();

export const { afterTurn, textWriter, decodeBytewise, inOneWrite }: Platform = {
  // There is no `setImmediate`; a message to oneself comes sooner than a timer, and also in a hidden tab.
  afterTurn(task) {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = task;
    return () => port2.postMessage(0);
  },
  textWriter: (bytes) => (text, at) => encoder.encodeInto(text, bytes.subarray(at)).written,
  decodeBytewise: () => undefined,
  inOneWrite: (_engine, send) => send(),
};
