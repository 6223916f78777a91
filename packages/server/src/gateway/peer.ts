import type { Socket as ClientSocket } from "socket.io-client";
import { ask, Happenings, type Reply, type TestHost } from "./test-host.js";

export type Callback = (...args: unknown[]) => void;

/** A plain client in rooms, and what came to it. The callback of an event is called at once unless a test says otherwise. */
export class Peer {
  readonly socket: ClientSocket;
  /** Each event with its arguments, without the callback. */
  readonly events = new Happenings<unknown[]>();
  /** The callbacks of those that had one. */
  readonly callbacks: Callback[] = [];
  /** What to call the callback of an event with; undefined: not at all. */
  answers: (event: string, args: readonly unknown[]) => unknown[] | undefined = () => [];

  private constructor(socket: ClientSocket) {
    this.socket = socket;
    socket.onAny((event: string, ...args: unknown[]) => {
      const callback = typeof args.at(-1) === "function" ? (args.pop() as Callback) : undefined;
      if (callback !== undefined) this.callbacks.push(callback);
      this.events.add([event, ...args]);
      const answer = this.answers(event, args);
      if (answer !== undefined) callback?.(...answer);
    });
  }

  static async connect(
    host: TestHost,
    auth: object,
    options: { readonly namespace?: string; readonly reconnection?: boolean; readonly listen?: (socket: ClientSocket) => void } = {},
  ): Promise<Peer> {
    const peers: Peer[] = [];
    const { listen, ...others } = options;
    const socket = await host.client({
      ...others,
      auth,
      listen: (made) => {
        peers.push(new Peer(made));
        listen?.(made);
      },
    });
    return peers[0] ?? new Peer(socket);
  }

  ask(operation: string, payload: object): Promise<Reply> {
    return ask(this.socket, `holdfast:${operation}`, payload);
  }
}
