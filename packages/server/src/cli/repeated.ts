import { Option } from "commander";

/** An option that may be given again; the values in their order, none unless given. */
export const repeated = (flags: string, description: string, parse: (text: string) => string): Option =>
  new Option(flags, description).argParser((text, before: readonly string[]) => [...before, parse(text)]).default([], "none");
