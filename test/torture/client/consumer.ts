import type { Settle, Token } from "../../simulation/history.js";
import { nowNs } from "../history-file.js";
import { pause } from "../pause.js";
import { readToken } from "../tokens.js";
import type { Session } from "./session.js";
import type { ConsumerSpec, Verb } from "./spec.js";

const EXTEND_MS = 1_500;
const NACK_MS_MAX = 50;
/** Longer than a lease of a round. */
const LATE_MS = 1_200;

interface DeliveryPayload {
  readonly consumer: string;
  readonly queue: string;
  readonly id: string;
  readonly sequence: number;
  readonly attempt: number;
  readonly body: string;
  readonly key?: string;
  readonly publishedAt: number;
  readonly token: string;
  readonly leaseUntil: number;
}

/** A delivery in hand. */
interface Held {
  readonly payload: DeliveryPayload;
  readonly token: Token;
  /** The name of the consumer in the history, which never comes again. */
  readonly consumer: string;
  readonly answer: () => void;
}

interface Settled {
  readonly results: readonly { readonly token: string; readonly ok: boolean; readonly error?: { readonly code: string } }[];
}

/** What became of settlements: how many were taken, refused as stale, or refused otherwise. */
export interface Fates {
  accepted: number;
  stale: number;
  readonly other: string[];
}

/** Consumes, and does with each delivery what chance says. */
export class Consumer {
  readonly #session: Session;
  readonly #spec: ConsumerSpec;
  readonly #verbs: readonly Verb[];
  readonly #hoard: Held[] = [];
  #consumer: { readonly name: string; readonly id: string; readonly sinceNs: number } | undefined;
  #draining = false;

  constructor(session: Session, spec: ConsumerSpec) {
    this.#session = session;
    this.#spec = spec;
    this.#verbs = Object.entries(spec.verbs).flatMap(([verb, weight]) => Array.from({ length: weight }, () => verb as Verb));
  }

  start(): void {
    const { socket } = this.#session;
    socket.on("connect", () => void this.#attach());
    socket.on("disconnect", () => this.#lose({ counted: true }));
    socket.on("holdfast:delivery", (payload: DeliveryPayload, answer: () => void) => void this.#take(payload, answer));
    // The server gave the consumer up at some time before: it left too much unanswered.
    socket.on("holdfast:cancelled", () => {
      this.#lose({ counted: false, ns: this.#consumer?.sinceNs });
      void this.#attach();
    });
  }

  drain(): void {
    this.#draining = true;
  }

  async #attach(): Promise<void> {
    const { queue, maxInFlight } = this.#spec;
    const name = `${this.#session.channel}/${this.#session.newCall()}`;
    this.#session.note({ type: "attached", consumer: name, queue, maxInFlight });
    const sinceNs = nowNs();
    this.#consumer = { name, id: "", sinceNs };
    const answer = await this.#session.ask<{ readonly consumer: string }>("holdfast:consume", { queue, maxInFlight });
    if (answer?.ok && this.#consumer?.name === name) this.#consumer = { name, id: answer.consumer, sinceNs };
    else if (answer?.ok === false && this.#session.connected) {
      await pause(50);
      await this.#attach();
    }
  }

  /** It is gone without a word: with its connection, or cancelled by the server. */
  #lose({ counted, ns }: { readonly counted: boolean; readonly ns?: number | undefined }): void {
    if (this.#consumer === undefined) return;
    this.#session.note({ type: "detach", call: this.#session.newCall(), consumer: this.#consumer.name, counted }, ns);
    this.#consumer = undefined;
  }

  async cancel(): Promise<void> {
    const consumer = this.#consumer;
    if (consumer === undefined || consumer.id === "") return;
    this.#consumer = undefined;
    const call = this.#session.newCall();
    this.#session.note({ type: "detach", call, consumer: consumer.name, counted: false });
    const answer = await this.#session.ask("holdfast:cancel", { consumer: consumer.id });
    if (answer?.ok) this.#session.note({ type: "detach-done", call, outcome: "ok" });
  }

  async #take(payload: DeliveryPayload, answer: () => void): Promise<void> {
    const consumer = this.#consumer?.name;
    if (consumer === undefined) return;
    const { queue, id, sequence, attempt, body, key, publishedAt, leaseUntil } = payload;
    const token = readToken(payload.token);
    const seen = { queue, id, sequence, attempt, body, ...(key !== undefined && { key }), publishedAt, leaseUntil };
    this.#session.note({ type: "delivery", consumer, token, ...seen });
    const held = { payload, token, consumer, answer };
    if (this.#spec.hoards && !this.#draining) {
      this.#hoard.push(held);
      this.#session.say({ say: "hoard", count: this.#hoard.length });
      return;
    }
    await this.#work(held);
  }

  async #work(held: Held): Promise<void> {
    const { random } = this.#session;
    const verb = this.#draining ? "ack" : (random.any(this.#verbs) ?? "ack");
    if (verb === "none") return;
    if (!this.#draining && this.#spec.workMsMax > 0) await pause(random.below(this.#spec.workMsMax));
    // Whatever the consumer is told to do meanwhile, what comes now must be refused.
    if (verb === "late") await pause(LATE_MS);
    if (verb === "extend") {
      await this.#settle(held, "extend");
      await pause(random.below(this.#spec.workMsMax));
    }
    if (verb === "answer") this.#answer(held);
    else await this.#settle(held, verb === "extend" || verb === "late" ? "ack" : verb);
  }

  /** The callback has no reply, so nobody knows what became of it. */
  #answer({ token, consumer, answer }: Held): void {
    this.#session.note({ type: "settle", call: this.#session.newCall(), consumer, token, verb: "ack" });
    answer();
  }

  /** Settles all that was hoarded at once. */
  async settleHoard(): Promise<Fates> {
    const fates: Fates = { accepted: 0, stale: 0, other: [] };
    for (const held of this.#hoard.splice(0)) {
      const code = await this.#settle(held, "ack");
      if (code === "ok") fates.accepted++;
      else if (code === "STALE_LEASE") fates.stale++;
      else fates.other.push(code);
    }
    return fates;
  }

  async #settle({ payload, token, consumer }: Held, verb: Settle["verb"]): Promise<string> {
    const session = this.#session;
    const call = session.newCall();
    const terms = verb === "nack" ? { delayMs: session.random.below(NACK_MS_MAX) } : verb === "extend" ? { leaseMs: EXTEND_MS } : {};
    if (verb === "reject") session.say({ say: "rejecting" });
    if (!session.connected) return "unsent";
    session.note({ type: "settle", call, consumer, token, verb, ...terms });
    const settlement = { token: payload.token, [verb]: "delayMs" in terms || "leaseMs" in terms || verb === "reject" ? terms : true };
    const answer = await session.ask<Settled>("holdfast:settle", { consumer: payload.consumer, settlements: [settlement] });
    const result = answer?.ok ? answer.results[0] : undefined;
    if (result?.ok) {
      session.note({ type: "settle-done", call, outcome: "ok" });
      if (verb === "ack") session.say({ say: "acked" });
      return "ok";
    }
    const code = result?.error?.code ?? (answer?.ok === false ? answer.code : "UNKNOWN");
    session.note(
      code === "UNKNOWN" ? { type: "settle-done", call, outcome: "info" } : { type: "settle-done", call, outcome: "fail", code },
    );
    return code;
  }
}
