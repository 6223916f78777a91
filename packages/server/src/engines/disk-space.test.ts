import { expect, it } from "vitest";
import { systemClock } from "../clock.js";
import { DiskSpace } from "./disk-space.js";
import { MemoryStore } from "./memory/memory-store.js";
import { Reclaimer } from "./reclaimer.js";

it("tells once that the disk is full, and once that it is no more", async () => {
  const store = new MemoryStore();
  let spare = 1;
  store.spareBytes = async () => spare;
  const told: boolean[] = [];
  const space = new DiskSpace(store, systemClock, new Reclaimer(store, systemClock), (isFull) => told.push(isFull));
  await space.check();
  expect(told).toEqual([]);
  space.storeFailed(new Error("ENOSPC"));
  spare = -1;
  for (let time = 0; time < 3; time++) await space.check();
  expect(told).toEqual([true]);
  expect(() => space.assertRoom()).toThrow("too little space left");
  spare = 1;
  for (let time = 0; time < 3; time++) await space.check();
  expect(told).toEqual([true, false]);
});
