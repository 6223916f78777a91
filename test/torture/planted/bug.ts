import type { ViolationKind } from "../../simulation/checker.js";

/** A change of one place of a source. */
export interface Edit {
  /** Below `packages/server/src`. */
  readonly file: string;
  /** Text that the file has once. */
  readonly find: string;
  readonly replace: string;
}

/** What must find a bug, and what it must call it. */
export type CaughtBy =
  /** The simulation of row 8, and one of these in the history of a seed. */
  | { readonly by: "simulation"; readonly kinds: readonly ViolationKind[] }
  /** A real server that is killed while a consumer holds deliveries and devices hear rooms, and one of these in the history of a round. */
  | { readonly by: "kills"; readonly kinds: readonly ViolationKind[] }
  /** The conformance suite, and this of the name of a case that fails. */
  | { readonly by: "conformance"; readonly fails: RegExp }
  /** Loss of power as in row 3, and this of an image. */
  | { readonly by: "power"; readonly finds: RegExp };

/** A bug as a small patch of the real sources. */
export interface PlantedBug {
  readonly bug: string;
  readonly edits: readonly Edit[];
  readonly caught: CaughtBy;
}
