import { afterEach, beforeEach, expect } from "vitest";
import { type Ended, Shell } from "./cli-process.js";

/** The command line beside a server, which each test of a file has for itself. */
export class ServedShell {
  shell = new Shell();
  url = "";

  /** Starts a server before each test of the file that calls this, and ends it afterwards. */
  static forEachTest(): ServedShell {
    const served = new ServedShell();
    beforeEach(async () => {
      served.shell = new Shell();
      served.url = (await served.shell.serve(served.shell.directory())).url;
    });
    afterEach(() => served.shell.close());
    return served;
  }

  /** Runs a command against the server. */
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
