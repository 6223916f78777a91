import type { QueueAddress } from "../../packages/server/src/engine.js";
import { engineName } from "./engine-name.js";
import type { HistoryEntry } from "./history-log.js";
import { HistoryLog } from "./history-log.js";
import { Network } from "./network.js";
import { chooseQueues, optionsOf, REPLIES, type SimulatedQueue } from "./queues.js";
import { Random } from "./random.js";
import { Booth } from "./simulated-booth.js";
import { Consumers } from "./simulated-consumers.js";
import { Devices } from "./simulated-devices.js";
import { Emitters } from "./simulated-emitters.js";
import { OVEN_QUEUE, Oven } from "./simulated-oven.js";
import { Publishers } from "./simulated-publishers.js";
import { chooseRooms, FED_QUEUE, roomOptionsOf, type SimulatedRoom } from "./simulated-rooms.js";
import { SimulatedServer } from "./simulated-server.js";
import { Shed } from "./simulated-shed.js";
import { SimulatedDisk } from "./simulated-store.js";
import { Timekeeper } from "./simulated-timekeeper.js";
import { VirtualTime } from "./virtual-time.js";

/** Everything of one run: a server on a disk, queues, and those who publish and consume. */
export class World {
  readonly time = new VirtualTime();
  readonly random: Random;
  readonly log = new HistoryLog();
  readonly disk: SimulatedDisk;
  readonly server: SimulatedServer;
  readonly network: Network;
  readonly queues: readonly SimulatedQueue[];
  /** Those that are published to. */
  readonly origins: readonly SimulatedQueue[];
  readonly rooms: readonly SimulatedRoom[];
  /** The queue that rooms feed, if there is one. */
  readonly fed: SimulatedQueue | undefined;
  readonly consumers: Consumers;
  readonly publishers: Publishers;
  readonly devices: Devices;
  readonly emitters: Emitters;
  readonly shed: Shed;
  readonly oven: Oven;
  readonly booth: Booth;
  readonly timekeeper: Timekeeper;
  /** What was done so far; each message published or settled counts. */
  operations = 0;
  /** Ids of dead letters that somebody saw. */
  readonly deadIds: string[] = [];
  #calls = 0;
  readonly #sequences = new Map<string, number>();
  #surprise: { readonly error: unknown } | undefined;

  constructor(seed: number) {
    this.random = new Random(seed);
    this.disk = new SimulatedDisk(this.time, this.random.fork());
    this.server = new SimulatedServer(this.time, this.random.fork(), this.disk, this.log, {
      up: () => {
        this.consumers.arrive();
        this.devices.arrive();
      },
      down: () => {
        this.consumers.forgetAll();
        this.devices.forgetAll();
      },
      work: (queue) => this.consumers.hint(queue),
      expired: (consumer, leases) => this.consumers.expire(consumer, leases),
      revoked: (consumer, leases) => this.consumers.revoke(consumer, leases),
      capacity: (consumer) => this.consumers.turn(consumer),
      removed: (consumer) => this.consumers.removed(consumer),
      roomWork: (sessions) => this.devices.hint(sessions),
      sessionEnded: (session, reason) => this.devices.ended(session, reason),
    });
    this.network = new Network(this.time, this.random.fork(), this.server);
    this.queues = chooseQueues(this.random.fork());
    this.origins = this.queues.filter(({ dead, name }) => !dead && name !== FED_QUEUE && name !== OVEN_QUEUE);
    this.rooms = chooseRooms(this.random.fork());
    this.fed = this.queues.find(({ name }) => name === FED_QUEUE);
    this.consumers = new Consumers(this);
    this.publishers = new Publishers(this);
    this.devices = new Devices(this);
    this.emitters = new Emitters(this);
    this.shed = new Shed(this);
    this.oven = new Oven(this);
    this.booth = new Booth(this);
    this.timekeeper = new Timekeeper(this);
  }

  /** Queues whose messages ask for answers. */
  get asking(): readonly SimulatedQueue[] {
    return this.origins.filter(({ replies }) => replies !== undefined);
  }

  address(queue: string): QueueAddress {
    return { namespace: "/", queue: engineName(queue) };
  }

  nextCall(): number {
    this.operations++;
    return ++this.#calls;
  }

  record(entry: HistoryEntry): void {
    this.server.record(entry);
    if (entry.type === "delivery") this.know(entry.queue, entry.sequence);
    if (entry.type === "peek") for (const { sequence } of entry.messages) this.know(entry.queue, sequence);
  }

  /** A receipt or a delivery told that the queue has, or had, a message of that sequence. */
  know(queue: string, sequence: number): void {
    this.#sequences.set(queue, Math.max(sequence, this.lastKnown(queue)));
  }

  /** The highest sequence of the queue that anybody was told of. */
  lastKnown(queue: string): number {
    return this.#sequences.get(queue) ?? 0;
  }

  /** Lets something go on in virtual time. */
  spawn(task: Promise<unknown>): void {
    task.catch((error: unknown) => {
      this.#surprise ??= { error };
    });
  }

  /** @throws what one of the tasks threw that is no answer of an engine */
  assertNoSurprise(): void {
    if (this.#surprise !== undefined) throw this.#surprise.error;
  }

  /** Starts the server and defines the queues, before anything goes wrong. */
  async begin(): Promise<void> {
    this.server.start();
    await this.time.run(1_000_000);
    const { engine } = this.server;
    if (engine === undefined || !this.server.serves) throw new Error("the first life did not begin");
    for (const { name, settings, defined } of this.queues) {
      this.record({ type: "define", queue: name, options: settings });
      if (defined) await this.time.until(`the definition of ${name}`, engine.define(this.address(name), optionsOf(settings)));
    }
    if (this.asking.length > 0) await this.time.until("the definition of a reply queue", engine.define(this.address(REPLIES), {}));
    for (const { name, settings } of this.rooms) {
      this.record({ type: "define-room", room: name, options: settings });
      await this.time.until(`the definition of ${name}`, engine.defineRoom({ namespace: "/", room: name }, roomOptionsOf(settings)));
    }
    this.consumers.arrive();
    this.devices.arrive();
  }
}
