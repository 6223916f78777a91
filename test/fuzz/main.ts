import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Option, program } from "commander";
import { integer } from "../integer-option.js";
import { fuzz } from "./fuzz.js";
import { FuzzedServer } from "./server.js";

interface Options {
  readonly inputs: number;
  readonly seed?: number;
  readonly senders: number;
  readonly engine: "level" | "memory";
}

const mib = (kib: number): string => `${(kib / 1_024).toFixed(1)} MiB`;

async function run({ inputs, senders, engine, seed = Math.floor(Math.random() * 2 ** 30) }: Options): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "holdfast-fuzz-"));
  const server = await FuzzedServer.start(directory, engine);
  try {
    const onProgress = (done: number, rssKib: number): void => {
      if (process.stderr.isTTY)
        process.stderr.write(`\r${done.toLocaleString("en-US")} of ${inputs.toLocaleString("en-US")}, ${mib(rssKib)}   `);
    };
    const report = await fuzz(server, { inputs, seed, senders, onProgress });
    if (process.stderr.isTTY) process.stderr.write("\n");
    const rows = {
      seed,
      inputs: report.inputs.toLocaleString("en-US"),
      connections: report.connections.toLocaleString("en-US"),
      "duration, s": report.seconds.toFixed(1),
      "inputs per second": Math.round(report.inputs / report.seconds).toLocaleString("en-US"),
      "sockets before, after": `${report.socketsBefore}, ${report.socketsAfter}`,
      "memory after 25 %, end": `${mib(report.rss[Math.floor(report.rss.length / 4)]?.rssKib ?? 0)}, ${mib(report.rss.at(-1)?.rssKib ?? 0)}`,
      "slope, KiB per 1,000 inputs": report.slopeKibPer1000.toFixed(2),
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

program
  .name("npm run fuzz --")
  .description("Sends malformed requests, frames and packets to a server, and looks whether it lives, serves others, and keeps nothing.")
  .option("--inputs <n>", "how many", integer(1), 1_000_000)
  .option("--seed <n>", "the same inputs again (default: others each time)", integer(0))
  .option("--senders <n>", "connections at a time", integer(1), 8)
  .addOption(new Option("--engine <name>", "of the server").choices(["level", "memory"]).default("level"))
  .action(run);

await program.parseAsync();
process.exit();
