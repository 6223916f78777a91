import { createRequire } from "node:module";

/** The version of this package, as its `package.json` says. */
export const programVersion = (): string =>
  (createRequire(import.meta.url)("holdfast/package.json") as { readonly version: string }).version;
