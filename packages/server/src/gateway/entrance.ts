import type { Namespace, Server } from "socket.io";

/** Steps of sockets that come, each about a quarter of a millisecond's work, in a turn of the event loop. */
const STEPS_A_TURN = 4;

/** What paces the handshakes of a server, for good. */
const pacing = new WeakSet<object>();

/**
 * Lets sockets in a few at a time. When all clients of a server come back at once, a turn of the event loop would take in
 * hundreds of them, and who is here already would wait for the last. So a turn takes some steps of sockets that come, in
 * the order in which they came, and what else there is to do comes in between. A server with time to spare lets a socket in at once.
 */
export class Entrance {
  readonly #waiting = new Set<() => void>();
  #left = STEPS_A_TURN;
  #next: NodeJS.Immediate | undefined;

  /** Paces the handshakes of a server; what its own `allowRequest` says of them counts as before. */
  paceHandshakes({ engine, _opts: later }: Server): void {
    // One that does not listen yet takes its options with it when it does.
    const options = engine?.opts ?? later;
    const { allowRequest } = options;
    if (allowRequest !== undefined && pacing.has(allowRequest)) return;
    options.allowRequest = (request, decide) => {
      // Between Node, which let go of the connection, and Engine.IO, which did not take it yet, nobody hears that it broke.
      request.socket.on("error", ignore);
      this.enter(() => {
        request.socket.off("error", ignore);
        if (allowRequest === undefined) decide(undefined, true);
        else allowRequest(request, decide);
      });
    };
    pacing.add(options.allowRequest);
  }

  /** Paces the connects of a namespace. */
  paceConnects(namespace: Namespace): void {
    namespace.use((_socket, next) => this.enter(next));
  }

  /** Does a step in this turn, or else in one that has time for it. */
  enter(step: () => void): void {
    this.#waiting.add(() => step());
    this.#serve();
  }

  #serve(): void {
    for (const step of this.#waiting) {
      if (this.#left === 0) break;
      this.#left--;
      this.#waiting.delete(step);
      step();
    }
    this.#next ??= setImmediate(() => {
      this.#next = undefined;
      this.#left = STEPS_A_TURN;
      if (this.#waiting.size > 0) this.#serve();
    });
  }
}

const ignore = (): void => undefined;
