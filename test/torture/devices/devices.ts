import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { setPriority } from "node:os";
import { fileURLToPath } from "node:url";
import { pause } from "../pause.js";
import type { DevicesSpec, DevicesWord } from "./spec.js";

const PROGRAM = fileURLToPath(new URL("./torture-devices.js", import.meta.url));
/** They stand for other machines, so they leave the server its processor. */
const NICENESS = 10;
const POLL_MS = 50;
/** Without anything new for so long they are stuck. */
const STUCK_MS = 60_000;

/** Devices of one room, in a process of their own. */
export class Devices {
  readonly #child: ChildProcess;
  #word: DevicesWord = { least: 0, heard: 0, wrong: [] };

  constructor(spec: DevicesSpec) {
    this.#child = fork(PROGRAM, [JSON.stringify(spec)], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
    if (this.#child.pid !== undefined) setPriority(this.#child.pid, NICENESS);
    this.#child.on("message", (word: DevicesWord) => {
      this.#word = word;
    });
  }

  get heard(): number {
    return this.#word.heard;
  }

  get wrong(): readonly string[] {
    return this.#word.wrong;
  }

  /** Waits until each of them has heard so many messages, or something is wrong. */
  async have(count: number): Promise<void> {
    let [before, sinceMs] = [this.heard, performance.now()];
    while (this.#word.least < count && this.wrong.length === 0) {
      if (this.heard > before) [before, sinceMs] = [this.heard, performance.now()];
      if (performance.now() > sinceMs + STUCK_MS)
        throw new Error(`a device has ${this.#word.least} of ${count} messages, and no more come`);
      await pause(POLL_MS);
    }
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, "exit");
    if (this.#child.connected) this.#child.send("end");
    await exit;
  }
}
