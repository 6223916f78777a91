import type { GrantInput } from "./grants.js";

/** What the configured roles may do. A role that is not there grants nothing. */
export class Roles {
  readonly #byName: ReadonlyMap<string, GrantInput>;

  constructor(roles: Readonly<Record<string, GrantInput>>) {
    this.#byName = new Map(Object.entries(roles));
  }

  grantsOf(names: readonly string[]): GrantInput[] {
    return names.flatMap((name) => this.#byName.get(name) ?? []);
  }
}
