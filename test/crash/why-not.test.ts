import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { whyNoMount } from "./small-disk.js";
import { whyNoStrace } from "./strace.js";

let programs: string;

beforeEach(() => {
  programs = mkdtempSync(join(tmpdir(), "holdfast-programs-"));
  vi.stubEnv("PATH", programs);
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(programs, { recursive: true });
});

function install(name: string, text: string): void {
  const file = join(programs, name);
  writeFileSync(file, `#!/bin/sh\n${text}\n`);
  chmodSync(file, 0o755);
}

it("says that a program is not installed", () => {
  expect(whyNoStrace()).toBe("strace does not run: it is not installed");
  expect(whyNoMount()).toBe("no file system can be mounted: mount is not installed");
});

it("says in one line what a program said in several", () => {
  for (const name of ["strace", "mount"]) install(name, "printf 'not permitted\\n  (see dmesg)\\n' >&2; exit 32");
  expect(whyNoStrace()).toBe("strace may not trace: not permitted");
  expect(whyNoMount()).toBe("no file system can be mounted: not permitted");
});

it("says how a program ended that said nothing", () => {
  install("strace", "exit 3");
  install("mount", "kill -9 $$");
  expect(whyNoStrace()).toBe("strace may not trace: it ended with 3");
  expect(whyNoMount()).toBe("no file system can be mounted: mount ended with SIGKILL");
});
