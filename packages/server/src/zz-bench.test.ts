import { mkdtempSync, rmSync } from "node:fs";
import { it } from "vitest";
import { ByteWriter, writeRecord } from "holdfast-client/protocol";
import { createMemoryEngine } from "./engines/memory/memory-engine.js";
import { createLevelEngine } from "./engines/level/level-engine.js";
import type { Engine } from "./engine.js";

const records = (count: number) => {
  const w = new ByteWriter();
  for (let i = 0; i < count; i++) writeRecord(w, { id: `x${i}`, event: "order" }, "x".repeat(220));
  return w.take();
};
const none = () => {};
const events = (onRoomWork: (s: readonly number[]) => void): any => new Proxy({ onRoomWork }, { get: (t: any, k) => t[k] ?? none });

async function live(engine: Engine, members: number, online: number) {
  const waiting: number[][] = [];
  let hinted: (() => void) | undefined;
  let cpuPull = 0,
    cpuAck = 0;
  await engine.open(
    events((sessions) => {
      waiting.push([...sessions]);
      hinted?.();
    }),
  );
  const adds = [];
  for (let i = 0; i < members; i++) adds.push(engine.addMember({ namespace: "/", room: "r" }, { user: `u${i}` }));
  await Promise.all(adds);
  const attaches = [];
  for (let i = 0; i < online; i++) attaches.push(engine.attachDevice({ namespace: "/", user: `u${i}`, device: "d" }));
  await Promise.all(attaches);
  const burst = records(10);
  const rounds = 200;
  let got = 0;
  const t0 = performance.now();
  for (let r = 0; r < rounds; r++) {
    const p = engine.emit({ namespace: "/", to: [{ room: "r" }], except: [], count: 10, records: burst });
    const want = (r + 1) * online * 10;
    await p;
    while (got < want) {
      if (waiting.length === 0)
        await new Promise<void>((res) => {
          hinted = res;
        });
      for (const sessions of waiting.splice(0)) {
        const items: any[] = [];
        let t = performance.now();
        for (const s of sessions)
          for (const item of engine.pull(s, 1e6))
            if (item.kind === "messages") {
              items.push(s, item);
              got += item.to - item.from;
            }
        cpuPull += performance.now() - t;
        t = performance.now();
        for (let i = 0; i < items.length; i += 2)
          engine.settleRoom(items[i], items[i + 1].block.room.number, [
            { first: items[i + 1].block.first + items[i + 1].from, count: items[i + 1].to - items[i + 1].from, verb: "ack" },
          ]);
        cpuAck += performance.now() - t;
      }
    }
  }
  const ms = performance.now() - t0;
  console.log(
    `${engine.name} members ${members} online ${online}: ${got} deliveries in ${ms.toFixed(0)} ms, ${((ms * 1000) / got).toFixed(3)} us each; pull ${((cpuPull * 1000) / got).toFixed(3)} us, ack ${((cpuAck * 1000) / got).toFixed(3)} us; per burst ${(ms / rounds).toFixed(3)} ms`,
  );
  await engine.close();
}

async function catchUp(engine: Engine, total: number, per: number) {
  let hinted: (() => void) | undefined;
  let hint = false;
  await engine.open(
    events(() => {
      hint = true;
      hinted?.();
    }),
  );
  await engine.addMember({ namespace: "/", room: "r" }, { user: "u" });
  const block = records(per);
  const t0 = performance.now();
  const ps: Promise<unknown>[] = [];
  for (let i = 0; i < total; i += per) {
    ps.push(engine.emit({ namespace: "/", to: [{ room: "r" }], except: [], count: per, records: block }));
    if (ps.length >= 8) await Promise.all(ps.splice(0));
  }
  await Promise.all(ps);
  const t1 = performance.now();
  const s = await engine.attachDevice({ namespace: "/", user: "u", device: "d" });
  let got = 0;
  while (got < total) {
    const items = engine.pull(s, 65_536);
    if (items.length === 0) {
      if (!hint)
        await new Promise<void>((res) => {
          hinted = res;
        });
      hint = false;
      continue;
    }
    for (const item of items)
      if (item.kind === "messages") {
        const n = item.to - item.from;
        got += n;
        engine.settleRoom(s, item.block.room.number, [{ first: item.block.first + item.from, count: n, verb: "ack" }]);
      }
  }
  const t2 = performance.now();
  console.log(
    `${engine.name} ${total} in emits of ${per}: emit ${(total / (t1 - t0)).toFixed(0)}k/s, catch-up ${(total / (t2 - t1)).toFixed(0)}k/s rss ${(process.memoryUsage().rss / 1e6).toFixed(0)} MB`,
  );
  await engine.close();
}

it("bench", async () => {
  await live(createMemoryEngine(), 1000, 1000);
  await live(createMemoryEngine(), 100, 100);
  await live(createMemoryEngine(), 10_000, 100);
  for (const [total, per] of [
    [1_000_000, 100],
    [200_000, 1],
  ] as const) {
    const dir = mkdtempSync("/tmp/roombench/");
    await catchUp(createLevelEngine({ directory: dir }), total, per);
    rmSync(dir, { recursive: true });
  }
}, 300_000);
