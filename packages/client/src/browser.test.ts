import { afterEach, expect, test, vi } from "vitest";
import { FRAME_EVENT } from "./frame.js";
import { afterTurn, textWriter } from "./platform/browser.js";
import * as node from "./platform/node.js";
import { TestServer } from "./test-server.js";

afterEach(() => vi.unstubAllGlobals());

test("a turn ends with a message to oneself", async () => {
  const ports: MessagePort[] = [];
  const { MessageChannel: Channel } = globalThis;
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

test("text is written the same on both platforms", () => {
  for (const text of ["", "order-17", "Größe", "x".repeat(200), "\ud800 alone", "😀".repeat(20)]) {
    const [there, here] = [new Uint8Array(700), new Uint8Array(700)];
    expect(textWriter(there)(text, 3)).toBe(node.textWriter(here)(text, 3));
    expect(there).toEqual(here);
  }
});
