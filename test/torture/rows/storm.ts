import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort, ServerProcess } from "../../crash/server-process.js";
import { Crowd } from "../crowd/crowd.js";
import { CROWD_TOKEN } from "../crowd/spec.js";
import { pause } from "../pause.js";
import { type Row, scaled } from "../row.js";
import { LoopWatch } from "../vitals.js";

const CLIENTS = 5_000;
const CLIENTS_MIN = 200;
const STORMS = 5;
const BACK_MS_MAX = 10_000;
const LAG_MS_MAX = 250;
/** What the watch needs to show the last of it. */
const SHOWN_MS = 300;

export const storm: Row = {
  number: 22,
  title: "Reconnect storm",
  method:
    "Clients, each with a token and a consumer, lose their server, which is killed and started again; they come back by themselves, by the default reconnection of `socket.io-client`. Each is back when it has its consumer again. The lag is of the server's event loop, from when it serves until then.",
  target: "5,000 authenticated clients: all back <= 10 s after the server serves, lag p99 <= 250 ms",
  fullMinutes: 3,
  async run({ directory, scale, progress }) {
    const clients = Math.max(CLIENTS_MIN, scaled(CLIENTS, scale));
    const storms = Math.max(1, Math.round((STORMS * clients) / CLIENTS));
    const secret = randomBytes(32).toString("hex");
    const { issuer, audience } = CROWD_TOKEN;
    const secretFile = join(directory, "secret");
    writeFileSync(secretFile, secret, { mode: 0o600 });
    const config = join(directory, "storm.json");
    writeFileSync(config, JSON.stringify({ auth: { jwt: { issuer, audience, secretFile } } }));
    const watch = new LoopWatch(join(directory, "loop"));
    const server = new ServerProcess(join(directory, "data"), await freePort(), watch.wrapper, ["--config", config]);
    const crowd = new Crowd({ url: server.url, clients, secret, consumes: { queue: "orders", maxInFlight: 10 } });
    let [slowestMs, lagMs, lagMaxMs] = [0, 0, 0];
    try {
      await server.start();
      await crowd.gathered();
      for (let number = 0; number < storms; number++) {
        await server.kill();
        await crowd.scattered();
        await server.start();
        watch.reset(server.pid ?? 0);
        const start = performance.now();
        await crowd.gathered();
        const backMs = Math.round(performance.now() - start);
        await pause(SHOWN_MS);
        slowestMs = Math.max(slowestMs, backMs);
        const { p99Ms, maxMs } = watch.lag;
        lagMs = Math.max(lagMs, p99Ms);
        lagMaxMs = Math.max(lagMaxMs, maxMs);
        progress(`storm ${number + 1} of ${storms}: back after ${backMs} ms`);
      }
    } finally {
      await crowd.leave();
      await server.kill();
    }
    const late: string[] = [];
    if (slowestMs > BACK_MS_MAX) late.push(`all were back only after ${slowestMs} ms`);
    if (lagMs > LAG_MS_MAX) late.push(`the event loop was ${lagMs.toFixed(0)} ms late, p99`);
    const figure = `${clients} clients, ${storms} storms; all back after ${slowestMs} ms at most, lag p99 ${lagMs.toFixed(0)} ms, ${lagMaxMs.toFixed(0)} ms at most`;
    return { figure, failures: [], late, complete: clients >= CLIENTS };
  },
};
