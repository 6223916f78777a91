import type { EngineEvents, QueueAddress } from "../../packages/server/src/engine.js";
import { StoredEngine } from "../../packages/server/src/engines/stored-engine.js";
import type { HistoryEntry, HistoryLog } from "./history-log.js";
import type { Random } from "./random.js";
import { SimulatedClock } from "./simulated-clock.js";
import { type CommitLog, type SimulatedDisk, SimulatedStore } from "./simulated-store.js";
import { ms, type VirtualTime } from "./virtual-time.js";

/** What the server tells those who use it. Nothing is told of a process that is gone. */
export interface ServerEvents {
  /** A life began: the engine serves. */
  up(): void;
  /** The life is over, and its consumers with it. */
  down(): void;
  work(queue: string): void;
  expired(consumer: number, leases: readonly number[]): void;
  revoked(consumer: number, leases: readonly number[]): void;
  /** It is the consumer's turn in a `fifo` queue. */
  capacity(consumer: number): void;
  /** The consumer is gone with its queue. */
  removed(consumer: number): void;
  /** Sessions of devices may have something. */
  roomWork(sessions: readonly number[]): void;
  sessionEnded(session: number, reason: "replaced" | "engine-restarted"): void;
}

interface Process {
  readonly engine: StoredEngine;
  readonly store: SimulatedStore;
  readonly clock: SimulatedClock;
  over: boolean;
}

/** The machine with the real engine on it: processes that start, crash, end by their own will, and start again. */
export class SimulatedServer {
  readonly #time: VirtualTime;
  readonly #random: Random;
  readonly #disk: SimulatedDisk;
  readonly #log: HistoryLog;
  readonly #events: ServerEvents;
  #process: Process | undefined;
  /** The clock of the last life. */
  #clock: SimulatedClock;
  #wallMs = 1_700_000_000_000;
  #commits = 0;
  /** How often a life began. */
  lives = 0;
  #living = false;
  #stopping = false;

  constructor(time: VirtualTime, random: Random, disk: SimulatedDisk, log: HistoryLog, events: ServerEvents) {
    this.#time = time;
    this.#random = random;
    this.#disk = disk;
    this.#log = log;
    this.#events = events;
    this.#clock = new SimulatedClock(time, random, this.#wallMs);
  }

  /** The engine of the process that runs, whether it serves or not. */
  get engine(): StoredEngine | undefined {
    return this.#process?.engine;
  }

  /** Whether the engine serves. */
  get serves(): boolean {
    return this.#living && !this.#stopping;
  }

  get isStopping(): boolean {
    return this.#stopping;
  }

  /** How many events there are. */
  get recorded(): number {
    return this.#log.events.length;
  }

  record(entry: HistoryEntry): void {
    this.#log.add(this.#clock.now(), entry);
  }

  /** Starts a process. When it cannot open its store it is started again later, as by a supervisor. */
  start(): void {
    const clock = new SimulatedClock(this.#time, this.#random.fork(), this.#wallMs);
    const random = this.#random.fork();
    const store = new SimulatedStore(this.#disk, this.#commitLog());
    const engine = new StoredEngine({ name: "simulated", store, clock, random: () => random.next() });
    const process: Process = { engine, store, clock, over: false };
    this.#process = process;
    this.#stopping = false;
    engine.open(this.#eventsOf(process)).then(
      () => this.#begin(process),
      () => this.#failedToStart(process),
    );
  }

  #commitLog(): CommitLog {
    return {
      begun: () => {
        if (!this.#living) return undefined;
        const commit = ++this.#commits;
        this.record({ type: "commit-begun", commit });
        return commit;
      },
      synced: (commit) => {
        if (this.#living && commit !== undefined) this.record({ type: "synced", commit });
      },
    };
  }

  #eventsOf(process: Process): EngineEvents {
    return {
      onWork: ({ queue }: QueueAddress) => {
        if (!process.over) this.#events.work(queue);
      },
      onExpired: (consumer, leases) => {
        if (!process.over) this.#events.expired(consumer, leases);
      },
      onRevoked: (consumer, leases) => {
        if (!process.over) this.#events.revoked(consumer, leases);
      },
      onCapacity: (consumer) => {
        if (!process.over) this.#events.capacity(consumer);
      },
      onRemoved: () => {},
      onRoomNews: () => {},
      onRoomWork: (sessions) => {
        if (!process.over) this.#events.roomWork(sessions);
      },
      onSessionEnded: (session, reason) => {
        if (!process.over) this.#events.sessionEnded(session, reason);
      },
      onSkipped: () => {},
      onOvertaken: () => {},
      onDetached: (consumer, reason) => {
        if (!process.over && reason === "deleted") this.#events.removed(consumer);
      },
      onState: (error) => {
        if (process.over) return;
        if (error === undefined) this.#begin(process);
        else this.#end({ type: "crash" });
      },
    };
  }

  #begin(process: Process): void {
    if (process.over) return;
    this.#clock = process.clock;
    this.#living = true;
    this.lives++;
    this.record({ type: "restart", life: process.engine.life });
    this.#events.up();
  }

  #failedToStart(process: Process): void {
    if (process.over) return;
    this.#endProcess(process);
    this.#time.in(ms(100), () => this.start());
  }

  #end(entry: HistoryEntry): void {
    if (!this.#living) return;
    this.#living = false;
    this.record(entry);
    this.#events.down();
  }

  #endProcess(process: Process): void {
    process.over = true;
    process.clock.end();
    process.store.kill();
    if (this.#process === process) this.#process = undefined;
  }

  /** Kills the process: what is not durable is gone. */
  crash(downMs: number, jumpMs: number): void {
    const process = this.#process;
    if (process === undefined) return;
    this.#endProcess(process);
    this.#end({ type: "crash" });
    this.#startLater(downMs, jumpMs);
  }

  /** Ends the process by its own will. */
  shutdown(downMs: number, jumpMs: number): void {
    const process = this.#process;
    if (process === undefined || !this.serves) return;
    this.#stopping = true;
    this.record({ type: "shutdown", stage: "begun" });
    const over = (entry: HistoryEntry): void => {
      if (process.over) return;
      this.#endProcess(process);
      this.#end(entry);
      this.#startLater(downMs, jumpMs);
    };
    process.engine.close().then(
      () => over({ type: "shutdown", stage: "done" }),
      () => over({ type: "crash" }),
    );
  }

  #startLater(downMs: number, jumpMs: number): void {
    this.#stopping = false;
    if (jumpMs !== 0) {
      this.#wallMs += jumpMs;
      this.record({ type: "clock-jump", byMs: jumpMs });
    }
    this.#time.in(ms(downMs), () => this.start());
  }
}
