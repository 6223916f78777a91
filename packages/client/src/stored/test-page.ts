import "fake-indexeddb/auto";
import { vi } from "vitest";
import type { ConnectOptions, Holdfast } from "../index.js";
import type { TestServer } from "../test-server.js";

type OnLock = (lock: { readonly name: string } | null) => Promise<void> | undefined;

/** The locks of an origin, as far as they are used here: each is somebody's, and asked for with `ifAvailable`. */
const owners = new Map<string, Page>();

/** A page of a browser: what it held is free once it is gone, and nothing of it is ever heard again. */
export class Page {
  readonly #clients: Holdfast[] = [];
  #gone = false;

  /** As `connect` in this page; the next page may do so once this outbox is open. */
  connect(server: TestServer, options: ConnectOptions = {}): Holdfast {
    vi.stubGlobal("navigator", { locks: { request: this.#request } });
    const client = server.connect({ outbox: "indexeddb", ...options });
    this.#clients.push(client);
    return client;
  }

  readonly #request = async (name: string, _options: object, onLock: OnLock): Promise<void> => {
    if (this.#gone || owners.has(name)) return onLock(null);
    owners.set(name, this);
    await onLock({ name });
    if (owners.get(name) === this) owners.delete(name);
  };

  /** The process of the page is gone. */
  crash(): void {
    this.#gone = true;
    for (const { socket } of this.#clients) {
      socket.removeAllListeners();
      socket.disconnect();
    }
    for (const [name, owner] of owners) if (owner === this) owners.delete(name);
  }
}

/** Resolves once everything published so far is in the database. */
export async function kept(holdfast: Holdfast): Promise<void> {
  const { stored, outbox } = holdfast.host;
  await stored;
  const { keeper } = outbox;
  if (keeper === undefined) throw new Error("this outbox has no keeper");
  await keeper.settled();
}
