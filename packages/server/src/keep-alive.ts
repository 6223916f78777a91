import { TIMER_MS_MAX } from "./clock.js";

const held = new Set<symbol>();
let timer: NodeJS.Timeout | undefined;

/**
 * Keeps the process running while something is under way that has no socket of its own: the timers of an engine do not, so
 * that they hold up no process that is at its end.
 *
 * @returns ends that; again changes nothing
 */
export function keepAlive(): () => void {
  const hold = Symbol();
  held.add(hold);
  timer ??= setInterval(() => undefined, TIMER_MS_MAX);
  return () => {
    held.delete(hold);
    if (held.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}
