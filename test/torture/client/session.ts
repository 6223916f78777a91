import { io, type Socket } from "socket.io-client";
import type { HistoryEntry } from "../../simulation/history-log.js";
import { Random } from "../../simulation/random.js";
import { HistoryFile } from "../history-file.js";
import type { ClientSpec, Word } from "./spec.js";

const ANSWER_MS = 15_000;

/** What a server said; undefined when nobody knows what it did. */
export type Answer<Ok> = ({ readonly ok: true } & Ok) | { readonly ok: false; readonly code: string } | undefined;

/** A plain Socket.IO client with its history file. What it does goes through here, so that all of it is written down. */
export class Session {
  readonly random: Random;
  readonly socket: Socket;
  readonly name: string;
  readonly #history: HistoryFile;
  #nextCall: number;
  #connections = 0;

  constructor({ name, firstCall, url, history, seed, member }: ClientSpec) {
    this.name = name;
    this.random = new Random(seed);
    this.#nextCall = firstCall;
    this.#history = new HistoryFile(history, name);
    this.socket = io(url, {
      transports: ["websocket"],
      forceNew: true,
      autoConnect: false,
      reconnectionDelay: 10,
      reconnectionDelayMax: 50,
      auth: member === undefined ? { user: name, "holdfast:rooms": false } : { user: member.user, device: member.device, meta: true },
    });
    this.socket.on("connect", () => this.#connections++);
  }

  /** One connection of this client: calls on it arrive in order. */
  get channel(): string {
    return `${this.name}/${this.#connections}`;
  }

  get connected(): boolean {
    return this.socket.connected;
  }

  note(entry: HistoryEntry, ns?: number): void {
    this.#history.add(entry, ns);
  }

  newCall(): number {
    return this.#nextCall++;
  }

  /** Sends a request, if there is a connection: what waits for one could be sent after it was given up. */
  async ask<Ok>(event: string, payload: object): Promise<Answer<Ok>> {
    if (!this.socket.connected) return undefined;
    try {
      const reply: unknown = await this.socket.timeout(ANSWER_MS).emitWithAck(event, payload);
      const { ok, error } = reply as { readonly ok: boolean; readonly error?: { readonly code: string } };
      if (ok) return reply as { readonly ok: true } & Ok;
      const code = error?.code ?? "none";
      if (code === "UNKNOWN" || code === "ENGINE_UNAVAILABLE") this.#history.add({ type: "engine-failed", event, code });
      return code === "UNKNOWN" ? undefined : { ok: false, code };
    } catch {
      return undefined;
    }
  }

  say(word: Word): void {
    process.send?.(word);
  }

  async whenConnected(): Promise<void> {
    if (!this.socket.connected) await new Promise<void>((resolve) => this.socket.once("connect", resolve));
  }

  close(): void {
    this.socket.disconnect();
    this.#history.close();
  }
}
