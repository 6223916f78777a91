import { connect } from "holdfast-client";
import type { Load, LoadResult } from "../protocol.js";
import { type Body, bodyOf, inWindow } from "./bodies.js";

/** Consumes what is stored, from the first delivery on. */
export async function drain(load: Extract<Load, { kind: "drain" }>): Promise<LoadResult> {
  const { port, messages, window } = load;
  const holdfast = connect(`http://127.0.0.1:${port}`);
  let handled = 0;
  let start = 0;
  const seconds = await new Promise<number>((resolve) => {
    holdfast.queue<Body>("bench").consume(
      async (delivery) => {
        if (handled === 0) start = performance.now();
        if (delivery.body.text.length === 0) return;
        if (++handled === messages) resolve((performance.now() - start) / 1_000);
      },
      { maxInFlight: window },
    );
  });
  await holdfast.close();
  return { messages, seconds, latenciesMs: [] };
}

/** Publishes to a queue and consumes as many from it at the same time: the oldest, if it has a backlog. */
export async function through(load: Extract<Load, { kind: "through" }>): Promise<LoadResult> {
  const { port, queue: name, messages, window, bodyBytes } = load;
  const holdfast = connect(`http://127.0.0.1:${port}`);
  const queue = holdfast.queue<Body>(name);
  const body = bodyOf(bodyBytes);
  let handled = 0;
  let finish: () => void = () => undefined;
  const all = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const start = performance.now();
  const consumer = queue.consume(
    async (delivery) => {
      if (delivery.body.text.length > 0 && ++handled === messages) finish();
    },
    { maxInFlight: window },
  );
  // A backlog would go on being consumed: not more work than through an empty queue.
  const consumed = all.then(() => consumer.cancel());
  await inWindow(messages, window, () => queue.publish(body()));
  await consumed;
  const seconds = (performance.now() - start) / 1_000;
  await holdfast.close();
  return { messages, seconds, latenciesMs: [] };
}
