import { checkOptions, checkWhole } from "./check.js";
import type { Connection, Party, Reply } from "./connection.js";
import type { ConsumeOptions, Consumer } from "./consumer.js";
import { Batch, type LeasedDelivery, type Settler } from "./delivery.js";
import { HoldfastError } from "./errors.js";
import { Fifo } from "./fifo.js";
import type { DeliveriesSection } from "./frame.js";
import type { Host } from "./host.js";
import * as LIMITS from "./limits.js";
import { type Settlement, Settlements } from "./settlements.js";
import { limitWait } from "./wait.js";

/**
 * A consumer, as far as handler and stream have it in common: its tie to the queue on the server, made again after
 * every reconnect.
 *
 * detached -> (holdfast:consume) -> attaching -> attached -> detached when the connection or the consumer is lost;
 * once it is to leave and nothing is left to settle: attached -> (holdfast:cancel) -> leaving -> ended.
 * `#consumer` is kept while detached: within the server's grace it is resumed, with the leases held here.
 */
export abstract class Attachment implements Consumer, Party, Settler {
  readonly queue: string;
  tenure = 0;
  readonly closed: Promise<HoldfastError | undefined>;
  protected readonly maxInFlight: number;
  /** How many deliveries are being worked on that will be settled. */
  protected running = 0;
  /** Deliveries that nobody works on yet. */
  protected readonly waiting = new Fifo<LeasedDelivery>();
  protected readonly host: Host;
  readonly #connection: Connection;
  readonly #options: ConsumeOptions;
  readonly #settlements: Settlements;
  readonly #batches = new Set<Batch>();
  /** Resolves when there are no leases to be prolonged. */
  #keeping: Promise<void> | undefined;
  #state: "detached" | "attaching" | "attached" | "leaving" | "ended" = "detached";
  #consumer: string | undefined;
  #handle = -1;
  /** Leases of a consumer rise, so one that does not was here before. */
  #highestLease = 0;
  #wantsToLeave = false;
  #attempt = 0;
  #close!: (error: HoldfastError | undefined) => void;

  constructor(host: Host, queue: string, options: ConsumeOptions) {
    checkOptions(options);
    const { maxInFlight = 100 } = options;
    checkWhole("maxInFlight", maxInFlight, 1, LIMITS.maxInFlightMax);
    checkWhole("extendForMs", options.extendForMs, 0, LIMITS.leaseMsMax);
    this.queue = queue;
    this.maxInFlight = maxInFlight;
    this.#options = options;
    const { connection } = host;
    this.host = host;
    this.#connection = connection;
    this.#settlements = new Settlements(connection, () => {
      connection.flushSoon(this);
      this.leaveIfIdle();
    });
    this.closed = new Promise((resolve) => {
      this.#close = resolve;
    });
  }

  protected abstract take(delivery: LeasedDelivery): void;

  start(): this {
    this.#connection.assertOpen();
    const { signal } = this.#options;
    void this.closed.then(limitWait(signal, 0, () => this.leave()));
    if (signal?.aborted) this.leave();
    else this.#connection.join(this);
    return this;
  }

  async cancel(): Promise<void> {
    this.leave();
    await this.closed;
  }

  onReady(): void {
    this.leaveIfIdle();
    // A consumer that is to leave comes back only to settle what it holds.
    if (this.#wantsToLeave && this.#consumer === undefined) return;
    if (this.#state === "detached" && this.#connection.ready) this.#attach();
  }

  onLost(): void {
    if (this.#state === "leaving") {
      this.end();
    } else if (this.#state !== "ended") {
      this.#state = "detached";
      // The next connection may give it to another.
      this.#handle = -1;
      this.#settlements.interrupt();
    }
  }

  #attach(): void {
    this.#state = "attaching";
    const { queue, maxInFlight } = this;
    const resumed = this.#consumer;
    const held = resumed && this.#held();
    this.#connection.request("holdfast:consume", { queue, maxInFlight, frames: true, consumer: resumed, held }, (error, reply) => {
      if (this.#state !== "attaching") return;
      if (!error) {
        this.#state = "attached";
        this.#attempt = 0;
        this.#consumer = reply.consumer as string;
        this.#handle = reply.handle as number;
        this.#connection.takers.set(this.#handle, this);
        this.#connection.flushSoon(this);
        this.leaveIfIdle();
        return;
      }
      this.#state = "detached";
      if (resumed !== undefined && error.code === "NOT_FOUND") {
        this.#lose();
        this.onReady();
      } else if (error.retryable) {
        this.#attachLater();
      } else {
        this.end(error);
      }
    });
  }

  #attachLater(): void {
    this.#connection.pause(this.#attempt++, () => this.onReady());
  }

  /** The leases that may still be settled here, as runs: the server takes back the others, whose delivery was lost. */
  #held(): [first: number, count: number][] {
    const runs: [number, number][] = [];
    for (const batch of this.#batches) {
      for (const { lease, answered } of batch.deliveries) {
        if (answered) continue;
        const run = runs.at(-1);
        if (run && run[0] + run[1] === lease) run[1]++;
        else runs.push([lease, 1]);
      }
    }
    return runs.slice(-LIMITS.maxInFlightMax);
  }

  onDeliveries(section: DeliveriesSection): void {
    if (this.#state !== "attached") return;
    const batch = new Batch(this, section);
    // Deliveries nobody ever settled must not be remembered for ever; their leases are over.
    for (const older of this.#batches) if (older.endsAt < performance.now()) this.#batches.delete(older);
    this.#batches.add(batch);
    for (let index = 0; index < section.starts.length; index++) {
      const lease = section.firstLease + index;
      if (lease <= this.#highestLease) continue;
      this.#highestLease = lease;
      const delivery = batch.add(lease, section.starts[index] as number);
      // Returned at once it might come straight back; so it waits, though not so long that its lease could end.
      if (this.#wantsToLeave) this.#connection.after(section.leaseMs / 2, () => delivery.finish("release"));
      else this.take(delivery);
    }
    // A chunk of its own, loaded with the first deliveries. It prolongs leases while work goes on.
    this.#keeping ??= import("./extending.js")
      .then((it) => it.keep(this.#connection, this.#batches, this.#options))
      .catch(() => {})
      .then(() => {
        this.#keeping = undefined;
      });
  }

  settle(item: Settlement): void {
    this.#settlements.add(item);
    this.#connection.flushSoon(this);
  }

  onAnswered(batch: Batch): void {
    this.#batches.delete(batch);
  }

  write(): void {
    if (this.#state !== "attached") return;
    this.#settlements.write(this.#handle);
  }

  /** Takes no more deliveries, and ends once those being worked on are settled and the server knows. */
  leave(): void {
    this.#wantsToLeave = true;
    for (const delivery of this.waiting.clear()) delivery.finish("release");
    this.leaveIfIdle();
  }

  /** To be called when something may have been the last it had to do. */
  protected leaveIfIdle(): void {
    if (!this.#wantsToLeave || this.running > 0 || !this.#settlements.idle) return;
    if (this.#state === "detached") {
      this.end();
    } else if (this.#state === "attached") {
      this.#state = "leaving";
      this.#connection.request("holdfast:cancel", { consumer: this.#consumer }, () => this.end());
    }
  }

  onCancelled({ consumer, reason }: Reply): void {
    if (consumer !== this.#consumer) return;
    // For a passing reason it consumes anew; what it had is lost.
    if (reason !== "engine-restarted" && reason !== "shutting-down") {
      const code = reason === "deleted" ? "NOT_FOUND" : "ABORTED";
      this.end(new HoldfastError(code, `consumer of ${this.queue} ended: ${reason}`));
      return;
    }
    this.#state = "detached";
    this.#lose();
    this.#attachLater();
  }

  /** The leases are another's now. */
  #lose(): void {
    this.tenure++;
    this.#batches.clear();
    this.waiting.clear();
    this.#settlements.fail();
    this.#connection.takers.delete(this.#handle);
    this.#consumer = undefined;
    this.#highestLease = 0;
  }

  /** It is over; `error` says why when nobody here asked for that. */
  end(error?: HoldfastError): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#lose();
    this.#connection.leave(this);
    this.#close(error);
  }

  onRefused(error: HoldfastError): void {
    this.end(error);
  }
}
