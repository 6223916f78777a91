import { type Holdfast as Client, connect } from "holdfast-client";
import { admin } from "holdfast-client/admin";
import { afterEach, beforeEach, expect, it } from "vitest";
import { TestHost } from "../gateway/test-host.js";
import { Load } from "./load.js";

let host: TestHost;
const clients: Client[] = [];

beforeEach(async () => {
  host = await TestHost.open();
});

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close({ timeoutMs: 0 });
  await host.close();
});

function enter(): Client {
  const client = connect(`http://127.0.0.1:${host.port}`, { forceNew: true });
  clients.push(client);
  return client;
}

it("makes no deleted queue anew when it is stopped before its consumers are there", async () => {
  const publisher = enter();
  await publisher.queue("load").define({});
  const consumers = [enter(), enter(), enter()];
  const load = new Load({ messages: 10, bodyBytes: 10, window: 1, keys: 0 }, () => undefined);
  load.stop(new Error("interrupted"));
  const queues = consumers.map((client) => client.queue<string>("load"));
  await expect(load.run(publisher.queue("load"), queues)).rejects.toThrow("interrupted");
  await load.cancel();
  await admin(publisher).queue("load").delete();
  // What they sent before is done once they have an answer to this.
  for (const client of consumers) await client.queue("other").define({});
  expect((await admin(publisher).queues()).items).toEqual(["other"]);
});
