import { fuzz } from "../../fuzz/fuzz.js";
import { FuzzedServer } from "../../fuzz/server.js";
import { type Row, scaled } from "../row.js";

const INPUTS = 1_000_000;
const SENDERS = 8;
/** So few say something, too. */
const INPUTS_MIN = 2_000;

export const malformed: Row = {
  number: 25,
  title: "Malformed input",
  method:
    "Valid requests, frames, packets and HTTP with a few changes, and nonsense (`npm run fuzz`), beside a client that must be served all the while. What past advisories about Socket.IO, Engine.IO and `ws` describe is sent by `test/protocol/advisories.test.ts`, case by case, in `npm test`.",
  target: "1,000,000 inputs: 0 crashes, 0 errors in the log, 0 sockets left, memory grows by less than 10 % after the first quarter",
  fullMinutes: 12,
  async run({ directory, random, scale, progress }) {
    const inputs = Math.max(INPUTS_MIN, scaled(INPUTS, scale));
    const server = await FuzzedServer.start(directory, "level");
    try {
      const onProgress = (done: number): void => progress(`${done} of ${inputs} inputs`);
      const report = await fuzz(server, { inputs, seed: random.below(2 ** 30), senders: SENDERS, onProgress });
      const { connections, socketsBefore, socketsAfter, rss, slopeKibPer1000, failures } = report;
      const from = rss[Math.floor(rss.length / 4)]?.rssKib ?? 0;
      const mib = (kib: number): string => (kib / 1_024).toFixed(0);
      const memory = `memory ${mib(from)} MiB after a quarter, ${mib(rss.at(-1)?.rssKib ?? 0)} MiB at the end (${slopeKibPer1000.toFixed(1)} KiB per 1,000)`;
      const figure = `${report.inputs} inputs on ${connections} connections, ${socketsAfter - socketsBefore} sockets left, ${memory}`;
      return { figure, failures, complete: report.inputs >= INPUTS };
    } finally {
      await server.stop();
    }
  },
};
