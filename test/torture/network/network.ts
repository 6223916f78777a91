import { type Clock, systemClock } from "../../../packages/server/src/clock.js";
import type { Random } from "../../simulation/random.js";
import { type HistoryFile, nowNs } from "../history-file.js";
import { drawFault, type FaultKind } from "./fault.js";
import { TcpProxy } from "./tcp-proxy.js";

/** So long nothing is done to a client's connection, on average. */
const WHOLE_MS = 1_000;

interface NetworkOptions {
  /** The server's. */
  readonly port: number;
  readonly random: Random;
  onFault(kind: FaultKind): void;
  readonly clock?: Clock;
}

/** From one client to the server. */
interface Way {
  readonly proxy: TcpProxy;
  readonly random: Random;
  /** Takes back what is to come next. */
  cancel(): void;
}

/** What is between clients and a server: a proxy for each client, and the faults that chance does to it. */
export class Network {
  readonly #port: number;
  readonly #random: Random;
  readonly #onFault: (kind: FaultKind) => void;
  readonly #clock: Clock;
  readonly #ways: Way[] = [];
  readonly #histories: HistoryFile[] = [];

  constructor({ port, random, onFault, clock = systemClock }: NetworkOptions) {
    this.#port = port;
    this.#random = random;
    this.#onFault = onFault;
    this.#clock = clock;
  }

  /**
   * Makes a way to the server for one client.
   *
   * @param history where it is written down when the server's side of its connections is over; closed with all of this
   * @returns the URL
   */
  async entrance(history?: HistoryFile): Promise<string> {
    const random = this.#random.fork();
    if (history !== undefined) this.#histories.push(history);
    const starts: number[] = [];
    const onLink = (): ((deafMs: number) => void) => {
      const sinceNs = nowNs();
      starts.push(sinceNs);
      return (deafMs) => {
        const ns = nowNs();
        const untilNs = starts.find((start) => start > sinceNs) ?? ns;
        history?.add({ type: "connection-lost", sinceNs, untilNs, deafNs: ns - deafMs * 1e6 }, ns);
      };
    };
    const proxy = await TcpProxy.open(this.#port, { onLink, clock: this.#clock });
    this.#ways.push({ proxy, random, cancel: () => {} });
    return proxy.url;
  }

  /** Faults happen now and then from now on. */
  disturb(): void {
    for (const way of this.#ways) this.#disturbLater(way, this.#clock.now());
  }

  #disturbLater(way: Way, from: number): void {
    const { proxy, random } = way;
    way.cancel = this.#clock.wakeAt(from + random.below(2 * WHOLE_MS), () => {
      const fault = drawFault(random);
      proxy.suffer(fault, () => this.#onFault(fault.kind));
      this.#disturbLater(way, this.#clock.now() + fault.lastsMs);
    });
  }

  /** All that goes wrong is over, and nothing goes wrong any more. */
  heal(): void {
    for (const { proxy, cancel } of this.#ways) {
      cancel();
      proxy.heal();
    }
  }

  /** Cuts all connections and lets nobody in any more. */
  async close(): Promise<void> {
    this.heal();
    await Promise.all(this.#ways.splice(0).map(({ proxy }) => proxy.close()));
    for (const history of this.#histories.splice(0)) history.close();
  }
}
