import type fc from "fast-check";
import type { Harness } from "../../packages/server/src/engines/conformance/harness.js";
import type { QueueModel } from "./queue-model.js";

/** Something that is done to an engine and to the model. Its name says what was chosen; the model's story what came of it. */
export type Command = fc.AsyncCommand<QueueModel, Harness>;

/** Commands of one kind, and how often they come beside the others. */
export interface Weighted {
  readonly weight: number;
  readonly arbitrary: fc.Arbitrary<Command>;
}

/** One of those there are, chosen by a number that means the same when the run is shrunk. */
export const pick = <Item>(items: readonly Item[], choice: number): Item | undefined => items[choice % Math.max(1, items.length)];

/** Names for a story. */
export const listed = (names: readonly string[]): string => (names.length === 0 ? "nothing" : names.join(", "));
