import { describe, expect, it } from "vitest";
import { RecentFrames, SHARED_BYTES_MAX } from "./recent-frames.js";
import type { RunFrames } from "./room-frames.js";

const KIB = 1_024;

/** Frames with one packet, whose buffer is a part of a larger one. */
function framesOf(bytes: number, within = bytes): RunFrames {
  const frame = Buffer.allocUnsafeSlow(within).subarray(0, bytes);
  return { packets: [{ parts: [frame.toString("latin1")], options: { preEncoded: true, wsPreEncodedFrame: [frame] } }], unreadable: [] };
}

/** Adds so many, each of which is asked for; returns how many of them are kept. */
function keptOf(count: number, make: () => RunFrames): number {
  const recent = new RecentFrames();
  for (let key = 0; key < count; key++) {
    recent.add(`${key}`, make());
    recent.get(`${key}`);
  }
  return Array.from({ length: count }, (_, key) => recent.get(`${key}`)).filter((frames) => frames !== undefined).length;
}

describe("recent frames", () => {
  it("C2: take no more memory than they may, text and frame together", () => {
    const kept = keptOf(200, () => framesOf(64 * KIB));
    expect(kept).toBeGreaterThan(50);
    expect(kept * 2 * 64 * KIB).toBeLessThanOrEqual(SHARED_BYTES_MAX);
  });

  it("C2: of a buffer that is a part of a larger one, all of that counts", () => {
    const kept = keptOf(2_000, () => framesOf(100, 8 * KIB));
    expect(kept).toBeGreaterThan(500);
    expect(kept * 8 * KIB).toBeLessThanOrEqual(SHARED_BYTES_MAX);
  });

  it("C2: the smallest ones are not free", () => {
    const kept = keptOf(50_000, () => framesOf(10));
    expect(kept).toBeGreaterThan(5_000);
    expect(kept).toBeLessThan(15_000);
  });
});
