import { join } from "node:path";
import { connect, type Holdfast } from "holdfast-client";
import { freePort, ServerProcess } from "../../crash/server-process.js";
import { Crowd } from "../crowd/crowd.js";
import { pause } from "../pause.js";
import { type Row, scaled } from "../row.js";
import { rssKib } from "../vitals.js";

const CONSUMERS = 500;
const CONSUMERS_MIN = 40;
/** Of them, so many read a little now and then; the rest never again. */
const SLOW_PART = 0.5;
const PHASE_MS = 20_000;
const PHASE_MS_MIN = 2_500;
/** Load: of messages that the crowd is to get, and of round trips that are timed. */
const BATCH = 40;
const BATCH_EVERY_MS = 20;
const PROBE_EVERY_MS = 10;
const BODY = "x".repeat(1_024);
const RATIO_MAX = 2;
const CLOSE_MS = 2_000;
/** Less than this is not to be told from what a machine does by itself. */
const P99_MS_JUDGED = 10;
/** What one that does not read may cost: 64 KiB of the queue and as much of the room wait in its buffer, and what they were made of. */
const KIB_EACH_MAX = 160;

/** Publishes to the crowd's queue and emits to its room until that is enough; resolves to how many. */
async function load(client: Holdfast, until: number): Promise<number> {
  let count = 0;
  while (performance.now() < until) {
    await Promise.all(Array.from({ length: BATCH }, () => client.queue("orders").publish(BODY)));
    await client.room("news").emit("news", BODY);
    count += BATCH;
    await pause(BATCH_EVERY_MS);
  }
  return count;
}

/** Sends messages the whole way until then; resolves to the time that 99 % of them took at most. */
async function probe(client: Holdfast, until: number): Promise<number> {
  const took: number[] = [];
  const open: Promise<void>[] = [];
  const waiting = new Map<number, () => void>();
  const consumer = client.queue<number>("probe").consume(({ body }) => waiting.get(body)?.());
  const trip = async (number: number): Promise<void> => {
    const start = performance.now();
    const arrived = new Promise<void>((resolve) => waiting.set(number, resolve));
    await client.queue<number>("probe").publish(number);
    await arrived;
    took.push(performance.now() - start);
  };
  for (let number = 0; performance.now() < until; number++) {
    open.push(trip(number));
    await pause(PROBE_EVERY_MS);
  }
  await Promise.all(open);
  await consumer.cancel();
  took.sort((a, b) => a - b);
  return took[Math.floor(took.length * 0.99)] ?? 0;
}

export const slow: Row = {
  number: 23,
  title: "Slow and half-open consumers",
  method:
    "Consumers of a queue, who are also members of a room, read and acknowledge; then half of them read a few ms twice a second, and half never again, without a word, as behind a broken line. Messages for them and round trips of somebody else go on as before.",
  target: "500 consumers: memory bounded (160 KiB each), p99 of the others <= 2 x what it was while all of them read",
  fullMinutes: 2,
  async run({ directory, scale, progress }) {
    const consumers = Math.max(CONSUMERS_MIN, scaled(CONSUMERS, scale));
    const phaseMs = Math.max(PHASE_MS_MIN, (PHASE_MS * consumers) / CONSUMERS);
    const server = new ServerProcess(join(directory, "data"), await freePort());
    await server.start();
    const { pid = 0 } = server;
    const crowd = new Crowd({ url: server.url, clients: consumers, consumes: { queue: "orders", maxInFlight: 1_000 }, joins: "news" });
    const [publisher, other] = [connect(server.url, { auth: { user: "ann" } }), connect(server.url, { auth: { user: "bob" } })];
    /** One stretch of the same load. */
    const phase = async (what: string): Promise<{ readonly p99Ms: number; readonly published: number; readonly rssKib: number }> => {
      progress(what);
      const until = performance.now() + phaseMs;
      const [published, p99Ms] = await Promise.all([load(publisher, until), probe(other, until)]);
      return { published, p99Ms, rssKib: rssKib(pid) };
    };
    try {
      await crowd.gathered();
      await phase("warming up");
      const before = await phase("all of them read");
      crowd.stopReading(SLOW_PART);
      const first = await phase("they do not read");
      const second = await phase("they still do not");
      const ratio = Math.max(first.p99Ms, second.p99Ms) / before.p99Ms;
      const each = (Math.max(first.rssKib, second.rssKib) - before.rssKib) / consumers;
      const [failures, late]: [string[], string[]] = [[], []];
      const complete = consumers >= CONSUMERS;
      if (complete && ratio > RATIO_MAX && Math.max(first.p99Ms, second.p99Ms) > P99_MS_JUDGED)
        late.push(`the others' p99 is ${ratio.toFixed(1)} times what it was`);
      if (complete && each > KIB_EACH_MAX) failures.push(`memory grew by ${each.toFixed(0)} KiB for each`);
      if (first.published < before.published / 4) failures.push(`only ${first.published} messages were stored, ${before.published} before`);
      const figure = `${consumers} consumers, ${first.published + second.published} messages for them; memory grew by ${Math.max(0, each).toFixed(0)} KiB each, p99 of the others ${before.p99Ms.toFixed(1)} ms before, ${first.p99Ms.toFixed(1)} and ${second.p99Ms.toFixed(1)} ms then`;
      return { figure, failures, late, complete };
    } finally {
      await Promise.all([publisher, other].map((client) => client.close({ timeoutMs: CLOSE_MS })));
      await crowd.leave();
      await server.kill();
    }
  },
};
