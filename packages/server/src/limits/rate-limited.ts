import { HoldfastError } from "holdfast-client/protocol";

/** `RATE_LIMITED`, with the time after which the same may be asked again. */
export class RateLimited extends HoldfastError {
  readonly retryAfterMs: number;

  /** @param why who asked for how much, and what is allowed */
  constructor(why: string, retryAfterMs: number) {
    super("RATE_LIMITED", `${why}; again in ${retryAfterMs} ms`);
    this.retryAfterMs = retryAfterMs;
  }
}
