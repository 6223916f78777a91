import { connect } from "holdfast-client";
import { afterEach, expect, it } from "vitest";
import { createMemoryEngine } from "../engines/memory/memory-engine.js";
import { MemoryStore } from "../engines/memory/memory-store.js";
import { Holdfast } from "../holdfast.js";
import { ask, TestHost, until } from "./test-host.js";

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

it("clients of a Holdfast that was closed go on with the next one on the same Socket.IO server", async () => {
  const store = new MemoryStore();
  const host = await TestHost.open({ engine: createMemoryEngine({ store }) });
  ends.push(() => host.close());
  const ann = connect(`http://127.0.0.1:${host.port}`, { auth: { user: "ann" }, reconnectionDelay: 10, reconnectionDelayMax: 50 });
  ends.push(() => ann.close());
  const [bodies, events] = [new Set<unknown>(), new Set<unknown>()];
  ann.queue("orders").consume((delivery) => void bodies.add(delivery.body));
  ann.room("kitchen").on("order", (order) => void events.add(order));
  await ann.room("kitchen").join();
  await ann.queue("orders").publish("before");
  await until(() => bodies.has("before"));
  const plain = await host.client();
  await ask(plain, "holdfast:publish", { queue: "orders", body: "plain" });

  await host.holdfast.close();
  const meanwhile = ann.queue("orders").publish("meanwhile");
  const next = await Holdfast.open({ engine: createMemoryEngine({ store }) });
  ends.push(() => next.close());
  next.attach(host.io);

  expect(await meanwhile).toMatchObject({ duplicate: false });
  await ann.room("kitchen").emit("order", "after");
  await until(() => bodies.has("meanwhile") && events.has("after"));
  expect(await ask(plain, "holdfast:publish", { queue: "orders", body: "plain" })).toMatchObject({ ok: true });
});
