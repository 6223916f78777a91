import type { QueueModel } from "./queue-model.js";

/** Every count that the engine gives, as the list of messages has it. */
interface ModelCounts {
  readonly published: number;
  readonly redriven: number;
  readonly inFlight: number;
  readonly blocked: number;
  readonly acked: number;
  readonly dead: number;
  readonly purged: number;
  readonly expired: number;
  readonly consumers: number;
  readonly paused: boolean;
}

/** C1: every message counts once, by its state. */
export function countsOf(model: QueueModel): ModelCounts {
  const redriven = model.in("redriven").length;
  return {
    published: model.messages.length - redriven,
    redriven,
    inFlight: model.inFlight.length,
    blocked: model.heads().filter(({ state }) => state === "blocked").length,
    acked: model.in("acked").length,
    dead: model.messages.filter(({ death }) => death !== undefined).length,
    purged: model.in("purged").length,
    expired: 0,
    consumers: model.consumers.length,
    paused: model.paused,
  };
}
