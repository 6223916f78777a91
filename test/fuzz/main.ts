import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Option, program } from "commander";
import { integer } from "../integer-option.js";
import { fuzz, type Sample } from "./fuzz.js";
import { FuzzedServer } from "./server.js";
import type { Trend } from "./trend.js";

interface Options {
  readonly inputs: number;
  readonly seed?: number;
  readonly senders: number;
  readonly engine: "level" | "memory";
  readonly snapshots?: string;
}

const mib = (kib: number): string => `${(kib / 1_024).toFixed(1)} MiB`;

const trend = ({ verdict, slopeKib, growth }: Trend): string =>
  `${verdict}: ${slopeKib.toFixed(2)} KiB per 1,000 inputs, ${(growth * 100).toFixed(1)} % in all`;

async function run({ inputs, senders, engine, snapshots, seed = Math.floor(Math.random() * 2 ** 30) }: Options): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "holdfast-fuzz-"));
  const server = await FuzzedServer.start(directory, engine);
  try {
    const onProgress = ({ done, liveKib, residentKib }: Sample): void => {
      const line = `${done.toLocaleString("en-US")} of ${inputs.toLocaleString("en-US")}, ${mib(liveKib)} held, ${mib(residentKib)} resident`;
      process.stderr.write(process.stderr.isTTY ? `\r${line}   ` : `${line}\n`);
    };
    const report = await fuzz(server, { inputs, seed, senders, snapshots, onProgress });
    if (process.stderr.isTTY) process.stderr.write("\n");
    const rows = {
      seed,
      inputs: report.inputs.toLocaleString("en-US"),
      connections: report.connections.toLocaleString("en-US"),
      "duration, s": report.seconds.toFixed(1),
      "inputs per second": Math.round(report.inputs / report.seconds).toLocaleString("en-US"),
      "sockets before, after": `${report.socketsBefore}, ${report.socketsAfter}`,
      "held after 25 %, end": atQuarterAndEnd(report.samples, "liveKib"),
      "resident after 25 %, end": atQuarterAndEnd(report.samples, "residentKib"),
      "held, last 75 %": trend(report.live),
      "resident, last 75 %": trend(report.resident),
      failures: report.failures.length,
    };
    for (const [what, value] of Object.entries(rows)) console.log(`${what.padEnd(28)} ${value}`);
    for (const failure of report.failures) console.error(failure);
    if (report.failures.length > 0) process.exitCode = 1;
  } finally {
    await server.stop();
    rmSync(directory, { recursive: true });
  }
}

function atQuarterAndEnd(samples: readonly Sample[], of: "liveKib" | "residentKib"): string {
  return [samples[Math.floor(samples.length / 4)], samples.at(-1)].map((sample) => mib(sample?.[of] ?? 0)).join(", ");
}

program
  .name("npm run fuzz --")
  .description("Sends malformed requests, frames and packets to a server, and looks whether it lives, serves others, and keeps nothing.")
  .option("--inputs <n>", "how many", integer(1), 1_000_000)
  .option("--seed <n>", "the same inputs again (default: others each time)", integer(0))
  .option("--senders <n>", "connections at a time", integer(1), 8)
  .option("--snapshots <directory>", "where to write down what the server holds after a quarter and at the end, to compare the two")
  .addOption(new Option("--engine <name>", "of the server").choices(["level", "memory"]).default("level"))
  .action(run);

await program.parseAsync();
process.exit();
