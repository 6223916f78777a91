import { expect, it } from "vitest";
import { Suite } from "./suite.js";
import { TOPICS } from "./test-engine.js";

/** The promises that engines keep: DESIGN.md, section 2. */
const PROMISES = [
  "P1",
  "P2",
  "P3",
  "P4",
  "P5",
  "L1",
  "L2",
  "L3",
  "L4",
  "L5",
  "O1",
  "O2",
  "O3",
  "O4",
  "D1",
  "T1",
  "T2",
  "G1",
  "S1",
  "S2",
  "S3",
  "S4",
  "C1",
  "C2",
];

/** Registers nothing, and keeps the names of all cases. */
class Names extends Suite {
  readonly names: string[] = [];

  override case(name: string): void {
    this.names.push(name);
  }

  override topic(_name: string, register: () => void): void {
    register();
  }
}

/** The names of all cases, of an engine that is able to do everything. */
function caseNames(): string[] {
  const unused = (): never => {
    throw new Error("no engine is opened for a name");
  };
  const suite = new Names({ supports: { reopen: true, crash: true, failures: true }, host: unused });
  for (const topic of TOPICS) topic(suite);
  return suite.names;
}

/** What a name begins with: the promises that its case would catch a break of. */
const promisesOf = (name: string): string[] => name.split(":", 1)[0]?.match(/\b[A-Z]\d\b/g) ?? [];

it("every promise has a case that is named by it", () => {
  const named = new Set(caseNames().flatMap(promisesOf));
  expect(PROMISES.filter((promise) => !named.has(promise))).toEqual([]);
});
