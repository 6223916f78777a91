import { join } from "node:path";
import { connect, type Holdfast } from "holdfast-client";
import { type Input, inputsOf } from "./inputs.js";
import type { Memory } from "./memory-probe.js";
import { Sender } from "./sender.js";
import type { FuzzedServer } from "./server.js";
import { type Trend, trendOf } from "./trend.js";

/** Inputs that one seed gives, and that one sender sends in a row. */
const BATCH = 500;
/** How often the server's memory is looked at, if there are as many batches. */
const LOOKS = 100;
const SETTLE_MS = 30_000;

export interface FuzzOptions {
  readonly inputs: number;
  readonly seed: number;
  readonly senders: number;
  /** Where to write down what the server holds, after a quarter and at the end; nothing is written without it. */
  readonly snapshots?: string | undefined;
  /** Told now and then how far it got. */
  readonly onProgress: (sample: Sample) => void;
}

export interface FuzzReport {
  readonly inputs: number;
  readonly connections: number;
  readonly seconds: number;
  readonly samples: readonly Sample[];
  /** Over the last three quarters. */
  readonly live: Trend;
  readonly resident: Trend;
  readonly socketsBefore: number;
  readonly socketsAfter: number;
  /** What went wrong; nothing when it is empty. */
  readonly failures: readonly string[];
}

export interface Sample extends Memory {
  readonly done: number;
}

/** Sends so many inputs to a server, and looks whether it lives, whether others are served, and what it still holds. */
export async function fuzz(server: FuzzedServer, { inputs, seed, senders, snapshots, onProgress }: FuzzOptions): Promise<FuzzReport> {
  const started = performance.now();
  const socketsBefore = server.sockets;
  const lanes = Array.from({ length: senders }, (_, index) => new Sender(server.url, `fuzz-${index}`));
  const bystander = new Bystander(server.url);
  const batches = Math.ceil(inputs / BATCH);
  const samples: Sample[] = [];
  const failures: string[] = [];
  let next = 0;
  let done = 0;

  const run = async (lane: Sender, until: number): Promise<void> => {
    while (next < until && failures.length === 0) {
      const batch = next++;
      const sent: Input[] = inputsOf(seed + batch, Math.min(BATCH, inputs - batch * BATCH));
      try {
        await lane.send(sent);
        done += sent.length;
      } catch (error) {
        failures.push(`--seed ${seed + batch} --inputs ${sent.length}: ${String(error)}`);
      }
    }
  };
  const look = async (snapshot: string | undefined): Promise<void> => {
    await bystander.isServed();
    await bystander.tidy();
    const sample = { done, ...(await server.memory(snapshot)) };
    samples.push(sample);
    onProgress(sample);
  };
  const every = Math.max(senders, Math.floor(batches / LOOKS));
  for (let until = every; failures.length === 0 && next < batches; until += every) {
    await Promise.all(lanes.map((lane) => run(lane, Math.min(until, batches))));
    // With nothing under way, so that what is held is what was kept.
    const isQuarter = next >= batches / 4 && next - every < batches / 4;
    const name = isQuarter ? "quarter" : next >= batches ? "end" : undefined;
    const snapshot = snapshots === undefined || name === undefined ? undefined : join(snapshots, `${name}.heapsnapshot`);
    if (failures.length === 0) await look(snapshot).catch((error: unknown) => failures.push(`after ${done} inputs: ${String(error)}`));
  }
  if (server.ended !== undefined) failures.push(`the server has ended: ${server.ended}`);
  for (const line of server.errors) failures.push(`the server logged an error: ${line}`);
  for (const lane of lanes) lane.close();
  await bystander.close();
  const socketsAfter = server.ended === undefined ? await settled(server, socketsBefore) : 0;
  if (socketsAfter > socketsBefore) failures.push(`${socketsAfter} sockets are open, ${socketsBefore} were before`);
  const measured = samples.slice(Math.floor(samples.length / 4));
  const live = trendOf(measured.map(({ done, liveKib }) => [done, liveKib]));
  const resident = trendOf(measured.map(({ done, residentKib }) => [done, residentKib]));
  for (const [what, trend] of [
    ["what is held", live],
    ["resident memory", resident],
  ] as const) {
    if (trend.verdict === "grows") failures.push(`${what} grew by ${(trend.growth * 100).toFixed(1)} % after the first quarter`);
  }
  return {
    inputs: done,
    connections: lanes.reduce((sum, { connections }) => sum + connections, 0),
    seconds: (performance.now() - started) / 1_000,
    samples,
    live,
    resident,
    socketsBefore,
    socketsAfter,
    failures,
  };
}

/** A client that means well, on one connection from the first input to the last. */
class Bystander {
  readonly #client: Holdfast;
  #lost = 0;
  #count = 0;
  readonly #waiting = new Map<number, () => void>();

  constructor(url: string) {
    this.#client = connect(url, { auth: { user: "bystander" } });
    this.#client.socket.on("disconnect", () => this.#lost++);
    this.#client.queue<number>("bystander").consume(({ body }) => this.#waiting.get(body)?.());
  }

  async isServed(): Promise<void> {
    const body = this.#count++;
    const arrived = new Promise<void>((resolve) => this.#waiting.set(body, resolve));
    await this.#client.queue<number>("bystander").publish(body);
    await arrived;
    this.#waiting.delete(body);
    if (this.#lost > 0) throw new Error(`the bystander lost its connection ${this.#lost} times`);
  }

  /** Removes what was made, so that what the server holds is not what it was told to keep. */
  async tidy(): Promise<void> {
    const { socket } = this.#client;
    for (const [kind, field] of [
      ["queues", "queue"],
      ["rooms", "room"],
    ] as const) {
      for (;;) {
        const { items } = (await socket.emitWithAck("holdfast:list", { kind, limit: 1_000 })) as { readonly items: readonly string[] };
        const names = items.filter((name) => !name.startsWith("bystander"));
        await Promise.all(names.map((name) => socket.emitWithAck("holdfast:delete", { [field]: name })));
        if (items.length < 1_000) break;
      }
    }
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}

/** How many sockets are open once those that were ended are closed, or after a while. */
async function settled(server: FuzzedServer, before: number): Promise<number> {
  const until = performance.now() + SETTLE_MS;
  while (server.sockets > before && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 100));
  return server.sockets;
}
