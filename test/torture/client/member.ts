import type { GapReason, Target } from "../../simulation/room-history.js";
import { dropConnection } from "../drop-connection.js";
import { pause } from "../pause.js";
import type { Session } from "./session.js";
import { END_EVENT, type MemberSpec, ROOM_EVENT, type RoomVerb } from "./spec.js";

const NACK_MS_MAX = 50;
/** With everything answered and nothing new for so long nothing comes any more. */
const QUIET_MS = 250;
const POLL_MS = 20;

/** What the server says of a message beside its arguments. */
interface Meta {
  readonly id: string;
  readonly room: string;
  readonly sequence: number;
  readonly redelivered: boolean;
  readonly key?: string;
}

interface Gap {
  readonly room: string;
  readonly from: number;
  readonly to: number;
  readonly reason: GapReason;
  readonly count?: number;
}

type Answer = (verdict?: object) => void;

/** One device of a user: it hears its rooms as any Socket.IO client does, and does with each message what chance says. */
export class Member {
  readonly #session: Session;
  readonly #spec: MemberSpec;
  readonly #verbs: readonly RoomVerb[];
  /** Rooms whose last message came. */
  readonly #ended = new Set<string>();
  /** By room and sequence: acknowledged on this connection, and nobody knows yet whether that arrived. */
  #unsure = new Map<string, { readonly target: Target; readonly first: number }>();
  /** Of which it is known. */
  #sure = new Set<string>();
  #isHere = false;
  #asking = false;
  #open = 0;
  #heardMs = 0;
  #draining = false;

  constructor(session: Session, spec: MemberSpec) {
    this.#session = session;
    this.#spec = spec;
    this.#verbs = Object.entries(spec.verbs).flatMap(([verb, weight]) => Array.from({ length: weight }, () => verb as RoomVerb));
  }

  start(): void {
    const { socket } = this.#session;
    socket.on("connect", () => this.#come());
    socket.on("disconnect", () => this.#go());
    socket.on(ROOM_EVENT, (body: string, meta: Meta, answer: Answer) => void this.#hear(ROOM_EVENT, body, meta, answer));
    socket.on(END_EVENT, (body: string, meta: Meta, answer: Answer) => void this.#hear(END_EVENT, body, meta, answer));
    socket.on("holdfast:gap", (gap: Gap, answer: Answer) => this.#takeGap(gap, answer));
  }

  /** Acknowledges whatever comes from now on, and all that is left comes again; resolves once the last message of each room came. */
  async drain(): Promise<void> {
    this.#draining = true;
    dropConnection(this.#session.socket.io);
    const isOver = (): boolean =>
      this.#spec.rooms.every((room) => this.#ended.has(room)) && this.#open === 0 && performance.now() > this.#heardMs + QUIET_MS;
    while (!isOver()) await pause(POLL_MS);
  }

  get #name(): string {
    return this.#session.channel;
  }

  #come(): void {
    const { user, device } = this.#spec;
    const call = this.#session.newCall();
    this.#isHere = true;
    this.#unsure = new Map();
    this.#sure = new Set();
    this.#session.note({ type: "session", call, session: this.#name, user, device, remote: true });
    void this.#beHere(call, this.#name);
  }

  /** Since when a new device is there it knows once a request was answered. */
  async #beHere(call: number, session: string): Promise<void> {
    const answer = await this.#session.ask("holdfast:hello", { frames: 1 });
    if (answer?.ok && session === this.#name) this.#session.note({ type: "session-done", call, outcome: "ok" });
  }

  #go(): void {
    // A connection that ends before it has come to be says so, too.
    if (!this.#isHere) return;
    this.#isHere = false;
    this.#session.note({ type: "session-ended", session: this.#name, reason: "left" });
  }

  async #hear(event: string, body: string, { id, room, sequence, redelivered, key }: Meta, answer: Answer): Promise<void> {
    const session = this.#name;
    const target = { room };
    const keyed = key === undefined ? {} : { key };
    // When it was emitted is not said here, and not judged.
    this.#session.note({ type: "heard", session, target, sequence, id, body, event, ...keyed, publishedAt: 0, redelivered });
    this.#heardMs = performance.now();
    const { random } = this.#session;
    const verb = this.#draining ? "ack" : (random.any(this.#verbs) ?? "ack");
    if (verb === "none") return;
    this.#open++;
    if (!this.#draining && this.#spec.workMsMax > 0) await pause(random.below(this.#spec.workMsMax));
    this.#open--;
    if (this.#name !== session || !this.#session.connected) return;
    if (event === END_EVENT) this.#ended.add(room);
    if (verb === "nack") this.#nack(target, sequence, answer);
    else this.#ack(target, sequence, answer);
  }

  /** The callback has no reply. */
  #ack(target: Target, first: number, answer: Answer): void {
    this.#session.note({ type: "settle-heard", session: this.#name, target, first, count: 1, verb: "ack" });
    answer();
    this.#unsure.set(`${target.room}/${first}`, { target, first });
    if (!this.#asking) void this.#makeSure();
  }

  #nack(target: Target, first: number, answer: Answer): void {
    const delayMs = this.#session.random.below(NACK_MS_MAX);
    this.#session.note({ type: "settle-heard", session: this.#name, target, first, count: 1, verb: "nack", delayMs });
    answer({ nack: { delayMs } });
  }

  /** What was said before a request arrived when that is answered, and holds. */
  async #makeSure(): Promise<void> {
    this.#asking = true;
    const said = this.#unsure;
    const session = this.#name;
    this.#unsure = new Map();
    const answer = await this.#session.ask("holdfast:hello", { frames: 1 });
    this.#asking = false;
    if (session !== this.#name || !answer?.ok) return;
    for (const [name, { target, first }] of said) {
      // It may have come again on the way, and was acknowledged again.
      if (this.#sure.has(name)) continue;
      this.#sure.add(name);
      this.#session.note({ type: "settle-heard", session, target, first, count: 1, verb: "ack", changed: 1 });
    }
    if (this.#unsure.size > 0) await this.#makeSure();
  }

  #takeGap({ room, from, to, reason, count }: Gap, answer: Answer): void {
    const session = this.#name;
    const target = { room };
    this.#session.note({ type: "gap", session, target, from, to, reason, ...(count !== undefined && { count }) });
    this.#heardMs = performance.now();
    answer();
    this.#session.note({ type: "settle-gap", session, target, from, to });
  }
}
