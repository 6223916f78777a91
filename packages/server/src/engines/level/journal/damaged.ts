import { HoldfastError } from "holdfast-client/protocol";

/** The journal is not as the last life left it, so what it says cannot be relied on. */
export const damaged = (what: string): HoldfastError => new HoldfastError("ENGINE_UNAVAILABLE", `the journal is damaged: ${what}`);
