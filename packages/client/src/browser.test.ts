import { afterEach, expect, test, vi } from "vitest";
import { FRAME_EVENT } from "./frame.js";
import { TestServer } from "./test-server.js";
import { afterTurn } from "./turn.js";

afterEach(() => vi.unstubAllGlobals());

test("without setImmediate a turn ends with a message to oneself", async () => {
  const ports: MessagePort[] = [];
  const { MessageChannel: Channel } = globalThis;
  vi.stubGlobal("setImmediate", undefined);
  vi.stubGlobal(
    "MessageChannel",
    class extends Channel {
      constructor() {
        super();
        ports.push(this.port1);
      }
    },
  );
  const order: string[] = [];
  await new Promise<void>((resolve) => {
    const end = afterTurn(() => {
      order.push("end");
      if (order.length === 4) resolve();
      else end();
    });
    end();
    void Promise.resolve().then(() => order.push("microtask"));
    order.push("turn");
  });
  expect(order).toEqual(["turn", "microtask", "end", "end"]);
  for (const port of ports) port.close();
});

test("frames come as an ArrayBuffer there", async () => {
  const server = await TestServer.start();
  server.onRequest = () => ({ ok: true, consumer: "c", handle: 1, epoch: "e", leaseMs: 30_000 });
  const holdfast = server.connect();
  const bodies: unknown[] = [];
  holdfast.queue("orders").consume(({ body }) => void bodies.push(body));
  await server.until(() => server.events().includes("holdfast:consume"));
  const [listener] = holdfast.socket.listeners(FRAME_EVENT);
  holdfast.socket.off(FRAME_EVENT, listener);
  holdfast.socket.on(FRAME_EVENT, (frame: Uint8Array) => listener?.(new Uint8Array(frame).buffer));
  server.deliver(1, 1, [1, new Uint8Array([2])]);
  await server.until(() => server.settles().length === 1);
  expect(bodies).toEqual([1, new Uint8Array([2])]);
  await server.stop();
});
