// The people of the parcel service as processes of their own, and what they report.
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

export class Day {
  /** Everything that was reported, in the order in which it came. */
  events = [];
  #running = new Set();
  #wakes = [];
  #patience;

  /** @param patienceMs how long the whole day may take */
  constructor(patienceMs) {
    this.#patience = AbortSignal.timeout(patienceMs);
    this.#patience.addEventListener("abort", () => this.#wake());
  }

  /** Starts hub.js, vendor.js or driver.js; its lines go where ours go. */
  start(script, ...args) {
    const person = fork(fileURLToPath(new URL(script, import.meta.url)), args, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    this.#running.add(person);
    person.once("exit", () => this.#running.delete(person));
    person.on("message", (event) => {
      this.events.push(event);
      this.#wake();
    });
    return person;
  }

  #wake() {
    for (const wake of this.#wakes.splice(0)) wake();
  }

  /** Ends one of them: `SIGTERM` lets it finish what it is at, `SIGKILL` does not. */
  async end(person, signal = "SIGTERM") {
    if (person.exitCode !== null || person.signalCode !== null) return;
    person.kill(signal);
    await once(person, "exit");
  }

  async endAll() {
    await Promise.all([...this.#running].map((person) => this.end(person)));
  }

  /** What was done, by whom if that is given, since the event of that number. */
  did(what, who, since = 0) {
    return this.events.slice(since).filter((event) => event.did === what && (who === undefined || event.who === who));
  }

  /** Waits for `holds`, which is asked after each report. Rejects when the day takes too long. */
  async until(holds) {
    while (!holds()) {
      this.#patience.throwIfAborted();
      await new Promise((resolve) => this.#wakes.push(resolve));
    }
  }
}
