import { connect, type Holdfast } from "holdfast-client";
import { type Input, inputsOf } from "./inputs.js";
import { Sender } from "./sender.js";
import type { FuzzedServer } from "./server.js";

/** Inputs that one seed gives, and that one sender sends in a row. */
const BATCH = 500;
const SETTLE_MS = 30_000;
/** Of its growth from the first quarter on, as part of it. */
const GROWTH_MAX = 0.1;

export interface FuzzOptions {
  readonly inputs: number;
  readonly seed: number;
  readonly senders: number;
  /** Told now and then how far it got. */
  readonly onProgress: (done: number, rssKib: number) => void;
}

export interface FuzzReport {
  readonly inputs: number;
  readonly connections: number;
  readonly seconds: number;
  readonly rss: readonly Sample[];
  /** Growth of the resident memory over the last three quarters, as a line through its samples. */
  readonly slopeKibPer1000: number;
  readonly socketsBefore: number;
  readonly socketsAfter: number;
  /** What went wrong; nothing when it is empty. */
  readonly failures: readonly string[];
}

interface Sample {
  readonly done: number;
  readonly rssKib: number;
}

/** Sends so many inputs to a server, and looks whether it lives, whether others are served, and what it still holds. */
export async function fuzz(server: FuzzedServer, { inputs, seed, senders, onProgress }: FuzzOptions): Promise<FuzzReport> {
  const started = performance.now();
  const socketsBefore = server.sockets;
  const lanes = Array.from({ length: senders }, (_, index) => new Sender(server.url, `fuzz-${index}`));
  const bystander = new Bystander(server.url);
  const batches = Math.ceil(inputs / BATCH);
  const lookEvery = Math.max(1, Math.floor(batches / 100));
  const rss: Sample[] = [];
  const failures: string[] = [];
  let next = 0;
  let done = 0;

  const look = async (): Promise<void> => {
    await bystander.isServed();
    await bystander.tidy();
    rss.push({ done, rssKib: server.rssKib });
    onProgress(done, server.rssKib);
  };
  const run = async (lane: Sender): Promise<void> => {
    while (next < batches && failures.length === 0) {
      const batch = next++;
      const sent: Input[] = inputsOf(seed + batch, Math.min(BATCH, inputs - batch * BATCH));
      try {
        await lane.send(sent);
        done += sent.length;
        if (batch % lookEvery === lookEvery - 1) await look();
      } catch (error) {
        failures.push(`--seed ${seed + batch} --inputs ${sent.length}: ${String(error)}`);
      }
    }
  };
  await Promise.all(lanes.map(run));
  if (failures.length === 0) await look().catch((error: unknown) => failures.push(`after all of it: ${String(error)}`));
  if (server.ended !== undefined) failures.push(`the server has ended: ${server.ended}`);
  for (const line of server.errors) failures.push(`the server logged an error: ${line}`);
  for (const lane of lanes) lane.close();
  await bystander.close();
  const socketsAfter = server.ended === undefined ? await settled(server, socketsBefore) : 0;
  if (socketsAfter > socketsBefore) failures.push(`${socketsAfter} sockets are open, ${socketsBefore} were before`);
  const measured = rss.slice(Math.floor(rss.length / 4));
  const slope = slopeOf(measured);
  const growth = (slope * ((measured.at(-1)?.done ?? 0) - (measured[0]?.done ?? 0))) / (measured[0]?.rssKib ?? 1);
  if (measured.length >= 50 && growth > GROWTH_MAX) failures.push(`memory grew by ${(growth * 100).toFixed(1)} % after the first quarter`);
  return {
    inputs: done,
    connections: lanes.reduce((sum, { connections }) => sum + connections, 0),
    seconds: (performance.now() - started) / 1_000,
    rss,
    slopeKibPer1000: slope * 1_000,
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

/** Of the line that is nearest to the samples: KiB an input. */
function slopeOf(samples: readonly Sample[]): number {
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [x, y] = [mean(samples.map(({ done }) => done)), mean(samples.map(({ rssKib }) => rssKib))];
  const spread = samples.reduce((sum, { done }) => sum + (done - x) ** 2, 0);
  return spread === 0 ? 0 : samples.reduce((sum, { done, rssKib }) => sum + (done - x) * (rssKib - y), 0) / spread;
}
