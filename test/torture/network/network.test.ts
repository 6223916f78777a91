import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, vi } from "vitest";
import { ManualClock } from "../../../packages/server/src/engines/conformance/manual-clock.js";
import { Random } from "../../simulation/random.js";
import { HistoryFile, readLines } from "../history-file.js";
import { FAULT_KINDS, type FaultKind } from "./fault.js";
import { Network } from "./network.js";

const STEP_MS = 50;

it("does all kinds of faults to a client's connections until it is healed, and writes down which the server lost", async () => {
  const directory = mkdtempSync(join(tmpdir(), "holdfast-network-"));
  const file = join(directory, "history.ndjson");
  const accepted = new Set<Socket>();
  const echo = createServer((socket) => {
    accepted.add(socket);
    socket.on("error", () => {});
    socket.pipe(socket);
  });
  echo.listen(0, "127.0.0.1");
  await once(echo, "listening");
  const { port } = echo.address() as { readonly port: number };
  const clock = new ManualClock();
  const kinds: FaultKind[] = [];
  const network = new Network({ port, random: new Random(1), onFault: (kind) => void kinds.push(kind), clock });
  const url = new URL(await network.entrance(new HistoryFile(file, "ann")));
  let socket: Socket | undefined;
  /** There is a connection, on which something is under way. */
  const talk = (): void => {
    if (socket === undefined || socket.destroyed) socket = connect(Number(url.port), "127.0.0.1").on("error", () => {});
    socket.resume().write("something said");
  };
  network.disturb();
  while (FAULT_KINDS.some((kind) => !kinds.includes(kind))) {
    talk();
    await clock.advance(STEP_MS);
  }
  network.heal();
  const count = kinds.length;
  for (let step = 0; step < 100; step++) {
    talk();
    await clock.advance(STEP_MS);
  }
  expect(kinds).toHaveLength(count);
  await network.close();
  await vi.waitFor(() => expect(socket?.closed).toBe(true));
  const lost = readLines(file);
  expect(new Set(lost.map(({ type }) => type))).toEqual(new Set(["connection-lost"]));
  expect(lost.length).toBeGreaterThanOrEqual(accepted.size);
  for (const one of accepted) one.destroy();
  echo.close();
  await once(echo, "close");
  rmSync(directory, { recursive: true });
});
