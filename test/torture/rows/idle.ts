import { join } from "node:path";
import { freePort, ServerProcess } from "../../crash/server-process.js";
import { Crowd } from "../crowd/crowd.js";
import { pause } from "../pause.js";
import { type Row, scaled } from "../row.js";
import { cpuMs, rssKib } from "../vitals.js";

const CLIENTS = 10_000;
const CLIENTS_MIN = 300;
const KIB_EACH_MAX = 30;
const CPU_PART_MAX = 0.05;
/** Below that the heap's own steps are more than what clients take. */
const CLIENTS_JUDGED = 5_000;
const SETTLE_MS = 5_000;
const IDLE_MS = 60_000;

export const idle: Row = {
  number: 21,
  title: "Idle clients",
  method:
    "Clients connect to a server and do nothing but answer its pings; what the process has resident is compared with what it had before, and its time on the processor is taken.",
  target: "10,000 clients: <= 30 KiB each over what the process had before, <= 5 % of a core",
  fullMinutes: 3,
  async run({ directory, scale, progress }) {
    const clients = Math.max(CLIENTS_MIN, scaled(CLIENTS, scale));
    const part = clients / CLIENTS;
    const server = new ServerProcess(join(directory, "data"), await freePort());
    let crowd: Crowd | undefined;
    try {
      await server.start();
      const { pid = 0 } = server;
      await pause(SETTLE_MS * part);
      const before = rssKib(pid);
      progress(`${clients} clients connect`);
      crowd = new Crowd({ url: server.url, clients });
      await crowd.gathered();
      await pause(SETTLE_MS * part);
      const [cpuBefore, start] = [cpuMs(pid), performance.now()];
      await pause(IDLE_MS * part);
      const cpuPart = (cpuMs(pid) - cpuBefore) / (performance.now() - start);
      const each = (rssKib(pid) - before) / clients;
      const failures: string[] = [];
      if (crowd.here < clients) failures.push(`${clients - crowd.here} clients have lost their connection`);
      if (clients >= CLIENTS_JUDGED && each > KIB_EACH_MAX) failures.push(`a client takes ${each.toFixed(1)} KiB`);
      if (clients >= CLIENTS_JUDGED && cpuPart > CPU_PART_MAX) failures.push(`they take ${(cpuPart * 100).toFixed(1)} % of a core`);
      const figure = `${clients} clients, ${each.toFixed(1)} KiB each over ${(before / 1_024).toFixed(0)} MiB, ${(cpuPart * 100).toFixed(1)} % of a core`;
      return { figure, failures, complete: clients >= CLIENTS };
    } finally {
      await crowd?.leave();
      await server.kill();
    }
  },
};
