import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { TcpProxy } from "../torture/network/tcp-proxy.js";
import { CommandRun } from "./command.js";
import { Observer, storedOf } from "./observer.js";
import { realLines } from "./real-lines.js";
import { freePort, ServerProcess } from "./server-process.js";

const LINES = 100_000;
const KILLS = 5;
const QUEUE = "files";
const CONSUMERS = 2;
const MAX_IN_FLIGHT = 100;

interface ReceiptLine {
  readonly line: number;
  readonly id: string;
  readonly sequence: number;
  readonly duplicate: boolean;
}

interface DeliveryLine {
  readonly id: string;
  readonly sequence: number;
  readonly attempt: number;
  readonly body: unknown;
}

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2));

/** Waits for something in steps of 2 ms; fails when the run ends before. */
async function until(what: string, reached: () => boolean | Promise<boolean>, running: () => boolean): Promise<void> {
  while (!(await reached())) {
    if (!running()) throw new Error(`ended before ${what}`);
    await turn();
  }
}

/** What was under way when the server was killed: messages that its next life found, and receipts that had arrived. */
interface Kill {
  readonly stored: number;
  readonly receipts: number;
  /** Whether receipts were held back, so that messages are surely stored without one. */
  readonly held: boolean;
}

describe("kill -9 of the server", () => {
  let directory = "";
  let server: ServerProcess;
  let proxy: TcpProxy;
  let observer: Observer;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "holdfast-kill-"));
    const port = await freePort();
    server = new ServerProcess(directory, port);
    proxy = await TcpProxy.open(port);
    observer = new Observer(server.url);
    await server.start();
  });

  afterEach(async () => {
    observer.close();
    await proxy.close();
    await server.kill();
    await rm(directory, { recursive: true, force: true });
  });

  /** Kills the server at once and starts it again. Clients come back only when the proxy is released. */
  async function killAndRestart(): Promise<void> {
    const killed = server.kill();
    proxy.drop("toClient");
    await killed;
    await server.start();
  }

  /** Holds receipts back until more is stored than has one. */
  async function untilReceiptsAreMissing(run: CommandRun<ReceiptLine>): Promise<void> {
    proxy.drop("toClient");
    let [before, now] = [0, 0];
    await until(
      "a message stored without its receipt",
      async () => {
        [before, now] = [now, storedOf(await observer.counts(QUEUE))];
        return before > run.lines.length;
      },
      () => run.running,
    );
  }

  /** Publishes the lines; kills the server in the midst of it. */
  async function publish(lines: readonly string[]): Promise<{ receipts: ReceiptLine[]; kills: Kill[] }> {
    const run = new CommandRun<ReceiptLine>("publish", QUEUE, "--url", proxy.url, "--json");
    const kills: Kill[] = [];
    try {
      const fed = run.feed(lines.map((line) => JSON.stringify(line)));
      for (let kill = 1; kill <= KILLS; kill++) {
        const threshold = Math.floor((lines.length * kill) / (KILLS + 1));
        await until(
          `${threshold} receipts`,
          () => run.lines.length >= threshold,
          () => run.running,
        );
        const held = kill % 2 === 0;
        if (held) await untilReceiptsAreMissing(run);
        else
          await until(
            "a publish under way",
            () => proxy.unanswered > 0,
            () => run.running,
          );
        await killAndRestart();
        kills.push({ held, stored: storedOf(await observer.counts(QUEUE)), receipts: run.lines.length });
        proxy.release();
      }
      await fed;
      expect(await run.exit(), run.said).toBe(0);
      return { receipts: run.lines, kills };
    } finally {
      await run.kill();
    }
  }

  /** Consumes everything; kills the server while deliveries are unsettled. */
  async function consume(): Promise<{ deliveries: DeliveryLine[]; inFlight: number[] }> {
    const args = ["consume", QUEUE, "--url", proxy.url, "--meta", "--until-empty", "--max-in-flight", String(MAX_IN_FLIGHT)];
    const runs = Array.from({ length: CONSUMERS }, () => new CommandRun<DeliveryLine>(...args));
    const written = (): number => runs.reduce((sum, { lines }) => sum + lines.length, 0);
    const running = (): boolean => runs.some((run) => run.running);
    const inFlight: number[] = [];
    try {
      for (let kill = 1; kill <= KILLS; kill++) {
        const threshold = Math.floor((LINES * kill) / (KILLS + 1));
        await until(`${threshold} lines`, () => written() >= threshold, running);
        proxy.drop("toServer");
        let found = 0;
        await until(
          "a line without its ack",
          async () => {
            const counts = await observer.counts(QUEUE);
            found = counts.inFlight;
            return found > 0 && written() > counts.acked;
          },
          running,
        );
        inFlight.push(found);
        await killAndRestart();
        proxy.release();
      }
      for (const run of runs) expect(await run.exit(), run.said).toBe(0);
      return { deliveries: runs.flatMap(({ lines }) => lines), inFlight };
    } finally {
      for (const run of runs) await run.kill();
    }
  }

  it(`P1 P4 P5 L3 L4 C1: ${LINES} lines go in and come out, each stored once, through ${2 * KILLS} kills`, async () => {
    const lines = await realLines(LINES);
    const { receipts, kills } = await publish(lines);
    for (const { stored, receipts: received, held } of kills) {
      expect(stored, "what had a receipt at a kill is stored").toBeGreaterThanOrEqual(received + (held ? 1 : 0));
    }
    expect(receipts).toHaveLength(LINES);
    const recognised = receipts.filter(({ duplicate }) => duplicate).length;
    const unanswered = kills.reduce((sum, { stored, receipts: received }) => sum + stored - received, 0);
    expect(recognised, "every resend of a stored line was recognised").toBeGreaterThanOrEqual(unanswered);
    expect(storedOf(await observer.counts(QUEUE)), "each line is stored once").toBe(LINES);
    const inOrder = [...receipts].sort((a, b) => a.line - b.line);
    expect(inOrder.every(({ sequence }, index) => index === 0 || sequence > (inOrder[index - 1]?.sequence ?? 0))).toBe(true);
    const lineOf = new Map(receipts.map(({ id, line }) => [id, lines[line - 1]]));
    expect(lineOf.size, "ids are distinct").toBe(LINES);

    const { deliveries, inFlight } = await consume();
    const bodies = new Map(deliveries.map(({ id, body }) => [id, body]));
    const wrong = [...lineOf].filter(([id, line]) => bodies.get(id) !== line);
    expect(wrong.slice(0, 5), "lines that did not come out").toEqual([]);
    expect(bodies.size, "nothing else came out").toBe(LINES);
    const redelivered = deliveries.length - LINES;
    expect(redelivered, "lines without their ack at a kill come again").toBeGreaterThan(0);
    expect(inFlight.every((count) => count > 0 && count <= CONSUMERS * MAX_IN_FLIGHT)).toBe(true);
    expect(redelivered, "no more come again than were in flight").toBeLessThanOrEqual(KILLS * CONSUMERS * MAX_IN_FLIGHT);
    expect(await observer.counts(QUEUE)).toMatchObject({ ready: 0, inFlight: 0, delayed: 0, dead: 0, acked: LINES, bytes: 0 });
    process.stdout.write(
      `${LINES} lines; stored without a receipt at each kill: ${kills.map(({ stored, receipts: got }) => stored - got).join(" ")}, ` +
        `recognised resends: ${recognised}; in flight at each kill: ${inFlight.join(" ")}, redelivered: ${redelivered}\n`,
    );
  }, 180_000);
});
