// The people of the parcel service as processes of their own, and what they report.
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

export class Day {
  /** Everything that was reported, in the order in which it came. */
  events = [];
  #running = new Set();
  #wakes = [];
  /** Why the day cannot go on. */
  #failure;

  /** @param patienceMs how long the whole day may take */
  constructor(patienceMs) {
    AbortSignal.timeout(patienceMs).addEventListener("abort", () => this.#fail(`it took longer than ${patienceMs} ms`));
  }

  /** Starts hub.js, vendor.js or driver.js; its lines go where ours go. */
  start(script, ...args) {
    const person = fork(fileURLToPath(new URL(script, import.meta.url)), args, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    this.#running.add(person);
    person.once("exit", (code) => {
      // Those that are asked to end were taken out before.
      if (this.#running.delete(person)) this.#fail(`${[script, ...args].join(" ")} ended by itself with ${code}`);
    });
    person.on("message", (event) => {
      this.events.push(event);
      this.#wake();
    });
    return person;
  }

  #fail(why) {
    this.#failure ??= new Error(why);
    this.#wake();
  }

  #wake() {
    for (const wake of this.#wakes.splice(0)) wake();
  }

  /** Ends one of them: `SIGTERM` lets it finish what it is at, `SIGKILL` does not. */
  async end(person, signal = "SIGTERM") {
    if (!this.#running.delete(person)) return;
    person.kill(signal);
    await once(person, "exit");
  }

  /** Ends everybody, the hub last, since the others still have something to say to it. */
  async endAll() {
    const isHub = ({ spawnargs }) => spawnargs.some((argument) => argument.endsWith("hub.js"));
    const people = [...this.#running];
    for (const group of [people.filter((person) => !isHub(person)), people.filter(isHub)])
      await Promise.all(group.map((person) => this.end(person)));
  }

  /** What was done, by whom if that is given, since the event of that number. */
  did(what, who, since = 0) {
    return this.events.slice(since).filter((event) => event.did === what && (who === undefined || event.who === who));
  }

  /** Waits for `holds`, which is asked after each report. Rejects when somebody ended by itself, or the day takes too long. */
  async until(holds) {
    while (!holds()) {
      if (this.#failure !== undefined) throw this.#failure;
      await new Promise((resolve) => this.#wakes.push(resolve));
    }
  }
}
