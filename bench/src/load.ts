import { drain, through } from "./loads/drain.js";
import { emitWithAck } from "./loads/emit-with-ack.js";
import { hold } from "./loads/hold.js";
import { fill, publish } from "./loads/publish.js";
import { queues } from "./loads/queues.js";
import { roundTrip } from "./loads/round-trip.js";
import type { Load, LoadResult } from "./protocol.js";

/** The clients of one round, in a process of their own. Told what to do by the parent; answers with the result. */

function run(load: Load): Promise<LoadResult> {
  switch (load.kind) {
    case "round-trip":
      return roundTrip(load);
    case "emit-with-ack":
      return emitWithAck(load);
    case "publish":
      return publish(load);
    case "fill":
      return fill(load);
    case "drain":
      return drain(load);
    case "through":
      return through(load);
    case "queues":
      return queues(load);
    case "hold":
      return hold(load);
    default:
      return load satisfies never;
  }
}

process.once("message", (load: Load) => {
  void run(load).then((result) =>
    process.send?.(result, () => {
      if (load.kind !== "hold") process.disconnect();
    }),
  );
});
