import { connect, type Holdfast } from "holdfast-client";
import { type DevicesSpec, type DevicesWord, EVENT, userOf } from "./spec.js";

const WRONG_MAX = 10;
const SAY_EVERY_MS = 100;

/** One device: it must hear 1, 2, 3, and so on, each once. */
class Device {
  readonly client: Holdfast;
  last = 0;

  constructor({ url, room }: DevicesSpec, user: string, wrong: string[]) {
    this.client = connect(url, { forceNew: true, auth: { user } });
    const kitchen = this.client.room(room);
    const complain = (what: string): void => {
      if (wrong.length < WRONG_MAX) wrong.push(`${user} in ${room}: ${what}`);
    };
    void kitchen.on<[number]>(EVENT, (number, { redelivered }) => {
      if (number <= this.last) {
        if (!redelivered) complain(`${number} came after ${this.last}`);
        return;
      }
      if (number !== this.last + 1) complain(`${number} came after ${this.last}`);
      this.last = number;
    });
    void kitchen.onGap(({ from, to, reason }) => complain(`a gap from ${from} to ${to}: ${reason}`));
  }
}

const spec = JSON.parse(process.argv[2] ?? "") as DevicesSpec;
const wrong: string[] = [];
const devices = Array.from({ length: spec.count }, (_, index) => new Device(spec, userOf(spec.first + index), wrong));

setInterval(() => {
  const lasts = devices.map(({ last }) => last);
  const word: DevicesWord = { least: Math.min(...lasts), heard: lasts.reduce((sum, last) => sum + last, 0), wrong };
  process.send?.(word);
}, SAY_EVERY_MS);

process.once("message", () => process.exit());
