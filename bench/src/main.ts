import { InvalidArgumentError, program } from "commander";
import { benchBacklog } from "./backlog.js";
import { benchOrder } from "./order.js";
import { benchAttached, benchQueue } from "./queue.js";

const count = (text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError(`${text} is not a number of 1 or more.`);
  return value;
};

program.name("npm run bench --").description("Compares Holdfast with plain Socket.IO on this machine, in one run.");

program
  .command("queue")
  .description("durable publish -> handler -> ack against plain emitWithAck without storage")
  .option("--rounds <n>", "rounds of each, in turn", count, 5)
  .option("--messages <n>", "messages a round", count, 200_000)
  .option("--window <n>", "unconfirmed messages at most", count, 1_000)
  .option("--body-bytes <n>", "bytes of a JSON body", count, 256)
  .option("--directory <path>", "where the stores are made; a disk, not a tmpfs", ".")
  .action(benchQueue);

program
  .command("attached")
  .description("CPU of plain Socket.IO traffic with Holdfast attached against without")
  .option("--rounds <n>", "rounds of each, in turn", count, 11)
  .option("--messages <n>", "messages a round", count, 200_000)
  .option("--window <n>", "open calls at most", count, 1_000)
  .option("--body-bytes <n>", "bytes of a JSON body", count, 256)
  .option("--directory <path>", "where the stores are made; a disk, not a tmpfs", ".")
  .action(benchAttached);

program
  .command("order")
  .description("ordering by key (uniform and Zipf) and fifo against none, with four consumers")
  .option("--rounds <n>", "rounds of each, in turn", count, 5)
  .option("--messages <n>", "messages a round", count, 100_000)
  .option("--window <n>", "unconfirmed messages at most", count, 1_000)
  .option("--body-bytes <n>", "bytes of a JSON body", count, 256)
  .option("--directory <path>", "where the stores are made; a disk, not a tmpfs", ".")
  .action(benchOrder);

program
  .command("backlog")
  .description("a large backlog: memory, restart, drain rate, disk space")
  .option("--messages <n>", "messages stored", count, 1_000_000)
  .option("--directory <path>", "where the stores are made; a disk, not a tmpfs", ".")
  .action(benchBacklog);

await program.parseAsync();
