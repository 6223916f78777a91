import { request } from "node:http";
import { RawSocket } from "../protocol/raw.js";
import type { Input } from "./inputs.js";

/** The server cuts a connection after so many malformed frames. */
const FRAMES_MAX = 19;
/** Inputs under way at a time; what comes after a sentinel's reply was read before it. */
const TOGETHER_MAX = 40;
const PATIENCE_MS = 120_000;
const AGAIN_MS = 500;

/** Sends inputs over one connection after the other, and sees to it that the server has read each of them. */
export class Sender {
  readonly #url: string;
  readonly #user: string;
  #socket: RawSocket | undefined;
  #frames = 0;
  #sentinel = 1_000;
  connections = 0;

  constructor(url: string, user: string) {
    this.#url = url;
    this.#user = user;
  }

  async send(inputs: readonly Input[]): Promise<void> {
    let together: Input[] = [];
    for (const input of inputs) {
      together.push(input);
      // What may cut the connection is the last of those that are sent together.
      if (together.length < TOGETHER_MAX && (input.kind === "event" || input.kind === "frame")) continue;
      await this.#sendTogether(together);
      together = [];
    }
    await this.#sendTogether(together);
  }

  async #sendTogether(inputs: readonly Input[]): Promise<void> {
    let frames = 0;
    for (const input of inputs) if (input.kind === "frame") frames++;
    if (this.#frames + frames > FRAMES_MAX) this.close();
    for (const input of inputs) {
      if (input.kind === "http") await this.#request(input);
      else await this.#write(input);
    }
    await this.#settle(inputs.at(-1));
  }

  async #write(input: Exclude<Input, { kind: "http" }>): Promise<void> {
    // More frames than fit one connection are spread over several.
    if (input.kind === "frame" && this.#frames >= FRAMES_MAX) {
      await this.#settle(input);
      this.close();
    }
    const socket = await this.#joined();
    if (input.kind === "event") socket.send(input.packet);
    else if (input.kind === "packet") socket.send(...input.parts);
    else {
      this.#frames++;
      socket.send('451-["holdfast:frame",{"_placeholder":true,"num":0}]', input.frame);
    }
  }

  /** A poll of a new session is answered at once; what is refused has a status, whatever it is. */
  #request({ method, query, body }: Extract<Input, { kind: "http" }>): Promise<void> {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    return new Promise((resolve, reject) => {
      // On a connection of its own: the server may end one that is idle just when the next request is on its way.
      const sent = request(`${this.#url}/socket.io/?${query}`, { method, signal, agent: false }, (response) => {
        response.resume().once("end", resolve).once("error", reject);
      });
      sent.once("error", reject).end(method === "POST" ? body : undefined);
    });
  }

  /** Resolves once the server has answered what comes after all that was sent, or has cut the connection. */
  async #settle(last: Input | undefined): Promise<void> {
    const socket = this.#socket;
    if (socket === undefined) return;
    const sentinel = this.#sentinel++;
    const heard = this.#hear(socket, `43${sentinel}[`);
    let isOver: "cut" | "heard" | "late" = "late";
    // What left the namespace in the same moment keeps the first one from being answered; the next one has the connection cut.
    for (let time = 0; isOver === "late"; time++) {
      if (time * AGAIN_MS > PATIENCE_MS) throw new Error(`no answer within ${PATIENCE_MS} ms to what ends with ${JSON.stringify(last)}`);
      socket.send(`42${sentinel}["holdfast:list",{"kind":"queues","limit":1}]`);
      isOver = await Promise.race([heard, later(AGAIN_MS)]);
    }
    if (isOver === "cut") this.close();
  }

  async #hear(socket: RawSocket, reply: string): Promise<"cut" | "heard"> {
    for (;;) {
      const message = await socket.next().catch(() => undefined);
      if (message === undefined) return "cut";
      if (message === "2") socket.send("3");
      // The sentinel is not answered on a namespace that was left.
      if (message === "41") return "cut";
      if (typeof message === "string" && message.startsWith(reply)) return "heard";
    }
  }

  async #joined(): Promise<RawSocket> {
    if (this.#socket !== undefined) return this.#socket;
    const socket = new RawSocket(this.#url);
    this.#socket = socket;
    this.#frames = 0;
    this.connections++;
    await socket.next();
    socket.send(`40{"user":"${this.#user}"}`, '421["holdfast:hello",{"frames":1}]');
    await this.#hear(socket, "431[");
    return socket;
  }

  close(): void {
    this.#socket?.close();
    this.#socket = undefined;
  }
}

function later(ms: number): Promise<"late"> {
  return new Promise((resolve) => setTimeout(() => resolve("late"), ms).unref());
}
