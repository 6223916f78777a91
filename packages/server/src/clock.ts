/** Time comes in through this, so that a test owns it and a run can be replayed. */
export interface Clock {
  /** Milliseconds since 1970. Never goes back: a jump of the system's clock while running is ignored (promise T1). */
  now(): number;
  /** The same as the system's clock shows it, jumps and all: for what others dated. Default: `now`. */
  wall?(): number;
  /** Calls `wake` once, at or after `at`; returns how to take that back. */
  wakeAt(at: number, wake: () => void): () => void;
  /** Calls `run` once, when what runs now has let others have their turn: work of one turn is done together. */
  soon(run: () => void): void;
}

/** `setTimeout` overflows past 24.8 days, so a longer wait is cut in pieces; waking early is harmless to callers. */
export const TIMER_MS_MAX = 2_000_000_000;

export const systemClock: Clock = {
  now: () => Math.floor(performance.timeOrigin + performance.now()),
  wall: () => Date.now(),
  wakeAt(at, wake) {
    const timer = setTimeout(wake, Math.min(Math.max(0, at - systemClock.now()), TIMER_MS_MAX));
    timer.unref();
    return () => clearTimeout(timer);
  },
  soon(run) {
    setImmediate(run);
  },
};
