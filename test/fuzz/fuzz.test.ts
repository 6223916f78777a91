import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { fuzz } from "./fuzz.js";
import { inputsOf } from "./inputs.js";
import { FuzzedServer } from "./server.js";

let directory: string;
let server: FuzzedServer;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "holdfast-fuzz-"));
  server = await FuzzedServer.start(directory, "memory");
});

afterAll(async () => {
  await server.stop();
  rmSync(directory, { recursive: true });
});

it("a server takes whatever it is sent: it lives, serves others, and keeps no socket", { timeout: 120_000 }, async () => {
  const seed = Number(process.env.HOLDFAST_FUZZ_SEED ?? 1);
  const report = await fuzz(server, { inputs: 5_000, seed, senders: 4, onProgress: () => undefined });
  expect(report).toMatchObject({ failures: [], inputs: 5_000, socketsAfter: report.socketsBefore });
  expect(report.connections).toBeGreaterThan(50);
});

it("a seed gives the same inputs again, of every kind", () => {
  const inputs = inputsOf(7, 1_000);
  expect(inputsOf(7, 1_000)).toEqual(inputs);
  expect(new Set(inputs.map(({ kind }) => kind))).toEqual(new Set(["event", "frame", "packet", "http"]));
});
