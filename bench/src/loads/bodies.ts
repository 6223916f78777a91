/** What the load processes send, and how they keep a window of calls open. */

export interface Body {
  readonly at: number;
  readonly text: string;
}

export const nowUs = (): number => Math.round(performance.now() * 1_000);

/** Makes bodies of that many bytes of JSON, each with the time. */
export const bodyOf = (bodyBytes: number): (() => Body) => {
  const text = "x".repeat(Math.max(0, bodyBytes - JSON.stringify({ at: nowUs(), text: "" }).length));
  return () => ({ at: nowUs(), text });
};

/** Keeps `window` calls of `send` open until `messages` were sent. */
export async function inWindow(messages: number, window: number, send: () => Promise<unknown>): Promise<void> {
  let left = messages;
  const loop = async (): Promise<void> => {
    while (left > 0) {
      left--;
      await send();
    }
  };
  await Promise.all(Array.from({ length: window }, loop));
}

/** Resolves when nothing is left in the queue. */
export async function empty(stats: () => Promise<{ readonly ready: number; readonly inFlight: number }>): Promise<void> {
  for (;;) {
    const { ready, inFlight } = await stats();
    if (ready + inFlight === 0) return;
  }
}
