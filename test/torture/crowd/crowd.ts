import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { setPriority } from "node:os";
import { fileURLToPath } from "node:url";
import { pause } from "../pause.js";
import type { CrowdOrder, CrowdSpec, CrowdWord } from "./spec.js";

const PROGRAM = fileURLToPath(new URL("./torture-crowd.js", import.meta.url));
/** They stand for other machines, so they leave the server its processor. */
const NICENESS = 10;
const POLL_MS = 20;
const WAIT_MS = 180_000;

/** Many clients of one server, in a few processes. */
export class Crowd {
  readonly clients: number;
  readonly #children: readonly ChildProcess[];
  readonly #here = new Map<ChildProcess, number>();

  /** @param processes that share the clients */
  constructor(spec: Omit<CrowdSpec, "name">, processes = 2) {
    this.clients = spec.clients;
    this.#children = Array.from({ length: processes }, (_, position) => {
      const share = Math.floor((spec.clients + position) / processes);
      const child = fork(PROGRAM, [JSON.stringify({ ...spec, name: `crowd-${position}`, clients: share })], {
        stdio: ["ignore", "ignore", "inherit", "ipc"],
      });
      if (child.pid !== undefined) setPriority(child.pid, NICENESS);
      child.on("message", ({ here }: CrowdWord) => this.#here.set(child, here));
      return child;
    });
  }

  /** How many of them are there now, and can be served. */
  get here(): number {
    return [...this.#here.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Waits until all of them are there. */
  async gathered(): Promise<void> {
    const deadline = performance.now() + WAIT_MS;
    while (this.here < this.clients) {
      if (performance.now() > deadline) throw new Error(`${this.here} of ${this.clients} clients are there after ${WAIT_MS} ms`);
      await pause(POLL_MS);
    }
  }

  /** Waits until none of them is. */
  async scattered(): Promise<void> {
    while (this.here > 0) await pause(POLL_MS);
  }

  /** They read nothing any more; a part of them does so a little, now and then. */
  stopReading(slowPart: number): void {
    for (const child of this.#children) this.#tell(child, { order: "stop reading", slow: Math.round(this.#share(slowPart)) });
  }

  #share(part: number): number {
    return (this.clients / this.#children.length) * part;
  }

  #tell(child: ChildProcess, order: CrowdOrder): void {
    if (child.connected) child.send(order);
  }

  async leave(): Promise<void> {
    const ends = this.#children
      .filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null)
      .map((child) => once(child, "exit"));
    for (const child of this.#children) this.#tell(child, { order: "leave" });
    await Promise.all(ends);
  }
}
