import type { Engine } from "../../../packages/server/src/engine.js";
import { Deferred } from "../../../packages/server/src/engines/deferred.js";
import { createLevelEngine } from "../../../packages/server/src/engines/level/level-engine.js";
import { readPeeked } from "../../../packages/server/src/read-message.js";
import { NO_EVENTS } from "../power/judge-image.js";

const NAMESPACE = "/";
const PAGE = 1_000;

/** All that a store has, as the engine shows it. */
export interface Contents {
  /** What each message says, by queue and id. */
  readonly messages: ReadonlyMap<string, string>;
  /** What the engine said while it was read, if that was not possible. */
  readonly failed?: string;
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/**
 * Opens a store with the real engine, and reads the queues; or says why it does not open. The engine must have read all tables by itself
 * before what it does not say counts.
 */
export async function contentsOf(directory: string, queues: readonly string[]): Promise<Contents | { readonly refused: string }> {
  const patrolled = new Deferred();
  let damage: string | undefined;
  const onPatrolled = (found: string | undefined): void => {
    damage = found;
    patrolled.resolve();
  };
  const engine = createLevelEngine({ directory, onPatrolled });
  try {
    await engine.open(NO_EVENTS);
  } catch (error) {
    return { refused: messageOf(error) };
  }
  const messages = new Map<string, string>();
  try {
    for (const queue of queues) await read(engine, queue, messages);
    await patrolled.promise;
    return damage === undefined ? { messages } : { messages, failed: damage };
  } catch (error) {
    return { messages, failed: messageOf(error) };
  } finally {
    await engine.close().catch(() => undefined);
  }
}

async function read(engine: Engine, queue: string, messages: Map<string, string>): Promise<void> {
  const address = { namespace: NAMESPACE, queue };
  if (engine.options(address) === undefined) return;
  for (let after: number | undefined = 0; after !== undefined; ) {
    const page: Awaited<ReturnType<Engine["peek"]>> = await engine.peek(address, after, PAGE);
    for (const peeked of page.items) {
      const { id, body, key, event, headers } = readPeeked(peeked).item;
      messages.set(`${queue} ${id}`, JSON.stringify([body, key, event, headers]));
    }
    after = page.next;
  }
}
