import { HoldfastError } from "holdfast-client/protocol";
import { messageOf } from "./looked.js";

/** What a call fails with that the store failed under. */
export const unknownOutcome = (cause: unknown): HoldfastError =>
  new HoldfastError("UNKNOWN", `the store failed, so whether this was stored is not known: ${messageOf(cause)}`);
