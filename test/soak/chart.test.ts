import { expect, it } from "vitest";
import { drawChart, stepsTo } from "./chart.js";
import { measure } from "./measure.js";
import type { Sample } from "./sample.js";

const MIB = 1024 * 1024;

const SAMPLES: readonly Sample[] = Array.from({ length: 1_200 }, (_, index) => ({
  atMs: 1_000_000 + index * 1_000,
  pid: index < 700 ? 1 : 2,
  ...{ rss: (90 + (index % 7)) * MIB, heap: 20 * MIB, external: 0, descriptors: 30, store: 40 * MIB, lagMs: index % 3 },
}));

it("a chart has a panel for each measure, what happened, axes with units, and no number that is none", () => {
  const chart = drawChart({
    title: "Soak <of 20 minutes>",
    measured: measure(SAMPLES),
    marks: [{ atMs: 1_700_000, what: "kill" }],
  });
  for (const text of ["Resident memory, MiB", "File descriptors", "minutes", "kill -9", "MiB/h (95 %: "]) expect(chart).toContain(text);
  expect(chart).toContain("Soak &lt;of 20 minutes&gt;");
  expect(chart).not.toMatch(/NaN|Infinity|undefined/);
  // Of each process a line, and of the store one.
  expect(chart.match(/stroke-linejoin/g)).toHaveLength(4 * 2 + 1);
});

it("a chart of nothing is empty and still a chart", () => {
  const chart = drawChart({ title: "Soak", measured: measure([]), marks: [] });
  expect(chart).not.toMatch(/NaN|Infinity/);
});

it("axes have round numbers", () => {
  expect(stepsTo(95)).toEqual([0, 50, 100]);
  expect(stepsTo(0.7)).toEqual([0, 0.25, 0.5, 0.75]);
  expect(stepsTo(0).length).toBeGreaterThan(1);
});
