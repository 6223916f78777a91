const LOOK_MS = 200;
const GAP_MS_MIN = 1_500;
/** Of a gap, so much at most was work of this process. */
const BUSY_PART_MAX = 0.25;

/** Notices that the processes of this machine stood still: a suspended laptop, a paused virtual machine. */
export class Standstill {
  readonly #timer: NodeJS.Timeout;
  #lookedMs = performance.now();
  #busyUs = busyUs();
  #ms = 0;

  constructor() {
    this.#timer = setInterval(() => this.#look(), LOOK_MS).unref();
  }

  #look(): void {
    const [now, busy] = [performance.now(), busyUs()];
    const gapMs = now - this.#lookedMs;
    // What this process was busy with is no standstill.
    if (gapMs > GAP_MS_MIN && (busy - this.#busyUs) / 1_000 < gapMs * BUSY_PART_MAX) this.#ms += gapMs;
    [this.#lookedMs, this.#busyUs] = [now, busy];
  }

  /** How long they did so far. */
  get ms(): number {
    return Math.round(this.#ms);
  }

  end(): void {
    clearInterval(this.#timer);
  }
}

function busyUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}
