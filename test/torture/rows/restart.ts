import { join } from "node:path";
import { connect } from "holdfast-client";
import { freePort, ServerProcess } from "../../crash/server-process.js";
import { median } from "../../median.js";
import { type Row, scaled } from "../row.js";

const MESSAGES = 10_000_000;
const MESSAGES_MIN = 20_000;
const RESTARTS = 5;
const SERVING_MS_MAX = 5_000;
const WINDOW = 2_000;
const BODY = "x".repeat(230);

/** Publishes so many messages, and resolves when all of them are stored. */
async function fill(url: string, messages: number, onStored: (count: number) => void): Promise<void> {
  const client = connect(url, { auth: { user: "ann" } });
  const queue = client.queue("orders");
  let [next, stored] = [0, 0];
  const lane = async (): Promise<void> => {
    while (next < messages) {
      await queue.publish(`${next++} ${BODY}`);
      if (++stored % 10_000 === 0) onStored(stored);
    }
  };
  await Promise.all(Array.from({ length: WINDOW }, lane));
  await client.close();
}

/** Takes the first message, and gives it back. */
async function first(url: string): Promise<unknown> {
  const client = connect(url, { auth: { user: "bob" } });
  try {
    for await (const delivery of client.queue<string>("orders").consume({ maxInFlight: 1 })) {
      await delivery.release();
      return Number.parseInt(delivery.body, 10);
    }
    return undefined;
  } finally {
    await client.close();
  }
}

export const restart: Row = {
  number: 19,
  title: "Restart with a large backlog",
  method:
    "A server is killed with many messages stored, and started again; it serves when `readyz` says so, and hands the oldest message out.",
  target: "10,000,000 stored: serving <= 5 s after the start of the process, goal 1 s",
  fullMinutes: 10,
  async run({ directory, scale, progress }) {
    const messages = Math.max(MESSAGES_MIN, scaled(MESSAGES, scale));
    const [failures, late]: [string[], string[]] = [[], []];
    const server = new ServerProcess(join(directory, "data"), await freePort());
    const servingMs: number[] = [];
    let deliveredMs = 0;
    try {
      await server.start();
      await fill(server.url, messages, (stored) => progress(`${stored} of ${messages} stored`));
      for (let time = 0; time < RESTARTS; time++) {
        await server.kill();
        const start = performance.now();
        await server.start();
        servingMs.push(Math.round(performance.now() - start));
        const oldest = await first(server.url);
        deliveredMs = Math.max(deliveredMs, Math.round(performance.now() - start));
        if (oldest !== 0) failures.push(`the first message out is ${oldest}, expected 0`);
        progress(`started in ${servingMs.at(-1)} ms`);
      }
    } finally {
      await server.kill();
    }
    const slowest = Math.max(...servingMs);
    if (slowest > SERVING_MS_MAX) late.push(`a server served only ${slowest} ms after its start`);
    const figure = `${messages} stored; ${RESTARTS} kills, serving after ${median(servingMs)} ms (median, Node.js included), ${slowest} ms at most; first delivery after ${deliveredMs} ms at most`;
    return { figure, failures, late, complete: messages >= MESSAGES };
  },
};
