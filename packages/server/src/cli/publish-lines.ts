import type { Holdfast } from "holdfast-client";
import { type ConnectionFlags, withServer } from "./connection.js";
import { LineWriter, openStdout } from "./line-writer.js";
import { FINISHING, Progress } from "./progress.js";
import { Publisher, type PublisherOptions } from "./publisher.js";
import { Interruption } from "./signals.js";
import { Stall } from "./stall.js";

/** How lines become messages. */
export type LineForm = Omit<ConstructorParameters<typeof Publisher>[0], "verb" | "skipInvalid" | "receipts">;

export interface LineFlags extends ConnectionFlags {
  readonly skipInvalid?: boolean;
  readonly json?: boolean;
}

/**
 * Publishes standard input line by line to what `targetOf` gives, shows how far it is, and tells the counts at the end.
 *
 * @param verb what happens to lines, `published` or `emitted`
 * @param name of the queue or room
 */
export async function publishLines(
  verb: PublisherOptions["verb"],
  name: string,
  form: LineForm,
  flags: LineFlags,
  targetOf: (holdfast: Holdfast) => Parameters<Publisher["run"]>[0],
  auth?: object,
): Promise<void> {
  const { skipInvalid = false, json = false } = flags;
  const interruption = new Interruption();
  let away = false;
  const progress = new Progress(`${verb} to ${name}`);
  interruption.signal.addEventListener("abort", () => progress.state(FINISHING));
  const receipts = json ? new LineWriter(openStdout(), () => undefined) : undefined;
  const publisher = new Publisher({ ...form, verb, skipInvalid, receipts }, progress);
  const stall = new Stall(progress, () => {
    if (publisher.waiting === 0) return "";
    return `${publisher.waiting} to be ${verb}, and ${away ? "the server is away" : `${name} may be full (its limits, or the disk), or its store has stopped (the log says why)`}; waiting`;
  });
  try {
    await withServer(
      flags,
      (holdfast) => publisher.run(targetOf(holdfast), process.stdin, interruption.signal),
      (isAway) => {
        away = isAway;
        progress.state(away ? "(waiting for the server)" : "");
      },
      auth,
    );
    progress.stop();
    process.stderr.write(`${publisher.summary()}\n`);
  } catch (error) {
    progress.stop();
    throw publisher.withCounts(error);
  } finally {
    stall.stop();
    interruption.dispose();
    // There may be more to read; nobody does, and it must not keep the process.
    process.stdin.destroy();
  }
}
