import { randomUUID } from "node:crypto";
import { connect, type Delivery, type Queue } from "holdfast-client";
import { type Load, type LoadResult, type OrderLoad, WARM_UP_MESSAGES } from "../protocol.js";
import { type Body, bodyOf, empty, inWindow, nowUs } from "./bodies.js";

/** Of every so many messages the latency of one is kept. */
const SAMPLE_EVERY = 10;

/** A consumer may hold more than the publisher has unconfirmed, so that its round trip is not what limits the rate. */
const CONSUMER_WINDOWS = 4;

/** Publish -> handler -> settlement through one queue that was empty. */
export async function roundTrip(load: Extract<Load, { kind: "round-trip" }>): Promise<LoadResult> {
  const { port, messages, window, bodyBytes, order, settle = "ack", token, warmUp = WARM_UP_MESSAGES } = load;
  const holdfast = connect(`http://127.0.0.1:${port}`, token === undefined ? {} : { auth: { token } });
  const queue = holdfast.queue<Body>("bench");
  const send = order === undefined ? () => queue.publish(body()) : await orderedSend(queue, order, () => body());
  const body = bodyOf(bodyBytes);
  const latenciesMs: number[] = [];
  let handled = 0;
  let finish: () => void = () => undefined;
  const all = new Promise<void>((resolve) => {
    finish = resolve;
  });
  let counting = false;
  const handle = async (delivery: Delivery<Body>): Promise<void> => {
    const { at } = delivery.body;
    if (settle === "reject") await delivery.reject("bench");
    if (!counting) return;
    if (handled % SAMPLE_EVERY === 0) latenciesMs.push((nowUs() - at) / 1_000);
    if (++handled === messages) finish();
  };
  for (let left = order?.consumers ?? 1; left > 0; left--) queue.consume(handle, { maxInFlight: CONSUMER_WINDOWS * window });
  await inWindow(Math.min(messages, warmUp), window, send);
  await empty(() => queue.stats());
  counting = true;
  const start = performance.now();
  await inWindow(messages, window, send);
  await all;
  const seconds = (performance.now() - start) / 1_000;
  await holdfast.close();
  return { messages, seconds, latenciesMs };
}

/** Defines the queue's order and returns what publishes to it, with keys where they count. */
async function orderedSend(
  queue: Queue<Body>,
  { ordering, keys, distribution }: OrderLoad,
  body: () => Body,
): Promise<() => Promise<unknown>> {
  await queue.define({ ordering });
  if (ordering !== "key") return () => queue.publish(body());
  const key = drawKeys(keys, distribution);
  return () => queue.publish(body(), { key: `key-${key()}` });
}

function drawKeys(keys: number, distribution: OrderLoad["distribution"]): () => string | number {
  if (distribution === "uniform") return () => Math.floor(Math.random() * keys);
  if (distribution === "zipf") return zipf(keys);
  // Not those of another load process either.
  const prefix = randomUUID();
  let next = 0;
  return () => `${prefix}-${next++}`;
}

/** Draws numbers below `count`, the n-th with a share of 1 / (n + 1). */
function zipf(count: number): () => number {
  const sums = new Float64Array(count);
  let sum = 0;
  for (let index = 0; index < count; index++) sums[index] = sum += 1 / (index + 1);
  return () => {
    const drawn = Math.random() * sum;
    let [low, high] = [0, count - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sums[middle] ?? 0) < drawn) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}
