import { InvalidArgumentError, program } from "commander";
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
  .command("limits")
  .description("CPU of a message with tokens, permissions and every limit on what clients may ask for, against an open server without")
  .option("--rounds <n>", "rounds of each, in turn", count, 11)
  .option("--messages <n>", "messages a round", count, 100_000)
  .option("--window <n>", "unconfirmed messages at most", count, 1_000)
  .option("--body-bytes <n>", "bytes of a JSON body", count, 256)
  .option("--directory <path>", "where the stores are made; a disk, not a tmpfs", ".")
  .action(benchLimits);

program
  .command("floods")
  .description("p99 of one client's messages while another floods the server, against nobody else")
  .option("--rounds <n>", "rounds of each, in turn", count, 5)
  .option("--messages <n>", "messages a round", count, 20_000)
  .option("--directory <path>", "where the stores are made; a disk, not a tmpfs", ".")
  .action(benchFloods);

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

program
  .command("dead-letters")
  .description("every message rejected against every message acked")
  .option("--rounds <n>", "rounds of each, in turn", count, 5)
  .option("--messages <n>", "messages a round", count, 100_000)
  .option("--window <n>", "unconfirmed messages at most", count, 1_000)
  .option("--body-bytes <n>", "bytes of a JSON body", count, 256)
  .option("--directory <path>", "where the stores are made; a disk, not a tmpfs", ".")
  .action(benchDeadLetters);

program
  .command("delayed")
  .description("messages that become due at once against as many that are ready, drained from the store")
  .option("--rounds <n>", "rounds of each, in turn", count, 3)
  .option("--messages <n>", "messages a round", count, 1_000_000)
  .option("--due-ms <n>", "when they become due, after the first is stored", count, 120_000)
  .option("--window <n>", "deliveries in flight at most", count, 1_000)
  .option("--body-bytes <n>", "bytes of a JSON body", count, 256)
  .option("--directory <path>", "where the stores are made; a disk, not a tmpfs", ".")
  .action(benchDelayed);

program
  .command("queues")
  .description("many queues with a consumer each against one queue, same traffic, same clients")
  .option("--rounds <n>", "rounds of each, in turn", count, 3)
  .option("--messages <n>", "messages a round", count, 200_000)
  .option("--queues <n>", "queues", count, 10_000)
  .option("--clients <n>", "connections that publish and consume", count, 4)
  .option("--window <n>", "unconfirmed messages at most", count, 1_000)
  .option("--body-bytes <n>", "bytes of a JSON body", count, 256)
  .option("--directory <path>", "where the stores are made; a disk, not a tmpfs", ".")
  .action(benchQueues);

program
  .command("keys")
  .description("keys that never come again, on a queue ordered by key: what the server's memory keeps of them")
  .option("--messages <n>", "messages, each with a key of its own", count, 10_000_000)
  .option("--steps <n>", "how often memory is looked at", count, 10)
  .option("--window <n>", "unconfirmed messages at most", count, 1_000)
  .option("--body-bytes <n>", "bytes of a JSON body", count, 64)
  .option("--directory <path>", "where the stores are made; a disk, not a tmpfs", ".")
  .action(benchKeys);

program
  .command("survivors")
  .description("one message of each stored block stays in flight: live bytes against stored bytes")
  .option("--messages <n>", "messages stored", count, 1_000_000)
  .option("--every <n>", "messages of a commit, one of which survives", count, 200)
  .option("--body-bytes <n>", "bytes of a JSON body", count, 256)
  .option("--directory <path>", "where the stores are made; a disk, not a tmpfs", ".")
  .action(benchSurvivors);

program
  .command("stored")
  .description("throughput while the store holds many messages, in another queue and in the same, against an empty store")
  .option("--rounds <n>", "rounds of each, in turn", count, 5)
  .option("--stored <n>", "messages stored", count, 10_000_000)
  .option("--messages <n>", "messages a round", count, 200_000)
  .option("--window <n>", "unconfirmed messages at most", count, 1_000)
  .option("--body-bytes <n>", "bytes of a JSON body", count, 256)
  .option("--directory <path>", "where the stores are made; a disk, not a tmpfs", ".")
  .action(benchStored);

const parts = (text: string): string[] => {
  const names = text.split(",");
  const unknown = names.find((name) => !ROOM_PARTS.includes(name));
  if (unknown !== undefined) throw new InvalidArgumentError(`${unknown} is none of ${ROOM_PARTS.join(", ")}.`);
  return names;
};

program
  .command("rooms")
  .description("durable rooms against io.to(room).emit: live members, catching up, coming back at once, members who are away")
  .option("--parts <names>", `which of ${ROOM_PARTS.join(", ")}`, parts, ROOM_PARTS)
  .option("--rounds <n>", "rounds of each, in turn", count, 5)
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
  .option("--body-bytes <n>", "bytes of a JSON body", count, 256)
  .option("--directory <path>", "where the stores are made; a disk, not a tmpfs", ".")
  .action(benchRooms);

await program.parseAsync();
