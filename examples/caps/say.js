// What the hub, the vendors and the drivers have in common: a coloured line for people, an event for the process that
// started them (run.js), and a tidy end.
import { styleText } from "node:util";

const COLOURS = ["cyan", "yellow", "magenta", "green", "blue", "red"];
const colourful = process.env.NO_COLOR === undefined && (process.stdout.isTTY === true || process.env.FORCE_COLOR !== undefined);

/** The same name always has the same colour, in each of the processes; news of the day are bold. */
function coloured(who) {
  const name = who.padEnd(14);
  if (!colourful) return name;
  const hash = [...who].reduce((sum, letter) => (sum * 7 + letter.charCodeAt(0)) % 997, 0);
  return styleText(who === "---" ? "bold" : COLOURS[hash % COLOURS.length], name);
}

/**
 * Writes a line; `event` also goes to run.js, which judges by it whether anything was lost. By hand there is nobody to send
 * it to.
 */
export function tell(who, text, event) {
  console.log(`${coloured(who)} ${text}`);
  if (event !== undefined && process.connected) process.send({ who, ...event });
}

/** How long that may take, when the hub is away for example. */
const CLOSE_MAX_MS = 10_000;

/**
 * Calls `close` once, when the process is asked to end (Ctrl-C), or when the one that started it is gone; then ends.
 *
 * @returns a signal that is aborted from then on
 */
export function onStop(close) {
  const stopping = new AbortController();
  const stop = async () => {
    if (stopping.signal.aborted) return;
    stopping.abort();
    setTimeout(() => process.exit(1), CLOSE_MAX_MS).unref();
    await close();
    process.exit();
  };
  for (const event of ["SIGINT", "SIGTERM"]) process.on(event, stop);
  if (process.connected) process.on("disconnect", stop);
  return stopping.signal;
}
