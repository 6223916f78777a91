import { nextTime } from "../../packages/server/src/core/next-time.js";
import { Schedules } from "../../packages/server/src/core/schedules.js";
import type { Sabotage } from "./sabotage.js";
import { SimulatedStore } from "./simulated-store.js";
import { replace, SCHEDULE, SCHEDULED, untoldExpiries } from "./tampering.js";

const LATE_MS = 1_000;

/** Bugs of what the engine publishes by itself: occurrences of schedules, and answers to requests that died. */
export const OWN_PUBLISH_SABOTAGES: readonly Sabotage[] = [
  {
    bug: "messages that expire, and nobody who asked is told",
    kind: "answers",
    apply: untoldExpiries,
  },
  {
    bug: "occurrences that are published again after a restart",
    kind: "duplicated",
    apply: () =>
      replace(
        SimulatedStore.prototype,
        "apply",
        (apply) =>
          function (this: SimulatedStore, writes) {
            // Of a schedule that is set its message is written too.
            const isSet = writes.some(({ key }) => key[0] === SCHEDULED);
            apply.call(this, isSet ? writes : writes.filter(({ key, value }) => key[0] !== SCHEDULE || value === undefined));
          },
      ),
  },
  {
    bug: "occurrences that are lost when they are late",
    kind: "lost",
    apply: () =>
      replace(
        Schedules.prototype,
        "fire",
        (fire) =>
          function (this: Schedules, schedule, now) {
            if (now - (schedule.next ?? now) < LATE_MS) return fire.call(this, schedule, now);
            schedule.next = nextTime(schedule.cron, schedule.timezone, now);
            this.show(schedule);
            return 0;
          },
      ),
  },
];
