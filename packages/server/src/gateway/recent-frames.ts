import type { RunFrames } from "./room-frames.js";

/** Of frames so many bytes are kept: of those that nobody else asked for yet, and of the others. */
const NEW_BYTES_MAX = 262_144;
export const SHARED_BYTES_MAX = 8_388_608;
/** What an entry is, and what a packet is, beside texts and buffers. */
const ENTRY_BYTES = 300;
const PACKET_BYTES = 400;
/** What a WebSocket frame has at most beside the text in it, where each character is a byte. */
const HEAD_BYTES_MAX = 11;

interface Entry {
  readonly frames: RunFrames;
  readonly bytes: number;
}

/** Frames by their key up to so many bytes. Those that were not asked for the longest go first. */
class Kept {
  readonly #entries = new Map<string, Entry>();
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  take(key: string): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    this.#bytes -= entry.bytes;
    return entry;
  }

  put(key: string, entry: Entry): void {
    this.#entries.set(key, entry);
    this.#bytes += entry.bytes;
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#bytesMax) break;
      this.take(oldest);
    }
  }
}

/**
 * Frames that were made not long ago. What a second device asked for, others will, too; what only one did is soon let go,
 * so that a device that catches up alone leaves nothing that lives long.
 */
export class RecentFrames {
  readonly #fresh = new Kept(NEW_BYTES_MAX);
  readonly #shared = new Kept(SHARED_BYTES_MAX);

  get(key: string): RunFrames | undefined {
    const entry = this.#shared.take(key) ?? this.#fresh.take(key);
    if (entry === undefined) return undefined;
    this.#shared.put(key, entry);
    return entry.frames;
  }

  add(key: string, frames: RunFrames): void {
    this.#fresh.put(key, { frames, bytes: bytesOf(frames) });
  }
}

/** What is kept in memory with the frames: of a buffer all that it is a part of. */
function bytesOf({ packets }: RunFrames): number {
  let bytes = ENTRY_BYTES;
  const buffers = new Set<ArrayBufferLike>();
  for (const { parts, options } of packets) {
    const [frame] = options.wsPreEncodedFrame ?? [];
    bytes += PACKET_BYTES;
    if (frame !== undefined) buffers.add(frame.buffer);
    for (const part of parts) {
      if (typeof part !== "string") buffers.add(part.buffer);
      else bytes += frame !== undefined && frame.length <= part.length + HEAD_BYTES_MAX ? part.length : 2 * part.length;
    }
  }
  for (const { byteLength } of buffers) bytes += byteLength;
  return bytes;
}
