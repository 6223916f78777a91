import type { Platform } from "../platform.js";

/** Texts up to this length, ids and names above all, are written character by character. */
const SHORT_TEXT = 48;

/** Writes ASCII without the cost of a call into the encoder; false when it is something else. */
function writeAscii(bytes: Uint8Array, text: string, at: number): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code > 127) return false;
    bytes[at + index] = code;
  }
  return true;
}

export const { afterTurn, textWriter, bytewise, inOneWrite }: Platform = {
  afterTurn: (task) => () => void setImmediate(task),

  // A buffer's own `write` allocates nothing, an encoder two objects a call.
  textWriter(bytes) {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    return (text, at) => (text.length <= SHORT_TEXT && writeAscii(buffer, text, at) ? text.length : buffer.write(text, at));
  },

  bytewise(frame) {
    let text: string | undefined;
    return () => {
      text ??= Buffer.from(frame.buffer, frame.byteOffset, frame.length).toString("latin1");
      return text;
    };
  },

  // An event with a buffer is two packets. Left alone, Engine.IO writes the first at once and the second when that has
  // left: two system calls here, two wake-ups there.
  inOneWrite(engine, send) {
    const { transport } = engine;
    const socket = (transport?.ws ?? transport?.socket)?._socket;
    if (!socket || !transport?.writable || engine.flush === undefined) return send();
    // What is not writable collects its packets.
    transport.writable = false;
    try {
      send();
    } finally {
      transport.writable = true;
      socket.cork();
      engine.flush();
      socket.uncork();
    }
  },
};
