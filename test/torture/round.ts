import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { freePort, ServerProcess } from "../crash/server-process.js";
import type { Tally } from "../simulation/checker/vacuous.js";
import { check, tally, type Violation } from "../simulation/checker.js";
import type { Counts, HistoryEvent } from "../simulation/history.js";
import { Random } from "../simulation/random.js";
import { Administrator } from "./administrator.js";
import type { ClientSpec } from "./client/spec.js";
import { ClientProcess } from "./client-process.js";
import { examine } from "./examine.js";
import { HistoryFile, type HistoryLine, readLines } from "./history-file.js";
import { clockZeroMs, mergeHistories } from "./merge.js";
import type { FaultKind } from "./network/fault.js";
import { Network } from "./network/network.js";
import { pause } from "./pause.js";
import { DEAD_SETTINGS, type RoundQueue } from "./queues.js";
import { type RoomsOptions, RoundRooms } from "./round-rooms.js";

const CALLS_PER_CLIENT = 10_000_000;
/** Two moments of a nemesis that belong together have this between them at least. */
const GRACE_MS = 300;
/** Where there are faults of the network: both sides are to find by themselves that nothing comes any more. */
const PING_FLAGS = ["--ping-interval-ms", "150", "--ping-timeout-ms", "250"];
const DRAIN_MS = 60_000;
const POLL_MS = 20;

export interface RoundOptions {
  /** A directory of its own. */
  readonly directory: string;
  readonly seed: number;
  readonly queues: readonly RoundQueue[];
  readonly rooms?: RoomsOptions;
  /** Where the server's data is, if not in that directory. */
  readonly data?: string;
  /** What runs the server. */
  readonly wrapper?: readonly string[];
  /** The command that is the server, if not the one that is built here. */
  readonly program?: string;
  /** A server that runs already, and goes on after the round; `data` is its store. */
  readonly server?: ServerProcess;
  /** Clients come through a network, which is told here to have done something to one of them. Without, directly. */
  readonly onFault?: (kind: FaultKind) => void;
}

interface FinishOptions {
  readonly drain?: boolean;
  readonly clear?: (admin: Administrator) => Promise<void>;
}

/** What a round came to. */
export interface RoundResult {
  readonly violations: readonly Violation[];
  readonly counts: Tally;
  readonly history: readonly HistoryEvent[];
  /** What each process wrote down, in order, before one history was made of it. */
  readonly lines: readonly HistoryLine[];
  /** What `holdfast doctor` found in the stopped store that is not as it should be. */
  readonly findings: readonly string[];
}

/**
 * One history: a server and clients in processes of their own, of which each writes down what it sees; what a nemesis
 * does to them; and an end, in which everything is healed, drained, scanned and judged.
 */
export class Round {
  readonly admin: Administrator;
  readonly clients: ClientProcess[] = [];
  readonly data: string;
  readonly #options: RoundOptions;
  readonly #port: number;
  readonly #history: HistoryFile;
  readonly #network: Network | undefined;
  readonly #rooms: RoundRooms | undefined;
  /** The histories of all processes. */
  readonly files: string[] = [];
  readonly zeroMs = clockZeroMs();
  #server: ServerProcess;
  /** Clients that were started. */
  #begun = 0;

  private constructor(options: RoundOptions, port: number) {
    this.#options = options;
    this.#port = port;
    mkdirSync(options.directory, { recursive: true });
    this.data = options.data ?? join(options.directory, "data");
    this.#server = options.server ?? this.#newServer(options.wrapper);
    this.#history = new HistoryFile(this.#newFile("driver"), "driver");
    this.admin = new Administrator(this.#server.url);
    this.#rooms = options.rooms && new RoundRooms(this.#server.url, this.#history, options.rooms);
    const { onFault, seed } = options;
    this.#network = onFault && new Network({ port, random: new Random(seed), onFault });
  }

  /** Starts a server and defines the queues. */
  static async begin(options: RoundOptions): Promise<Round> {
    const round = new Round(options, await freePort());
    if (options.server === undefined) await round.start();
    else round.#history.add({ type: "restart", life: 0 });
    for (const { name, settings } of options.queues) {
      round.#history.add({ type: "define", queue: name, options: settings });
      if (settings.deadLetter !== false) round.#history.add({ type: "define", queue: settings.deadLetter, options: DEAD_SETTINGS });
      await round.admin.define(name, settings);
    }
    await round.#rooms?.begin();
    return round;
  }

  #newServer(wrapper: readonly string[] = []): ServerProcess {
    const flags = ["--disconnect-grace-ms", String(GRACE_MS), ...(this.#options.onFault === undefined ? [] : PING_FLAGS)];
    return new ServerProcess(this.data, this.#port, wrapper, flags, this.#options.program);
  }

  #newFile(name: string): string {
    const file = join(this.#options.directory, `${name}.ndjson`);
    this.files.push(file);
    return file;
  }

  get url(): string {
    return this.#server.url;
  }

  get pid(): number | undefined {
    return this.#server.pid;
  }

  /** Whether the server has not ended by itself. */
  get running(): boolean {
    return this.#server.running;
  }

  /** What the server wrote last. */
  get said(): string {
    return this.#server.said;
  }

  /** A URL at which one client, which writes no history, finds the server. */
  async entrance(): Promise<string> {
    return (await this.#network?.entrance()) ?? this.url;
  }

  /** Starts a client and resolves when it is connected, through the network if there is one. */
  async client(spec: Omit<ClientSpec, "firstCall" | "url" | "history" | "seed">, at?: string): Promise<ClientProcess> {
    const number = ++this.#begun;
    const url = at ?? (await this.#network?.entrance(new HistoryFile(this.#newFile(`${spec.name}-connections`), spec.name))) ?? this.url;
    const given = { url, firstCall: number * CALLS_PER_CLIENT, seed: this.#options.seed * 100 + number };
    const client = new ClientProcess({ ...spec, ...given, history: this.#newFile(spec.name) });
    this.clients.push(client);
    await client.says("ready");
    return client;
  }

  /** Faults happen to the network from now on, if there is one. */
  disturb(): void {
    this.#network?.disturb();
  }

  /** Starts the server and resolves when it serves. */
  async start(): Promise<void> {
    this.#history.add({ type: "restart", life: 0 });
    await this.#server.start();
  }

  /**
   * Lives a life that something in the wrapper is to end, and then none.
   *
   * @returns how it ended within that time, if it did
   */
  async liveAndDie(wrapper: readonly string[], withinMs: number): Promise<"lived" | "exited" | "killed"> {
    this.#server = this.#newServer(wrapper);
    this.#history.add({ type: "restart", life: 0 });
    const child = this.#server.launch();
    const ended = await this.#server.ended(withinMs);
    const killed = child.signalCode === "SIGKILL";
    await this.kill();
    this.#server = this.#newServer();
    if (!ended) return "lived";
    return killed ? "killed" : "exited";
  }

  /** Servers that are started from now on have a clock that is so far ahead, by what the wrapper reads; nobody runs now. */
  async setClock(aheadMs: number): Promise<void> {
    // What clients still have to read of the last one is of its clock.
    await pause(GRACE_MS);
    this.#history.add({ type: "clock-set", aheadMs });
  }

  /** Asks the server to end. */
  stopServer(): Promise<void> {
    return this.#server.stop();
  }

  /** Kills the server. */
  async kill(): Promise<void> {
    await this.#server.kill();
    this.#history.add({ type: "crash" });
  }

  /** The client's consumers may be given up from now on: it stands still, or did. */
  stalled(client: ClientProcess): void {
    new HistoryFile(this.#newFile(`${client.spec.name}-stalls-${this.files.length}`), client.spec.name).add({ type: "stalled" });
  }

  /**
   * Everything is healed; what is left is drained and looked at, and the history is judged.
   *
   * @param options `clear`: what is done at the end, when all was looked at
   */
  async finish({ drain = true, clear }: FinishOptions = {}): Promise<RoundResult> {
    await this.quiet();
    if (drain) await this.#drain();
    await Promise.all(this.clients.map((client) => client.stop("stop")));
    for (const { name, settings } of this.#options.queues) {
      const { dead } = await this.#lookAt(name);
      if (settings.deadLetter === false) continue;
      if (await this.admin.exists(settings.deadLetter)) await this.#lookAt(settings.deadLetter);
      else if (dead > 0) throw new Error(`${name} has ${dead} dead letters, and ${settings.deadLetter} is not there`);
    }
    await this.#rooms?.lookAt();
    await clear?.(this.admin);
    this.admin.close();
    this.#rooms?.close();
    if (this.#options.server === undefined) await this.#server.stop();
    await this.#network?.close();
    this.#history.close();
    return { ...this.#judge(), findings: await examine(this.data) };
  }

  /** The network is well, and no client publishes any more; resolves once what they had under way is over. Again changes nothing. */
  async quiet(): Promise<void> {
    this.#network?.heal();
    await Promise.all(
      this.clients.map(async (client) => {
        const quiet = client.says("quiet");
        client.tell("quiet");
        await quiet;
      }),
    );
  }

  async #drain(): Promise<void> {
    await this.#rooms?.emitLast();
    const drained = this.clients.filter(({ spec }) => spec.member !== undefined).map((client) => client.says("drained"));
    for (const client of this.clients) client.tell("drain");
    await Promise.all(drained);
    this.#rooms?.drained();
    const deadline = performance.now() + DRAIN_MS;
    for (const { name } of this.#options.queues) {
      for (;;) {
        const { ready, inFlight, delayed, parked } = await this.admin.counts(name);
        if (ready + inFlight + delayed + parked === 0) break;
        if (performance.now() > deadline) break;
        await pause(POLL_MS);
      }
      this.#history.add({ type: "drained", queue: name });
    }
  }

  async #lookAt(queue: string): Promise<Counts> {
    const messages = await this.admin.scan(queue);
    this.#history.add({ type: "scan", queue, messages });
    const counts = await this.admin.counts(queue);
    this.#history.add({ type: "stats", queue, counts });
    return counts;
  }

  #judge(): Omit<RoundResult, "findings"> {
    const leases = new Map(this.#options.queues.map(({ name, settings }) => [name, settings.leaseMs]));
    const files = this.files.map(readLines);
    const history = mergeHistories(files, {
      zeroMs: this.zeroMs,
      graceMs: GRACE_MS,
      leaseMsOf: (queue) => leases.get(queue) ?? DEAD_SETTINGS.leaseMs,
    });
    const lines = files.flat().sort((a, b) => a.ns - b.ns);
    return { violations: check(history), counts: tally(history), history, lines };
  }

  /** Ends all that still runs, and removes the directory. */
  async dispose(): Promise<void> {
    this.admin.close();
    this.#rooms?.close();
    await Promise.all(this.clients.map((client) => client.kill()));
    if (this.#options.server === undefined) await this.#server.kill();
    await this.#network?.close();
    rmSync(this.#options.directory, { recursive: true, force: true });
  }
}
