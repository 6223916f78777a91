import { Consumer } from "./consumer.js";
import { Publisher } from "./publisher.js";
import { Session } from "./session.js";
import type { ClientSpec, Order } from "./spec.js";
import { Upkeep } from "./upkeep.js";

const spec = JSON.parse(process.argv[2] ?? "") as ClientSpec;
const session = new Session(spec);
const publisher = spec.publisher && new Publisher(session, spec.publisher);
const consumer = spec.consumer && new Consumer(session, spec.consumer);
const upkeep = spec.upkeep && new Upkeep(session, spec.upkeep);

/** The connection is lost now and then, and made again by itself. */
function dropAbout(everyMs: number): void {
  const next = (): void => {
    session.socket.io.engine?.close();
    setTimeout(next, session.random.below(2 * everyMs)).unref();
  };
  setTimeout(next, session.random.below(2 * everyMs)).unref();
}

async function obey(order: Order): Promise<void> {
  switch (order) {
    case "quiet":
      await Promise.all([publisher?.stop(), upkeep?.stop()]);
      session.say({ say: "quiet" });
      break;
    case "drain":
      consumer?.drain();
      break;
    case "settle":
      session.say({ say: "settled", ...((await consumer?.settleHoard()) ?? { accepted: 0, stale: 0, other: [] }) });
      break;
    case "stop":
      await consumer?.cancel();
      session.close();
      process.disconnect?.();
      break;
    default:
      order satisfies never;
  }
}

process.on("message", (order: Order) => void obey(order));
consumer?.start();
session.socket.once("connect", () => {
  publisher?.start();
  upkeep?.start();
  session.say({ say: "ready" });
});
session.socket.connect();
if (spec.reconnectEveryMs !== undefined) dropAbout(spec.reconnectEveryMs);
