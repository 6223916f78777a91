import type { Socket } from "node:net";
import type { Clock } from "../../../packages/server/src/clock.js";
import type { Direction, Fault } from "./fault.js";
import { Flow, type Passing } from "./flow.js";

const AT_ONCE: Passing = { how: "at once" };

/** One connection through a proxy: two sockets, and what flows between them. It suffers one fault at a time. */
export class Link {
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #clock: Clock;
  readonly #flows: Readonly<Record<Direction, Flow>>;
  readonly #onLost: (deafMs: number) => void;
  #lost = false;
  #fault: Fault | undefined;
  #faultAt = 0;
  #cancel = (): void => {};

  /**
   * @param onLost called when the server's side is over, whoever ended it: at that moment, or as soon as that can be seen. It is told for
   * how long nothing was passed on any more, in ms
   */
  constructor(client: Socket, server: Socket, clock: Clock, onLost: (deafMs: number) => void) {
    this.#client = client;
    this.#server = server;
    this.#clock = clock;
    this.#onLost = onLost;
    this.#flows = { toServer: new Flow(client, server, clock), toClient: new Flow(server, client, clock) };
    server.on("end", () => this.#lose());
    server.on("close", () => this.#lose());
  }

  #lose(): void {
    if (this.#lost) return;
    this.#lost = true;
    this.#onLost(this.#fault?.kind === "black holes" ? this.#clock.now() - this.#faultAt : 0);
  }

  /** Whether something could be done to it now. */
  get isWhole(): boolean {
    return this.#fault === undefined && !this.#client.destroyed && !this.#server.destroyed;
  }

  /** @param onEffect called when it came to be felt: by a chunk, or by both sides */
  suffer(fault: Fault, onEffect: () => void): void {
    const { kind, directions, lastsMs } = fault;
    this.#fault = fault;
    this.#faultAt = this.#clock.now();
    this.#cancel = this.#clock.wakeAt(this.#clock.now() + lastsMs, () => this.heal());
    const become = (passing: Passing, felt = onEffect): void => {
      // Both ways are one fault.
      let first = true;
      const once = (): void => {
        if (first) felt();
        first = false;
      };
      for (const direction of directions) this.#flows[direction].become(passing, once);
    };
    switch (kind) {
      case "delays":
        become({ how: "late", holdMs: () => fault.holdMs() });
        break;
      case "resets":
        this.#reset();
        onEffect();
        break;
      case "truncations":
        become({ how: "in part", part: fault.part }, () => {
          this.#cut();
          onEffect();
        });
        break;
      case "black holes":
        become({ how: "not at all" });
        break;
      case "drips":
        become({ how: "dripping", bytes: fault.bytes, everyMs: fault.everyMs });
        break;
      default:
        kind satisfies never;
    }
  }

  /** Drops what comes from that direction from now on. It is of no use any more: it is to be destroyed. */
  drop(direction: Direction): void {
    this.#flows[direction].become({ how: "not at all" });
  }

  /** Its fault is over, which means its end when something was lost. */
  heal(): void {
    const { kind } = this.#fault ?? {};
    this.#cancel();
    if (kind === "black holes") this.destroy();
    else if (kind !== undefined) for (const flow of Object.values(this.#flows)) flow.become(AT_ONCE);
    this.#fault = undefined;
  }

  /** Ends both sides once they were sent what was passed on. */
  #cut(): void {
    this.#end();
    this.#client.destroySoon();
    this.#server.destroySoon();
  }

  #reset(): void {
    this.#end();
    this.#client.resetAndDestroy();
    this.#server.resetAndDestroy();
  }

  destroy(): void {
    this.#end();
    this.#client.destroy();
    this.#server.destroy();
  }

  #end(): void {
    this.#cancel();
    for (const flow of Object.values(this.#flows)) flow.end();
    this.#lose();
  }
}
