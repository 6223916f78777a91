import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest";
import { type Ended, Shell } from "./cli-process.js";

/** The command line beside a server, in which each test of a file has a namespace for itself. */
export class ServedShell {
  shell = new Shell();
  /** Of the server. */
  server = "";
  /** Of the namespace. */
  url = "";

  /** Starts a server for the tests of the file that calls this, and ends it afterwards. */
  static forEachTest(): ServedShell {
    const served = new ServedShell();
    const serving = new Shell();
    let tests = 0;
    beforeAll(async () => {
      served.server = (await serving.serve(serving.directory())).url;
    });
    beforeEach(() => {
      served.shell = new Shell();
      served.url = `${served.server}/test-${++tests}`;
    });
    afterEach(() => served.shell.close());
    afterAll(() => serving.close());
    return served;
  }

  /** Runs a command in the namespace. */
  readonly run = (...args: string[]): Promise<Ended> => this.shell.run([...args, "--url", this.url]);

  /** What a command writes that has nothing to complain of. */
  readonly output = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await this.run(...args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    return stdout;
  };
}

/** The objects of lines of JSON. */
export const objects = (lines: string): unknown[] =>
  lines
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as unknown);
