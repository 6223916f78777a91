import { HoldfastError } from "holdfast-client/protocol";

/** A blob file is not as the last life left it, so values are lost. */
export const damaged = (what: string): HoldfastError => new HoldfastError("ENGINE_UNAVAILABLE", `the store is damaged: ${what}`);
