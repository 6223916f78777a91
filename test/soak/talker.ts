import { connect } from "holdfast-client";
import { Random } from "../simulation/random.js";
import { dropConnection } from "../torture/drop-connection.js";
import { pause } from "../torture/pause.js";
import type { Heard, TalkerOrder, TalkerSpec, TalkerWord } from "./talker-spec.js";

/** Of so many messages one waits before it is delivered, and for how long. */
const DELAYED_ONE_IN = 10;
const DELAY_MS = 700;
const RECONNECT_MS = 10;

/** A client as applications have it, with frames: it publishes and consumes, emits to a room and listens there. */
class Talker {
  readonly #spec: TalkerSpec;
  readonly #holdfast;
  readonly #published: string[] = [];
  readonly #emitted: string[] = [];
  readonly #handled = new Order();
  readonly #heard = new Order();
  readonly #wrong: string[] = [];
  #gaps = 0;
  /** When a message that was delayed may come, at the earliest. */
  readonly #dues = new Map<string, number>();
  #running = true;
  #over: Promise<unknown> = Promise.resolve();

  constructor(spec: TalkerSpec) {
    this.#spec = spec;
    const { name, url, user = name } = spec;
    this.#holdfast = connect(url, {
      auth: { user, device: name },
      forceNew: true,
      reconnectionDelay: RECONNECT_MS,
      reconnectionDelayMax: 5 * RECONNECT_MS,
    });
  }

  async listen(): Promise<void> {
    const { queue, room } = this.#spec;
    const kitchen = this.#holdfast.room(room);
    await kitchen.on<[string]>("said", (id, { sequence }) => {
      this.#noteStored(this.#heard, id, sequence, true);
      this.#note(this.#heard, id);
    });
    await kitchen.onGap(({ from, to, reason }) => {
      this.#gaps++;
      this.#wrong.push(`${room} has a gap from ${from} to ${to}: ${reason}`);
    });
    await kitchen.join();
    this.#holdfast.queue<string>(queue).consume(
      async ({ body, key, attempt, sequence }) => {
        this.#noteStored(this.#handled, body, sequence, false);
        this.#note(this.#handled, body, key, `, sequence ${sequence}, attempt ${attempt}`);
      },
      { maxInFlight: 50 },
    );
  }

  talk(): void {
    this.#over = Promise.all([this.#publish(), this.#emit(), this.#goAway()]);
  }

  /** Its connection is lost now and then, and it is away for a while. */
  async #goAway(): Promise<void> {
    const { awayEveryMs, seed } = this.#spec;
    const random = new Random(seed);
    const { io } = this.#holdfast.socket;
    while (awayEveryMs !== undefined && this.#running) {
      await pause(random.below(2 * awayEveryMs));
      const awayMs = random.below(awayEveryMs);
      io.reconnectionDelay(awayMs);
      io.reconnectionDelayMax(awayMs);
      dropConnection(io);
      await pause(awayMs);
      io.reconnectionDelay(RECONNECT_MS);
      io.reconnectionDelayMax(5 * RECONNECT_MS);
    }
  }

  #noteStored(order: Order, id: string, sequence: number, rising: boolean): void {
    const wrong = order.noteStored(id, sequence, rising);
    if (wrong !== undefined) this.#wrong.push(`${id} has sequence ${sequence}, and ${wrong}`);
  }

  #note(order: Order, id: string, key = "", more = ""): void {
    const before = order.note(id, key);
    if (before !== undefined) this.#wrong.push(`${id} came after ${before}${more}`);
    const earlyMs = order === this.#handled ? (this.#dues.get(id) ?? 0) - Date.now() : 0;
    if (earlyMs > 0) this.#wrong.push(`${id} came ${earlyMs} ms early`);
  }

  async #publish(): Promise<void> {
    const { name, queue, keys, pauseMs } = this.#spec;
    for (let number = 1; this.#running; number++) {
      const id = `${name}-${number}`;
      // What is delayed takes its place when it is due, so it has a key of its own.
      const isDelayed = number % DELAYED_ONE_IN === 0;
      if (isDelayed) this.#dues.set(id, Date.now() + DELAY_MS);
      const terms = isDelayed ? { key: id, delayMs: DELAY_MS } : { key: `key-${number % keys}` };
      await this.#holdfast.queue<string>(queue).publish(id, terms);
      this.#published.push(id);
      await pause(pauseMs);
    }
  }

  async #emit(): Promise<void> {
    const { name, room, pauseMs } = this.#spec;
    for (let number = 1; this.#running; number++) {
      const id = `${name}-${number}`;
      await this.#holdfast.room(room).emit("said", id);
      this.#emitted.push(id);
      await pause(pauseMs);
    }
  }

  async quiet(): Promise<TalkerWord> {
    this.#running = false;
    await this.#over;
    return { say: "quiet", published: this.#published, emitted: this.#emitted };
  }

  report(): TalkerWord {
    const heard: Heard = { handled: this.#handled.ids, heard: this.#heard.ids, gaps: this.#gaps, wrong: this.#wrong };
    return { say: "report", heard };
  }

  close(): Promise<void> {
    return this.#holdfast.close({ timeoutMs: 5_000 });
  }
}

/** What came, once each, and whether it was in the order of those who sent it. */
class Order {
  readonly #seen = new Set<string>();
  readonly #last = new Map<string, number>();
  readonly #sequences = new Map<string, number>();
  #highest = 0;

  get ids(): readonly string[] {
    return [...this.#seen];
  }

  /** Takes where a message was stored; gives what was wrong with it. With `rising` all come first in the order in which they are stored. */
  noteStored(id: string, sequence: number, rising: boolean): string | undefined {
    const before = this.#sequences.get(id);
    if (before !== undefined) return before === sequence ? undefined : `had ${before} before: it is stored twice`;
    this.#sequences.set(id, sequence);
    const highest = this.#highest;
    this.#highest = Math.max(highest, sequence);
    return rising && sequence < highest ? `came after ${highest}` : undefined;
  }

  /** Takes what came; gives what of the same sender and key came before it and should not have. */
  note(id: string, key: string): string | undefined {
    if (this.#seen.has(id)) return undefined;
    this.#seen.add(id);
    const [sender = "", number = 0] = [id.slice(0, id.lastIndexOf("-")), Number(id.slice(id.lastIndexOf("-") + 1))];
    const lane = `${sender}\n${key}`;
    const last = this.#last.get(lane) ?? 0;
    this.#last.set(lane, Math.max(last, number));
    return number < last ? `${sender}-${last}` : undefined;
  }
}

const spec = JSON.parse(process.argv[2] ?? "") as TalkerSpec;
const talker = new Talker(spec);
const say = (word: TalkerWord): void => void process.send?.(word);

async function obey(order: TalkerOrder): Promise<void> {
  switch (order) {
    case "talk":
      talker.talk();
      break;
    case "quiet":
      say(await talker.quiet());
      break;
    case "report":
      say(talker.report());
      break;
    case "stop":
      await talker.close();
      process.disconnect?.();
      break;
    default:
      order satisfies never;
  }
}

process.on("message", (order: TalkerOrder) => void obey(order));
await talker.listen();
say({ say: "ready" });
