import { asJson } from "../check.js";
import type { Holdfast } from "../client.js";
import type { Reply } from "../connection.js";
import type { Page } from "../page.js";
import type { Requests } from "../requests.js";
import { AdminQueue } from "./admin-queue.js";
import { AdminRoom } from "./admin-room.js";

/**
 * What only whoever runs a server does: look into its queues, empty, pause and delete them, bring back dead letters, and say who
 * is in its rooms.
 * It is an entry of its own, so that an application that publishes and consumes does not load it.
 *
 * @param namespace the one that is meant, for a client in the namespace of administrators
 *
 * @example
 * import { admin } from "holdfast-client/admin";
 * const count = await admin(holdfast).queue("orders").redrive();
 * await admin(connect("https://example.org/admin", { auth: { token } }), "/shop").queue("orders").pause();
 */
export const admin = ({ host: { requests } }: Holdfast, namespace?: string): Admin =>
  new Admin({
    async send(event, payload, mayResend) {
      asJson(event, () => JSON.stringify(payload));
      return requests.send(event, { ...payload, namespace }, mayResend);
    },
  });

interface NamePage {
  readonly after?: string | undefined;
  readonly limit?: number | undefined;
}

/** A namespace, as whoever runs it looks after it. */
export class Admin {
  readonly #requests: Pick<Requests, "send">;

  /** @internal */
  constructor(requests: Pick<Requests, "send">) {
    this.#requests = requests;
  }

  /**
   * A queue by name; nothing is sent.
   *
   * @throws HoldfastError `BAD_REQUEST` for what cannot be the name of a queue
   */
  queue<Body = unknown>(name: string): AdminQueue<Body> {
    return new AdminQueue<Body>(name, this.#requests);
  }

  /**
   * A durable room by name; nothing is sent.
   *
   * @throws HoldfastError `BAD_REQUEST` for what cannot be the name of a room
   */
  room(name: string): AdminRoom {
    return new AdminRoom(name, this.#requests);
  }

  /**
   * A copy of everything that the server stores, in all namespaces, as it is at one moment after the call: the bytes of a
   * file that `holdfast restore` makes a directory of. It is whole only when the last of them came.
   *
   * @example
   * for await (const bytes of admin(holdfast).backup()) await file.write(bytes);
   */
  async *backup(): AsyncGenerator<Uint8Array, void> {
    const ask = (payload: object): Promise<Reply> => this.#requests.send("holdfast:backup", payload, () => "backup" in payload);
    const { backup } = await ask({});
    let left = true;
    try {
      for (let from = 0; left; ) {
        const { bytes, done } = (await ask({ backup, from })) as unknown as { bytes: Uint8Array | ArrayBuffer; done: boolean };
        left = !done;
        from += bytes.byteLength;
        yield bytes instanceof ArrayBuffer ? new Uint8Array(bytes) : bytes;
      }
    } finally {
      if (left) void ask({ backup, cancel: true }).catch(() => undefined);
    }
  }

  /** Names of the namespace's queues in order, those after `after`, up to `limit` (100, at most 1,000). */
  queues(page?: NamePage): Promise<Page<string, string>> {
    return this.#list("queues", page);
  }

  /** As `queues`, of its durable rooms. */
  rooms(page?: NamePage): Promise<Page<string, string>> {
    return this.#list("rooms", page);
  }

  #list(kind: string, page?: NamePage): Promise<Page<string, string>> {
    return this.#requests.send("holdfast:list", { kind, ...page }) as Promise<unknown> as Promise<Page<string, string>>;
  }
}
