import { connect, type Delivery, type Queue } from "holdfast-client";
import { type Load, type LoadResult, WARM_UP_MESSAGES } from "../protocol.js";
import { type Body, bodyOf, inWindow, nowUs } from "./bodies.js";

/** Of every so many messages the latency of one is kept. */
const SAMPLE_EVERY = 10;
/** What all consumers of a client may hold, with few queues. */
const IN_FLIGHT = 4_000;
/** What one consumer may hold at least. */
const IN_FLIGHT_MIN = 100;

/** Traffic on many queues at once: each has one consumer, or one of every client where there are fewer queues than clients. */
export async function queues(load: Extract<Load, { kind: "queues" }>): Promise<LoadResult> {
  const { port, count, clients, messages, window, bodyBytes } = load;
  const body = bodyOf(bodyBytes);
  const latenciesMs: number[] = [];
  let handled = 0;
  let expected = 0;
  let finish: () => void = () => undefined;
  let sampling = false;
  const handle = ({ body: { at } }: Delivery<Body>): void => {
    if (sampling && handled % SAMPLE_EVERY === 0) latenciesMs.push((nowUs() - at) / 1_000);
    if (++handled === expected) finish();
  };
  const holdfasts = Array.from({ length: clients }, () => connect(`http://127.0.0.1:${port}`));
  const all: Queue<Body>[] = [];
  for (let number = 0; number < Math.max(count, clients); number++) {
    const queue = holdfasts[number % clients]?.queue<Body>(`queue-${number % count}`);
    if (queue === undefined) continue;
    const consumer = queue.consume(handle, {
      maxInFlight: Math.max(IN_FLIGHT_MIN, Math.floor((IN_FLIGHT * clients) / Math.max(count, clients))),
    });
    void consumer.closed.then((error) => {
      if (error !== undefined) throw error;
    });
    all.push(queue);
  }
  let next = 0;
  const send = (): Promise<unknown> => (all[next++ % all.length] as Queue<Body>).publish(body());
  const round = async (total: number): Promise<void> => {
    handled = 0;
    expected = total;
    const done = new Promise<void>((resolve) => {
      finish = resolve;
    });
    await inWindow(total, window, send);
    await done;
  };
  await round(Math.max(count, Math.min(messages, WARM_UP_MESSAGES)));
  sampling = true;
  const start = performance.now();
  await round(messages);
  const seconds = (performance.now() - start) / 1_000;
  await Promise.all(holdfasts.map((holdfast) => holdfast.close()));
  return { messages, seconds, latenciesMs };
}
