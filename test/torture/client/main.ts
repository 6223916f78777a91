import { Actor } from "./actor.js";
import type { ClientSpec, Order } from "./spec.js";

const spec = JSON.parse(process.argv[2] ?? "") as ClientSpec;
/** Calls of each of a crowd, at most. */
const CALLS_EACH = 100_000;

/** Those who are in this process: one, or a crowd of the same. */
const actors = Array.from({ length: spec.crowd ?? 1 }, (_, position) => {
  if (position === 0) return new Actor(spec);
  return new Actor({
    ...spec,
    name: `${spec.name}-of-${position}`,
    firstCall: spec.firstCall + position * CALLS_EACH,
    seed: spec.seed + position,
  });
});

async function obey(order: Order): Promise<void> {
  switch (order) {
    case "quiet":
      await Promise.all(actors.map((actor) => actor.quiet()));
      process.send?.({ say: "quiet" });
      break;
    case "drain":
      await Promise.all(actors.map((actor) => actor.drain()));
      process.send?.({ say: "drained" });
      break;
    case "settle": {
      const fates = await Promise.all(actors.map((actor) => actor.settleHoard()));
      const sum = (what: "accepted" | "stale"): number => fates.reduce((all, fate) => all + fate[what], 0);
      process.send?.({ say: "settled", accepted: sum("accepted"), stale: sum("stale"), other: fates.flatMap(({ other }) => other) });
      break;
    }
    case "stop":
      await Promise.all(actors.map((actor) => actor.stop()));
      process.disconnect?.();
      break;
    default:
      order satisfies never;
  }
}

process.on("message", (order: Order) => void obey(order));
await Promise.all(actors.map((actor) => actor.start()));
process.send?.({ say: "ready" });
