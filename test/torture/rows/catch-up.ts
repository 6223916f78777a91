import { join } from "node:path";
import { connect, type Holdfast } from "holdfast-client";
import { freePort, ServerProcess } from "../../crash/server-process.js";
import { Administrator } from "../administrator.js";
import { Devices } from "../devices/devices.js";
import { EVENT, userOf } from "../devices/spec.js";
import { pause } from "../pause.js";
import { type Row, scaled } from "../row.js";

const DEVICES = 1_000;
const DEVICES_MIN = 20;
const BEHIND = 10_000;
const BEHIND_MIN = 500;
/** One device, in a room of its own. */
const FAR_BEHIND = 1_000_000;
const FAR_BEHIND_MIN = 5_000;
const PROCESSES = 2;
const LIVE_EVERY_MS = 20;
const WINDOW = 500;
const ROOMS = { many: "kitchen", one: "cellar" } as const;
const CLOSE_MS = 5_000;

/** Emits to a room: each message has the next number. */
class Emitter {
  readonly #client: Holdfast;
  readonly #room: string;
  count = 0;

  constructor(client: Holdfast, room: string) {
    this.#client = client;
    this.#room = room;
  }

  emit(): Promise<unknown> {
    return this.#client.room(this.#room).emit(EVENT, ++this.count);
  }

  async fill(messages: number): Promise<void> {
    const lane = async (): Promise<void> => {
      while (this.count < messages) await this.emit();
    };
    await Promise.all(Array.from({ length: WINDOW }, lane));
  }

  /** Emits steadily while something goes on. */
  async during(work: Promise<unknown>): Promise<void> {
    let over = false;
    const end = (): void => {
      over = true;
    };
    void work.then(end, end);
    while (!over) {
      await this.emit();
      await pause(LIVE_EVERY_MS);
    }
  }
}

export const catchUp: Row = {
  number: 16,
  title: "Catching up",
  method:
    "Devices that were away come back at once, each with as many messages to get, and one to a room of its own with very many, while 50 messages a second go on being emitted to each room; each device must hear every number once, in order.",
  target: "1,000 devices 10,000 behind each and one 1,000,000 behind, live traffic: 0 gaps, 0 inversions",
  fullMinutes: 5,
  async run({ directory, scale, progress }) {
    const size = Math.sqrt(Math.min(1, scale));
    const devices = Math.max(DEVICES_MIN, scaled(DEVICES, size));
    const behind = Math.max(BEHIND_MIN, scaled(BEHIND, size));
    const far = Math.max(FAR_BEHIND_MIN, scaled(FAR_BEHIND, scale));
    const server = new ServerProcess(join(directory, "data"), await freePort());
    await server.start();
    const admin = new Administrator(server.url);
    const client = connect(server.url, { auth: { user: "chef" } });
    const groups: Devices[] = [];
    try {
      for (let number = 0; number < devices; number++)
        await admin.ask("holdfast:add", { room: ROOMS.many, member: { user: userOf(number) } });
      await admin.ask("holdfast:add", { room: ROOMS.one, member: { user: userOf(devices) } });
      const [many, one] = [new Emitter(client, ROOMS.many), new Emitter(client, ROOMS.one)];
      progress("messages are emitted");
      await Promise.all([many.fill(behind), one.fill(far)]);
      const start = performance.now();
      const share = Math.ceil(devices / PROCESSES);
      for (let first = 0; first < devices; first += share)
        groups.push(new Devices({ url: server.url, room: ROOMS.many, first, count: Math.min(share, devices - first) }));
      const alone = new Devices({ url: server.url, room: ROOMS.one, first: devices, count: 1 });
      groups.push(alone);
      const caughtUp = Promise.all(groups.map((group) => group.have(group === alone ? far : behind)));
      progress("they catch up");
      await Promise.all([many.during(caughtUp), one.during(caughtUp)]);
      await caughtUp;
      const seconds = (performance.now() - start) / 1_000;
      // And the last of what was live.
      await Promise.all(groups.map((group) => group.have(group === alone ? one.count : many.count)));
      const heard = groups.reduce((sum, group) => sum + group.heard, 0);
      const failures = groups.flatMap(({ wrong }) => wrong);
      const live = many.count - behind + one.count - far;
      const figure = `${devices} devices ${behind} behind and one ${far} behind, ${live} live messages; ${heard} heard, all had caught up after ${seconds.toFixed(1)} s`;
      return { figure, failures, complete: devices >= DEVICES && behind >= BEHIND && far >= FAR_BEHIND };
    } finally {
      await Promise.all(groups.map((group) => group.end()));
      await client.close({ timeoutMs: CLOSE_MS });
      admin.close();
      await server.kill();
    }
  },
};
