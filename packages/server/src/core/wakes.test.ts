import { expect, it } from "vitest";
import { defaultOptions } from "../options.js";
import { Queue } from "./queue.js";
import { packSchedule, type Schedule, unpackSchedule } from "./schedule.js";
import { Wakes } from "./wakes.js";

const queue = new Queue(1, "/", "orders", defaultOptions("orders"), 0);
const plan = { cron: "@daily", timezone: "UTC", digest: "", next: 1, last: undefined, published: 0, skipped: 0 };
const newSchedule = (): Schedule =>
  unpackSchedule(queue, "tick", packSchedule({ ...plan, queue, name: "tick", skipping: false, ended: false }));

it("C2: schedules that ended leave the heap when there are many, however far their time is", () => {
  const wakes = new Wakes();
  const living = newSchedule();
  wakes.forSchedule(living, 5_000);
  for (let index = 1; index <= 1_000; index++) {
    expect(wakes.next).toBe(index === 1 ? 5_000 : 1);
    const schedule = newSchedule();
    wakes.forSchedule(schedule, index);
    schedule.ended = true;
    wakes.noteEnded();
  }
  expect(wakes.next).toBe(5_000);
  expect(wakes.take(5_000)).toMatchObject({ schedule: living });
});
