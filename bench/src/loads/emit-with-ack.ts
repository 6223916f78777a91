import { io } from "socket.io-client";
import { type Load, type LoadResult, WARM_UP_MESSAGES } from "../protocol.js";
import { bodyOf, inWindow, nowUs } from "./bodies.js";

/** Of every so many calls the latency of one is kept. */
const SAMPLE_EVERY = 10;

/** Plain Socket.IO: nothing is stored. */
export async function emitWithAck(load: Extract<Load, { kind: "emit-with-ack" }>): Promise<LoadResult> {
  const { port, messages, window, bodyBytes } = load;
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
