import { Child } from "./child.js";
import {
  type Bursts,
  type Latency,
  type MembersQuestion,
  type Mode,
  nowUs,
  type Return,
  ROOM,
  type ServerQuestion,
  type ServerUsage,
} from "./protocol.js";

/** A server and its members, in processes of their own. */
export class Stage {
  readonly #server = new Child<ServerQuestion>("rooms/server");
  readonly #processes: Child<MembersQuestion>[] = [];
  readonly #mode: Mode;
  #port = 0;

  private constructor(mode: Mode) {
    this.#mode = mode;
  }

  /** @param directory where its store is, or will be */
  static async open(mode: Mode, directory: string): Promise<Stage> {
    const stage = new Stage(mode);
    stage.#port = await stage.#server.ask<number>({ ask: "listen", mode, directory });
    return stage;
  }

  /** Makes users members, as many at a time as the server takes of one that asks at once. */
  async add(room: string, first: number, count: number): Promise<void> {
    await this.#server.ask({ ask: "add", room, first, count });
  }

  fill(room: string, messages: number, bodyBytes: number): Promise<void> {
    return this.#server.ask({ ask: "fill", room, messages, bodyBytes });
  }

  /** Connects users in several processes. @param niceness how much these give way to the server */
  async connect(count: number, processes: number, { room = ROOM, first = 0, watch = true, niceness = 0 } = {}): Promise<void> {
    await Promise.all(
      shares(count, processes, first).map((share) => {
        return this.#process(niceness).ask({ ask: "connect", mode: this.#mode, port: this.#port, room, watch, ...share });
      }),
    );
  }

  /** Lets users come back, and waits until they have all their messages. @param niceness as of `connect` */
  async catchUp(
    count: number,
    processes: number,
    messages: number,
    { room = ROOM, first = 0, niceness = 0 } = {},
  ): Promise<Return & { readonly seconds: number }> {
    const start = nowUs();
    const all = await Promise.all(
      shares(count, processes, first).map((share) => {
        return this.#process(niceness).ask<Return>({ ask: "catch-up", port: this.#port, room, messages, ...share });
      }),
    );
    const done = Math.max(...all.map((each) => each.done));
    return { here: Math.max(...all.map((each) => each.here)), done, seconds: (done - start) / 1_000_000 };
  }

  #process(niceness: number): Child<MembersQuestion> {
    const child = new Child<MembersQuestion>("rooms/members");
    child.giveWay(niceness);
    this.#processes.push(child);
    return child;
  }

  bursts(ms: number, burst: number, ahead: number, bodyBytes: number): Promise<Bursts> {
    return this.#server.ask({ ask: "bursts", ms, burst, ahead, bodyBytes });
  }

  /** Emits steadily for a time; resolves to the latencies of all deliveries meanwhile. */
  async steadily(room: string, perSecond: number, bodyBytes: number, until: Promise<unknown>): Promise<Latency[]> {
    await this.latencies();
    await this.#server.ask({ ask: "emit", room, perSecond, bodyBytes });
    await until;
    await this.#server.ask({ ask: "rest" });
    return this.latencies();
  }

  async latencies(): Promise<Latency[]> {
    return (await Promise.all(this.#processes.map((child) => child.ask<Latency[]>({ ask: "latencies" })))).flat();
  }

  /** Resolves once so many members have acknowledged the newest message; fails when they never do. */
  async acknowledged(members: number, room = ROOM): Promise<void> {
    for (let looks = 0; looks < 200; looks++) {
      if ((await this.#server.ask<number>({ ask: "acknowledged", room })) === members) return;
      await pause(50);
    }
    throw new Error(`the newest message was not acknowledged by ${members} members`);
  }

  usage(): Promise<ServerUsage> {
    return this.#server.ask({ ask: "usage" });
  }

  async close(): Promise<void> {
    await Promise.all(this.#processes.map((child) => child.ask({ ask: "stop" }).then(() => child.ended())));
    await this.#server.ask({ ask: "stop" });
    await this.#server.ended();
  }
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Splits so many users over processes. */
function shares(count: number, processes: number, first: number): { readonly first: number; readonly count: number }[] {
  const size = Math.ceil(count / processes);
  return Array.from({ length: Math.ceil(count / size) }, (_, index) => ({
    first: first + index * size,
    count: Math.min(size, count - index * size),
  }));
}
