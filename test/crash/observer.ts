import { io, type Socket } from "socket.io-client";

/** Counts of a queue as `holdfast:stats` gives them. */
export interface Counts {
  readonly ready: number;
  readonly inFlight: number;
  readonly delayed: number;
  readonly parked: number;
  readonly dead: number;
  readonly acked: number;
  readonly expired: number;
  readonly purged: number;
  readonly bytes: number;
}

/** Looks at a server with a plain Socket.IO client, also after it was killed and started again. */
export class Observer {
  readonly #socket: Socket;

  constructor(url: string) {
    this.#socket = io(url, { transports: ["websocket"], forceNew: true, reconnectionDelay: 20, reconnectionDelayMax: 100 });
  }

  async counts(queue: string): Promise<Counts> {
    const reply = (await this.#socket.timeout(20_000).emitWithAck("holdfast:stats", { queue })) as Counts & { ok: boolean };
    if (!reply.ok) throw new Error(`no counts of ${queue}: ${JSON.stringify(reply)}`);
    return reply;
  }

  close(): void {
    this.#socket.disconnect();
  }
}

/** Messages that were ever stored: promise C1. */
export const storedOf = ({ ready, inFlight, delayed, parked, dead, acked, expired, purged }: Counts): number =>
  ready + inFlight + delayed + parked + dead + acked + expired + purged;
