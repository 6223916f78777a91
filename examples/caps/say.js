// What the hub, the vendors and the drivers have in common: a coloured line for people, an event for the process that
// started them (run.js), and a tidy end.
import { styleText } from "node:util";

const COLOURS = ["cyan", "yellow", "magenta", "green", "blue", "red"];
const colourful = process.env.NO_COLOR === undefined && (process.stdout.isTTY === true || process.env.FORCE_COLOR !== undefined);

/** The same name always has the same colour. */
function coloured(who) {
  const sum = [...who].reduce((total, letter) => total + letter.charCodeAt(0), 0);
  const name = who.padEnd(14);
  return colourful ? styleText(COLOURS[sum % COLOURS.length], name) : name;
}

/**
 * Writes a line; `event` also goes to run.js, which judges by it whether anything was lost. By hand there is nobody to send
 * it to.
 */
export function tell(who, text, event) {
  console.log(`${coloured(who)} ${text}`);
  if (event !== undefined && process.connected) process.send({ who, ...event });
}

/** Calls `close` once, when the process is asked to end (Ctrl-C), or when the one that started it is gone; then ends. */
export function onStop(close) {
  let stopping = false;
  const stop = async () => {
    if (stopping) return;
    stopping = true;
    await close();
    process.exit();
  };
  for (const event of ["SIGINT", "SIGTERM"]) process.on(event, stop);
  if (process.connected) process.on("disconnect", stop);
}
