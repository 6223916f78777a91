import { DeliveriesSection, eachSection } from "holdfast-client/protocol";
import { expect, it } from "vitest";
import type { Leased } from "../engine.js";
import { FrameOutbox } from "./frame-outbox.js";
import type { SocketPort } from "./socket-port.js";

const leased = (lease: number): Leased => ({
  ...{ lease, sequence: 100 + lease, attempt: 1, publishedAt: 0, leaseUntil: 30_000, leaseMs: 30_000 },
  ...{ bytes: Uint8Array.of(5, 0, 0, 0, lease), start: 0, end: 5 },
});

it("L2: a section has consecutive leases, also where one of a call ended before it could be shown", () => {
  const frames: Uint8Array[] = [];
  const port = { send: (_event: string, frame: Uint8Array) => frames.push(frame) } as unknown as SocketPort;
  const outbox = new FrameOutbox(port, 1_000_000);
  outbox.deliveries(1, [3, 5, 6, 9].map(leased), 30_000);
  outbox.flush();
  const told: [lease: number, sequence: number][] = [];
  eachSection(frames[0] ?? new Uint8Array(), (_type, content) => {
    const { firstLease, starts } = new DeliveriesSection(content);
    for (const [index, start] of starts.entries()) told.push([firstLease + index, content.peekU48(start - 16)]);
  });
  expect(told).toEqual([
    [3, 103],
    [5, 105],
    [6, 106],
    [9, 109],
  ]);
});
