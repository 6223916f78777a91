import type { World } from "../world.js";

/** Something that may happen next in a run. */
export interface Operation {
  readonly name: string;
  /** How often, against the others; each run varies it. */
  readonly weight: number;
  /** Begins it; what it starts goes on in virtual time. Returns whether there was anything to do. */
  run(world: World): boolean;
}
