import { HoldfastError } from "holdfast-client/protocol";
import type { Broker } from "./broker.js";
import { type EmitOptions, EXCEPT_MAX, emitOne, emitOptions, roomEvent, TARGETS_MAX } from "./emit.js";
import type { Receipt } from "./publish.js";
import { type TargetName, targetName } from "./room-names.js";
import type { Settings } from "./settings.js";
import { validate } from "./validate.js";

/**
 * Where an event is to go, in Socket.IO's grammar, but durable: rooms and users, each call adding to those before.
 *
 * @example
 * await holdfast.to("kitchen").to("bar").except(user("bob")).emit("order", { table: 4 });
 */
export class Broadcast {
  readonly #broker: Broker;
  readonly #settings: Settings;
  readonly #namespace: string;
  readonly #to: readonly TargetName[];
  readonly #except: readonly TargetName[];
  readonly #options: EmitOptions;

  constructor(
    broker: Broker,
    settings: Settings,
    namespace: string,
    to: readonly TargetName[],
    except: readonly TargetName[] = [],
    options: EmitOptions = {},
  ) {
    this.#broker = broker;
    this.#settings = settings;
    this.#namespace = namespace;
    this.#to = checked(to, TARGETS_MAX);
    this.#except = checked(except, EXCEPT_MAX);
    this.#options = options;
  }

  /** Goes there too. Who is reached through several gets it once, through the first of them that it is a member of. */
  to(targets: TargetName | readonly TargetName[]): Broadcast {
    return this.#but([...this.#to, ...listOf(targets)], this.#except, this.#options);
  }

  /** Leaves out these users, and the members of these rooms, as they are when it is emitted. */
  except(targets: TargetName | readonly TargetName[]): Broadcast {
    return this.#but(this.#to, [...this.#except, ...listOf(targets)], this.#options);
  }

  /** @param options `id`: emitted again within 10 minutes, it gives the first receipts; `key`, `headers`, `ttlMs` */
  with(options: EmitOptions): Broadcast {
    return this.#but(this.#to, this.#except, { ...this.#options, ...validate(emitOptions, options, "options") });
  }

  /**
   * Stores the event everywhere in one commit.
   *
   * @returns a receipt for each room and user of `to`, in their order, once it survives a crash; errors as `Room.emit`
   */
  async emit(event: string, ...args: unknown[]): Promise<Receipt[]> {
    if (this.#to.length === 0) throw new HoldfastError("BAD_REQUEST", "to is an array of 0, expected at least 1 room or user");
    const emission = { ...this.#options, to: this.#to, except: this.#except, event: validate(roomEvent, event, "event"), args };
    return emitOne(this.#broker.rooms, this.#namespace, emission, this.#settings.limits.bodyBytesMax);
  }

  #but(to: readonly TargetName[], except: readonly TargetName[], options: EmitOptions): Broadcast {
    return new Broadcast(this.#broker, this.#settings, this.#namespace, to, except, options);
  }
}

export const listOf = (targets: TargetName | readonly TargetName[]): readonly TargetName[] =>
  Array.isArray(targets) ? (targets as readonly TargetName[]) : [targets as TargetName];

function checked(targets: readonly TargetName[], max: number): readonly TargetName[] {
  if (targets.length > max) throw new HoldfastError("TOO_LARGE", `${targets.length} rooms and users, at most ${max} are allowed`);
  return targets.map((target) => validate(targetName, target, "room"));
}
