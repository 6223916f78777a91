import { fuzz, type Sample } from "../../fuzz/fuzz.js";
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
  target: "1,000,000 inputs: 0 crashes, 0 errors in the log, 0 sockets left, memory flat after the first quarter",
  fullMinutes: 12,
  async run({ directory, random, scale, progress }) {
    const inputs = Math.max(INPUTS_MIN, scaled(INPUTS, scale));
    const server = await FuzzedServer.start(directory, "level");
    try {
      const onProgress = ({ done }: Sample): void => progress(`${done} of ${inputs} inputs`);
      const report = await fuzz(server, { inputs, seed: random.below(2 ** 30), senders: SENDERS, onProgress });
      const { connections, socketsBefore, socketsAfter, samples, live, failures } = report;
      const mib = (sample: Sample | undefined): string => ((sample?.liveKib ?? 0) / 1_024).toFixed(0);
      const quarter = samples[Math.floor(samples.length / 4)];
      const memory = `holds ${mib(quarter)} MiB after a quarter and ${mib(samples.at(-1))} MiB at the end (${live.verdict})`;
      const figure = `${report.inputs} inputs on ${connections} connections, ${socketsAfter - socketsBefore} sockets left, ${memory}`;
      return { figure, failures, complete: report.inputs >= INPUTS };
    } finally {
      await server.stop();
    }
  },
};
