import { connect, type Message } from "holdfast-client";
import type { Load, LoadResult } from "../protocol.js";
import { progress } from "../report.js";
import { type Body, bodyOf, inWindow } from "./bodies.js";

const PROGRESS_MS = 10_000;

/** Stores messages one by one, `window` at a time. */
export async function publish(load: Extract<Load, { kind: "publish" }>): Promise<LoadResult> {
  const { port, messages, window, bodyBytes } = load;
  const holdfast = connect(`http://127.0.0.1:${port}`);
  const queue = holdfast.queue<Body>("bench");
  const body = bodyOf(bodyBytes);
  const start = performance.now();
  await inWindow(messages, window, () => queue.publish(body()));
  const seconds = (performance.now() - start) / 1_000;
  await holdfast.close();
  return { messages, seconds, latenciesMs: [] };
}

/** Stores messages as fast as can be: in arrays, several at a time. */
export async function fill(load: Extract<Load, { kind: "fill" }>): Promise<LoadResult> {
  const { port, queue: name, messages, arrayMessages, turns, bodyBytes, dueAt } = load;
  const holdfast = connect(`http://127.0.0.1:${port}`);
  const queue = holdfast.queue<Body>(name);
  const body = bodyOf(bodyBytes);
  const start = performance.now();
  let left = messages;
  let stored = 0;
  const watch = setInterval(() => progress(`stored ${stored} of ${messages}`), PROGRESS_MS);
  await inWindow(Math.ceil(messages / arrayMessages), turns, async () => {
    const count = Math.min(left, arrayMessages);
    left -= count;
    const delayMs = dueAt === undefined ? undefined : Math.max(0, dueAt - Date.now());
    await queue.publishAll(Array.from({ length: count }, (): Message<Body> => ({ body: body(), delayMs })));
    stored += count;
  });
  clearInterval(watch);
  const seconds = (performance.now() - start) / 1_000;
  await holdfast.close();
  return { messages, seconds, latenciesMs: [] };
}
