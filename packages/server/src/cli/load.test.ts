import { admin } from "holdfast-client/admin";
import { afterEach, beforeEach, expect, it } from "vitest";
import { TestHost } from "../gateway/test-host.js";
import { Load } from "./load.js";

let host: TestHost;

beforeEach(async () => {
  host = await TestHost.open();
});

afterEach(() => host.close());

it("makes no deleted queue anew when it is stopped before its consumers are there", async () => {
  const publisher = host.enter();
  await publisher.queue("load").define({});
  const consumers = [host.enter(), host.enter(), host.enter()];
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
