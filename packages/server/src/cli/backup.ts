import { setTimeout as delay } from "node:timers/promises";
import type { Command } from "commander";
import type { Holdfast } from "holdfast-client";
import { admin } from "holdfast-client/admin";
import { type ConnectionFlags, withConnectionFlags, withServer } from "./connection.js";
import { CommandError, EXIT, EXIT_CODES_HELP, withoutServer } from "./exit-codes.js";
import { Progress } from "./progress.js";
import { Interruption } from "./signals.js";
import { bytes as shown } from "./table.js";

const HELP = `
A consistent copy of everything that the server stores, in all namespaces, while it goes on. The file is written here, under
its name only once it is whole, in place of one that had it; holdfast restore makes a directory of it. One backup at a time: the server
gives up one that nobody went on with for a minute.
Where the server asks for tokens only an operator may, in the namespace of administrators: --namespace /admin.

Examples:
  $ holdfast backup --output orders.hfbackup
  $ holdfast backup --output /var/backups/holdfast-$(date +%F).hfbackup --url https://example.org
  $ HOLDFAST_TOKEN=... holdfast backup --output orders.hfbackup --namespace /admin
${EXIT_CODES_HELP}`;

interface BackupFlags extends ConnectionFlags {
  readonly output: string;
  readonly json?: true;
}

export function addBackup(program: Command): void {
  withConnectionFlags(program.command("backup"))
    .description("Copy everything that a running server stores to a file.")
    .requiredOption("-o, --output <file>", "the file to write")
    .option("--json", "a JSON object instead of a sentence")
    .addHelpText("after", HELP)
    .action(backup);
}

async function backup(flags: BackupFlags): Promise<void> {
  const { placeOf } = await import("../backup/backup-file.js");
  await placeOf(flags.output).catch(withoutServer);
  const interruption = new Interruption();
  const progress = new Progress("KiB copied");
  try {
    const bytes = await withServer(
      flags,
      (holdfast) => copy(holdfast, flags.output, progress, interruption.signal),
      (away) => progress.state(away ? "server away" : ""),
    );
    progress.stop();
    const { output } = flags;
    process.stdout.write(flags.json ? `${JSON.stringify({ output, bytes })}\n` : `${shown(bytes)} written to ${output}\n`);
  } finally {
    progress.stop();
    interruption.dispose();
  }
}

async function copy(holdfast: Holdfast, path: string, progress: Progress, interrupted: AbortSignal): Promise<number> {
  const { writeBackup } = await import("../backup/backup-file.js");
  const chunks = admin(holdfast).backup();
  let told = 0;
  let bytes = 0;
  return writeBackup(
    {
      next: async () => {
        if (interrupted.aborted) throw new CommandError(EXIT.interrupted, `interrupted; ${path} was not written`);
        const next = await chunks.next();
        if (next.done === true) return { bytes: Buffer.alloc(0), done: true };
        bytes += next.value.length;
        progress.add(Math.floor(bytes / 1_024) - told);
        told = Math.floor(bytes / 1_024);
        return { bytes: Buffer.from(next.value), done: false };
      },
      close: async () => {
        await chunks.return();
        // What says that the rest is not wanted is still to be sent.
        await delay(0);
      },
    },
    path,
  );
}
