import { connect, type Delivery, type Queue } from "holdfast-client";
import { io } from "socket.io-client";
import { type Load, type LoadResult, type OrderLoad, WARM_UP_MESSAGES } from "./protocol.js";

/** The clients of one round, in a process of their own. Told what to do by the parent; answers with the result. */

interface Body {
  readonly at: number;
  readonly text: string;
}

const nowUs = (): number => Math.round(performance.now() * 1_000);

/** Of every so many messages the latency of one is kept. */
const SAMPLE_EVERY = 10;

/** A consumer may hold more than the publisher has unconfirmed, so that its round trip is not what limits the rate. */
const CONSUMER_WINDOWS = 4;

const bodyOf = (bodyBytes: number): (() => Body) => {
  const text = "x".repeat(Math.max(0, bodyBytes - JSON.stringify({ at: nowUs(), text: "" }).length));
  return () => ({ at: nowUs(), text });
};

/** Keeps `window` calls of `send` open until `messages` were sent. */
async function inWindow(messages: number, window: number, send: () => Promise<unknown>): Promise<void> {
  let left = messages;
  const loop = async (): Promise<void> => {
    while (left > 0) {
      left--;
      await send();
    }
  };
  await Promise.all(Array.from({ length: window }, loop));
}

async function roundTrip({ port, messages, window, bodyBytes, order }: Extract<Load, { kind: "round-trip" }>): Promise<LoadResult> {
  const holdfast = connect(`http://127.0.0.1:${port}`);
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
    if (!counting) return;
    if (handled % SAMPLE_EVERY === 0) latenciesMs.push((nowUs() - at) / 1_000);
    if (++handled === messages) finish();
  };
  for (let left = order?.consumers ?? 1; left > 0; left--) queue.consume(handle, { maxInFlight: CONSUMER_WINDOWS * window });
  await inWindow(Math.min(messages, WARM_UP_MESSAGES), window, send);
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
  const key = distribution === "uniform" ? () => Math.floor(Math.random() * keys) : zipf(keys);
  return () => queue.publish(body(), { key: `key-${key()}` });
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

/** Resolves when nothing is left in the queue. */
async function empty(stats: () => Promise<{ readonly ready: number; readonly inFlight: number }>): Promise<void> {
  for (;;) {
    const { ready, inFlight } = await stats();
    if (ready + inFlight === 0) return;
  }
}

async function emitWithAck({ port, messages, window, bodyBytes }: Extract<Load, { kind: "emit-with-ack" }>): Promise<LoadResult> {
  const socket = io(`http://127.0.0.1:${port}`, { transports: ["websocket"] });
  await new Promise<void>((resolve) => socket.once("connect", resolve));
  const body = bodyOf(bodyBytes);
  const latenciesMs: number[] = [];
  await inWindow(Math.min(messages, WARM_UP_MESSAGES), window, () => socket.emitWithAck("message", body()));
  let sent = 0;
  const start = performance.now();
  await inWindow(messages, window, async () => {
    const sample = sent++ % SAMPLE_EVERY === 0;
    const at = nowUs();
    await socket.emitWithAck("message", { ...body(), at });
    if (sample) latenciesMs.push((nowUs() - at) / 1_000);
  });
  const seconds = (performance.now() - start) / 1_000;
  socket.disconnect();
  return { messages, seconds, latenciesMs };
}

async function publish({ port, messages, window, bodyBytes }: Extract<Load, { kind: "publish" }>): Promise<LoadResult> {
  const holdfast = connect(`http://127.0.0.1:${port}`);
  const queue = holdfast.queue<Body>("bench");
  const body = bodyOf(bodyBytes);
  const start = performance.now();
  await inWindow(messages, window, () => queue.publish(body()));
  const seconds = (performance.now() - start) / 1_000;
  await holdfast.close();
  return { messages, seconds, latenciesMs: [] };
}

async function drain({ port, messages, window }: Extract<Load, { kind: "drain" }>): Promise<LoadResult> {
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

function run(load: Load): Promise<LoadResult> {
  switch (load.kind) {
    case "round-trip":
      return roundTrip(load);
    case "emit-with-ack":
      return emitWithAck(load);
    case "publish":
      return publish(load);
    case "drain":
      return drain(load);
    default:
      return load satisfies never;
  }
}

process.once("message", (load: Load) => {
  void run(load).then((result) => process.send?.(result, () => process.disconnect()));
});
