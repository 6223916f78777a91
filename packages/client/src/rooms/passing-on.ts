import type { Answers } from "./settling.js";

const DELAY_MS_MAX = 31_536_000_000;

/**
 * The acknowledgement callback of a message that came in a frame and goes to listeners of the application: what it is
 * called with means what it means to the server. Only its first call counts.
 */
export function callbackFor(sequence: number, answers: Answers): (...answer: readonly unknown[]) => void {
  let called = false;
  return (...answer) => {
    if (called) return;
    called = true;
    const [said] = answer;
    if (said === undefined || said === null || isAck(said)) answers.ack(sequence);
    else if (isNack(said)) answers.nack(sequence, said.nack);
    // Anything else is as no answer: it comes again.
  };
}

const isAck = (said: unknown): boolean => (said as { ack?: unknown }).ack === true;

function isNack(said: unknown): said is { nack: { delayMs?: number } } {
  const { nack } = said as { nack?: { delayMs?: unknown } };
  if (typeof nack !== "object" || nack === null) return false;
  const { delayMs = 0 } = nack;
  return Number.isInteger(delayMs) && (delayMs as number) >= 0 && (delayMs as number) <= DELAY_MS_MAX;
}
