import { connect } from "holdfast-client";
import type { Load, LoadResult } from "../protocol.js";
import type { Body } from "./bodies.js";

/** Unsettled deliveries that one consumer may hold, and how many of them it keeps for good. */
const IN_FLIGHT = 10_000;
const KEPT_MAX = 5_000;

/** Acks what is stored but for one of so many messages, which stays in flight until the parent says `end`. */
export async function hold(load: Extract<Load, { kind: "hold" }>): Promise<LoadResult> {
  const { port, messages, every } = load;
  const holdfast = connect(`http://127.0.0.1:${port}`);
  const queue = holdfast.queue<Body>("bench");
  const consumers = Math.ceil(messages / every / KEPT_MAX);
  const start = performance.now();
  let handled = 0;
  await new Promise<void>((resolve) => {
    const consume = async (): Promise<void> => {
      for await (const delivery of queue.consume({ maxInFlight: IN_FLIGHT })) {
        const settled = delivery.sequence % every === 0 ? Promise.resolve() : delivery.ack();
        if (++handled === messages) void settled.then(resolve);
      }
    };
    for (let left = consumers; left > 0; left--) void consume();
  });
  process.once("message", () => process.exit());
  return { messages, seconds: (performance.now() - start) / 1_000, latenciesMs: [] };
}
