import { connect, type Delivery, type Holdfast } from "holdfast-client";
import { type RunningServer, Shell } from "./cli-process.js";

/** What a vendor wants to have brought to a customer. */
interface Pickup {
  readonly store: string;
  readonly orderId: string;
  readonly customer: string;
  readonly address: string;
}

export type State = "in-transit" | "delivered";

/** What a vendor is told of its parcel. */
interface Change {
  readonly orderId: string;
  readonly state: State;
}

/** One thing that somebody did. */
interface Event {
  readonly who: string;
  readonly did: "orders" | "picks up" | "hands over" | "crashes" | "is told" | "confirms";
  readonly orderId: string;
  readonly state?: State;
  readonly attempt?: number;
}

/** Everything that happened, in order; to be waited for. */
class History {
  readonly events: Event[] = [];
  #waiting: (() => void)[] = [];

  add(event: Event): void {
    this.events.push(event);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  of(did: Event["did"], who?: string): Event[] {
    return this.events.filter((event) => event.did === did && (who === undefined || event.who === who));
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}

/** Where everybody meets: the namespace `/caps` of a server in a process of its own. */
export class Hub {
  readonly history = new History();
  readonly #shell = new Shell();
  readonly #directory = this.#shell.directory();
  readonly #clients: Holdfast[] = [];
  #server: RunningServer | undefined;
  #port = 0;

  /** Opens the hub, also where it was before it was killed. */
  async open(): Promise<void> {
    this.#server = await this.#shell.serve(this.#directory, this.#port, ["--disconnect-grace-ms", "100"]);
    this.#port = this.#server.port;
  }

  /** The process ends as when memory is out. */
  async kill(): Promise<void> {
    await this.#server?.cli.kill();
  }

  /** A client, which comes back by itself when the hub does. */
  client(user: string): Holdfast {
    const client = connect(`http://127.0.0.1:${this.#port}/caps`, {
      auth: { user },
      forceNew: true,
      reconnectionDelay: 20,
      reconnectionDelayMax: 100,
    });
    this.#clients.push(client);
    return client;
  }

  async close(): Promise<void> {
    for (const client of this.#clients) await client.close({ timeoutMs: 0 });
    await this.#shell.close();
  }
}

/** Hands parcels over to drivers, and wants to know what becomes of them. */
export class Vendor {
  readonly store: string;
  readonly #hub: Hub;
  #client: Holdfast | undefined;

  constructor(hub: Hub, store: string) {
    this.#hub = hub;
    this.store = store;
  }

  /** Its changes come one after the other for each parcel, and those of different parcels beside each other. */
  async opens(): Promise<void> {
    await this.#online.queue(this.store).define({ ordering: "key" });
  }

  get #online(): Holdfast {
    this.#client ??= this.#hub.client(this.store);
    return this.#client;
  }

  /** Wants `count` parcels brought; resolves once the hub has it on disk. */
  async orders(count: number): Promise<void> {
    const pickups = this.#online.queue<Pickup>("pickup");
    for (let number = 1; number <= count; number++) {
      const orderId = `${this.store}-${number}`;
      await pickups.publish({ store: this.store, orderId, customer: `customer ${number}`, address: `${number} Main Street` });
      this.#hub.history.add({ who: this.store, did: "orders", orderId });
    }
  }

  /** Hears of its parcels, and confirms each change unless it is too `busy`. */
  listens(busy = false): void {
    const { history } = this.#hub;
    this.#online.queue<Change>(this.store).consume(async (delivery) => {
      const what = { who: this.store, ...delivery.body, attempt: delivery.attempt };
      history.add({ ...what, did: "is told" });
      if (busy) return new Promise(() => {});
      await delivery.ack();
      history.add({ ...what, did: "confirms" });
    });
  }

  /** Nobody is there any more; what was not confirmed has to come again. */
  goesAway(): void {
    this.#client?.socket.disconnect();
    this.#client = undefined;
  }
}

/** Takes pickups, and tells the vendor on the way. */
export class Driver {
  readonly name: string;
  readonly #hub: Hub;
  readonly #client: Holdfast;

  constructor(hub: Hub, name: string) {
    this.name = name;
    this.#hub = hub;
    this.#client = hub.client(name);
  }

  /** Drives for ever, or crashes with what it has in its van once it picked up `crashAt` parcels. */
  drives(crashAt = Number.POSITIVE_INFINITY): void {
    const { history } = this.#hub;
    let picked = 0;
    const handler = async ({ body: { store, orderId }, attempt }: Delivery<Pickup>): Promise<void> => {
      history.add({ who: this.name, did: "picks up", orderId, attempt });
      picked++;
      await this.#tell(store, orderId, "in-transit");
      if (picked >= crashAt) return this.#crash();
      await this.#tell(store, orderId, "delivered");
      history.add({ who: this.name, did: "hands over", orderId });
    };
    this.#client.queue<Pickup>("pickup").consume(handler, { maxInFlight: 2 });
  }

  /** A state that another driver told before it crashed has the same id, so it is stored once. */
  async #tell(store: string, orderId: string, state: State): Promise<void> {
    await this.#client.queue<Change>(store).publish({ orderId, state }, { id: `${orderId}/${state}`, key: orderId, event: state });
  }

  /** Not a word to anybody: the connection is gone, and no handler ever returns. */
  #crash(): Promise<never> {
    if (this.#hub.history.of("crashes", this.name).length === 0) {
      this.#client.socket.disconnect();
      this.#hub.history.add({ who: this.name, did: "crashes", orderId: "" });
    }
    return new Promise(() => {});
  }
}
