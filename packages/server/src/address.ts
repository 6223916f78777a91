import { HoldfastError } from "holdfast-client/protocol";
import type { QueueAddress } from "./engine.js";
import { preview } from "./validate.js";

/** Values by queue, without building a key for each look-up. */
export class AddressMap<Value> {
  readonly #namespaces = new Map<string, Map<string, Value>>();

  get({ namespace, queue }: QueueAddress): Value | undefined {
    return this.#namespaces.get(namespace)?.get(queue);
  }

  set({ namespace, queue }: QueueAddress, value: Value): void {
    const queues = this.#namespaces.get(namespace);
    if (queues === undefined) this.#namespaces.set(namespace, new Map([[queue, value]]));
    else queues.set(queue, value);
  }

  delete({ namespace, queue }: QueueAddress): void {
    const queues = this.#namespaces.get(namespace);
    queues?.delete(queue);
    if (queues?.size === 0) this.#namespaces.delete(namespace);
  }

  *values(): Generator<Value> {
    for (const queues of this.#namespaces.values()) yield* queues.values();
  }
}

const NAMESPACE_BYTES_MAX = 128;

/** A namespace's name as it is used for queues: with its slash in front, 1 to 128 bytes; else `BAD_REQUEST`. */
export function checkNamespace(name: string): string {
  if (typeof name !== "string" || name === "" || Buffer.byteLength(name) > NAMESPACE_BYTES_MAX) {
    throw new HoldfastError("BAD_REQUEST", `namespace is ${preview(name)}, expected 1 to ${NAMESPACE_BYTES_MAX} bytes`);
  }
  return name.startsWith("/") ? name : `/${name}`;
}

/** A queue as an error names it. */
export const describeQueue = ({ namespace, queue }: QueueAddress): string =>
  namespace === "/" ? `queue ${queue}` : `queue ${queue} of namespace ${namespace}`;
