import { type Command, InvalidArgumentError, program } from "commander";
import { benchBacklog } from "./backlog.js";
import { benchDeadLetters } from "./dead-letters.js";
import { benchDelayed } from "./delayed.js";
import { benchFloods } from "./floods.js";
import { benchKeys } from "./keys.js";
import { benchOrder } from "./order.js";
import { benchAttached, benchLimits, benchQueue } from "./queue.js";
import { benchQueues } from "./queues.js";
import { benchRooms, ROOM_PARTS } from "./rooms.js";
import { benchStored } from "./stored.js";
import { benchSurvivors } from "./survivors.js";

const count = (text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError(`${text} is not a number of 1 or more.`);
  return value;
};

const niceness = (text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > 19) throw new InvalidArgumentError(`${text} is not a number from 0 to 19.`);
  return value;
};

program.name("npm run bench --").description("Compares Holdfast with plain Socket.IO on this machine, in one run.");

/** What several of them have, by flag. */
const SIZES = {
  rounds: "rounds of each, in turn",
  messages: "messages of a round, or in all",
  window: "messages or calls under way at most",
  "body-bytes": "bytes of a JSON body",
} as const;

/** A benchmark with those of the sizes that it names a default for; what is its own alone is added to what this returns. */
function bench(name: string, description: string, defaults: Partial<Record<keyof typeof SIZES, number>>): Command {
  const command = program.command(name).description(description);
  for (const [flag, what] of Object.entries(SIZES)) {
    const value = defaults[flag as keyof typeof SIZES];
    if (value !== undefined) command.option(`--${flag} <n>`, what, count, value);
  }
  return command.option("--directory <path>", "where the stores are made; a disk, not a tmpfs", ".");
}

const message = { window: 1_000, "body-bytes": 256 };

bench("queue", "durable publish -> handler -> ack against plain emitWithAck without storage", {
  rounds: 5,
  messages: 200_000,
  ...message,
}).action(benchQueue);

bench("attached", "CPU of plain Socket.IO traffic with Holdfast attached against without", {
  rounds: 11,
  messages: 200_000,
  ...message,
}).action(benchAttached);

bench("limits", "CPU of a message with tokens, permissions and every limit on what clients may ask for, against an open server without", {
  rounds: 11,
  messages: 100_000,
  ...message,
}).action(benchLimits);

bench("floods", "p99 of one client's messages while another floods the server, against nobody else", {
  rounds: 5,
  messages: 20_000,
}).action(benchFloods);

bench("order", "ordering by key (uniform and Zipf) and fifo against none, with four consumers", {
  rounds: 5,
  messages: 100_000,
  ...message,
}).action(benchOrder);

bench("backlog", "a large backlog: memory, restart, drain rate, disk space", { messages: 1_000_000 }).action(benchBacklog);

bench("dead-letters", "every message rejected against every message acked", {
  rounds: 5,
  messages: 100_000,
  ...message,
}).action(benchDeadLetters);

bench("delayed", "messages that become due at once against as many that are ready, drained from the store", {
  rounds: 3,
  messages: 1_000_000,
  ...message,
})
  .option("--due-ms <n>", "when they become due, after the first is stored", count, 120_000)
  .action(benchDelayed);

bench("queues", "many queues with a consumer each against one queue, same traffic, same clients", {
  rounds: 3,
  messages: 200_000,
  ...message,
})
  .option("--queues <n>", "queues", count, 10_000)
  .option("--clients <n>", "connections that publish and consume", count, 4)
  .action(benchQueues);

bench("keys", "keys that never come again, on a queue ordered by key: what the server's memory keeps of them", {
  messages: 10_000_000,
  window: 1_000,
  "body-bytes": 64,
})
  .option("--steps <n>", "how often memory is looked at", count, 10)
  .action(benchKeys);

bench("survivors", "one message of each stored block stays in flight: live bytes against stored bytes", {
  messages: 1_000_000,
  "body-bytes": 256,
})
  .option("--every <n>", "messages of a commit, one of which survives", count, 200)
  .action(benchSurvivors);

bench("stored", "throughput while the store holds many messages, in another queue and in the same, against an empty store", {
  rounds: 5,
  messages: 200_000,
  ...message,
})
  .option("--stored <n>", "messages stored", count, 10_000_000)
  .action(benchStored);

const parts = (text: string): string[] => {
  const names = text.split(",");
  const unknown = names.find((name) => !ROOM_PARTS.includes(name));
  if (unknown !== undefined) throw new InvalidArgumentError(`${unknown} is none of ${ROOM_PARTS.join(", ")}.`);
  return names;
};

bench("rooms", "durable rooms against io.to(room).emit: live members, catching up, coming back at once, members who are away", {
  rounds: 5,
  "body-bytes": 256,
})
  .option("--parts <names>", `which of ${ROOM_PARTS.join(", ")}`, parts, ROOM_PARTS)
  .option("--seconds <n>", "length of a round", count, 5)
  .option("--members <n>", "live members", count, 1_000)
  .option("--processes <n>", "processes of members", count, 2)
  .option("--burst <n>", "messages of a burst", count, 10)
  .option("--missed <n>", "messages that one device missed", count, 1_000_000)
  .option("--devices <n>", "devices that come back at once", count, 1_000)
  .option("--behind <n>", "messages that each of them missed", count, 10_000)
  .option("--niceness <n>", "by how much their processes give way to the server, as if on machines of their own", niceness, 10)
  .option("--away <n>", "members of whom most are away", count, 10_000)
  .option("--online <n>", "those of them who are not", count, 100)
  .action(benchRooms);

await program.parseAsync();
