import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { HoldfastError } from "holdfast-client/protocol";
import { addBackup } from "./backup.js";
import { addBench } from "./bench.js";
import { addBlocked } from "./blocked.js";
import { addDelete } from "./delete.js";
import { addMembers } from "./members.js";
import { addPeek } from "./peek.js";
import { addReceipts } from "./receipts.js";
import { addRooms } from "./rooms.js";
import { addConsume } from "./consume.js";
import { addDead } from "./dead.js";
import { addDefine } from "./define.js";
import { addDoctor } from "./doctor.js";
import { addEmit } from "./emit.js";
import { CommandError, EXIT, EXIT_CODES_HELP, type ExitCode, exitCodeOf } from "./exit-codes.js";
import { addJoin } from "./join.js";
import { addKey } from "./key.js";
import { oneLine } from "./one-line.js";
import { addPublish } from "./publish.js";
import { addQueues } from "./queues.js";
import { addRequest } from "./request.js";
import { addRestore } from "./restore.js";
import { addSchedule } from "./schedule.js";
import { addServe } from "./serve.js";
import { addStats } from "./stats.js";
import { addUpkeep } from "./upkeep.js";

const HELP = `
Examples:
  $ holdfast serve
  $ echo '{"item":"cod"}' | holdfast publish orders
  $ holdfast consume orders --until-empty
  $ holdfast join kitchen --user bob
  $ holdfast emit kitchen order '{"table":4}'
  $ holdfast stats

HOLDFAST_URL is the server when --url is not given, HOLDFAST_TOKEN the token or API key where the server asks for one.
${EXIT_CODES_HELP}`;

const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { version: string };

const program = new Command("holdfast")
  .description("Durable queues and rooms over Socket.IO: run a server, publish, consume, ask, emit, join, look.")
  .version(version)
  .addHelpText("after", HELP)
  .exitOverride()
  .configureOutput({ outputError: (text, write) => write(`holdfast: ${oneLine(text.replace(/^error: /, "").trimEnd())}\n`) });

addServe(program);
addPublish(program);
addConsume(program);
addRequest(program);
addEmit(program);
addJoin(program);
addReceipts(program);
addStats(program);
addDefine(program);
addDelete(program);
addQueues(program);
addRooms(program);
addMembers(program);
addPeek(program);
addDead(program);
addBlocked(program);
addUpkeep(program);
addSchedule(program);
addKey(program);
addBackup(program);
addRestore(program);
addDoctor(program);
addBench(program);

// For help and single answers: `LineWriter` watches its output itself. A reader that closes the pipe has seen enough.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") process.exitCode = tell(new CommandError(EXIT.failure, `standard output: ${error.message}`));
});

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = tell(error);
}

/** Says on standard error, in one line, why the command failed; returns its exit code. */
function tell(error: unknown): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`holdfast: ${oneLine(message)}\n`);
  if (error instanceof CommandError) return error.exitCode;
  return error instanceof HoldfastError ? exitCodeOf(error.code) : EXIT.failure;
}
