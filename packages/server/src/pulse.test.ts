import { expect, it } from "vitest";
import { ManualClock } from "./engines/conformance/manual-clock.js";
import { Pulse } from "./pulse.js";

it("works at once after a rest, then together once per interval, and rests for as many as it is told", async () => {
  const clock = new ManualClock();
  const begun = clock.now();
  const times: number[] = [];
  let rests = 1;
  const pulse = new Pulse(clock, 250, () => {
    times.push(clock.now() - begun);
    return rests;
  });
  pulse.want();
  pulse.want();
  await clock.advance(0);
  await clock.advance(100);
  expect(times).toEqual([0]);
  for (let n = 0; n < 3; n++) pulse.want();
  await clock.advance(149);
  expect(times).toEqual([0]);
  rests = 3;
  await clock.advance(1_000);
  expect(times).toEqual([0, 250]);
  pulse.want();
  await clock.advance(0);
  expect(times).toEqual([0, 250, 1_249]);
  pulse.want();
  await clock.advance(749);
  expect(times).toHaveLength(3);
  await clock.advance(1);
  expect(times).toEqual([0, 250, 1_249, 1_999]);
  pulse.want();
  pulse.stop();
  pulse.want();
  await clock.advance(10_000);
  expect(times).toHaveLength(4);
});

it("what is wanted while it works is done after it, never at the same time", async () => {
  const clock = new ManualClock();
  let running = 0;
  let most = 0;
  let finish = (): void => undefined;
  const pulse = new Pulse(clock, 250, async () => {
    most = Math.max(most, ++running);
    await new Promise<void>((resolve) => {
      finish = resolve;
    });
    running--;
    return 1;
  });
  pulse.want();
  await clock.advance(0);
  pulse.want();
  await clock.advance(1_000);
  expect(running).toBe(1);
  finish();
  await clock.advance(0);
  await clock.advance(0);
  expect([running, most]).toEqual([1, 1]);
  finish();
});
