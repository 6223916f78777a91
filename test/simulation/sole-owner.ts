import type { StoredEngine } from "../../packages/server/src/engines/stored-engine.js";
import { engineName, SEPARATOR } from "./engine-name.js";
import type { World } from "./world.js";

type Step = (engine: StoredEngine) => Promise<void>;

/**
 * One application that makes, uses and removes something under one name. It does one thing after the other, so whatever
 * is there was put there after what was there before was gone. When it cannot tell whether a thing is there, it goes on
 * with another name.
 */
export abstract class SoleOwner {
  protected readonly world: World;
  readonly #kind: string;
  #name = 1;
  #made = 0;
  readonly #last = new Map<string, string>();
  /** The life in which a step is under way, and whether nobody can tell what becomes of the thing when that ends. */
  #busy: { readonly lives: number; readonly breaks: boolean } | undefined;
  /** What is there, in the history; undefined while there is nothing. */
  protected owned: string | undefined;

  constructor(world: World, kind: string) {
    this.world = world;
    this.#kind = kind;
  }

  /** What is surely there. */
  get surely(): string | undefined {
    return this.#busy?.breaks ? undefined : this.owned;
  }

  /** Does something with it. Returns false while it waits for the step before. */
  use(): boolean {
    const { server } = this.world;
    const { engine } = server;
    if (engine === undefined || !server.serves) return false;
    if (this.#busy !== undefined && this.#busy.lives === server.lives) return false;
    if (this.#busy?.breaks) this.abandon();
    const [step, breaks] = this.chooseStep(this.owned);
    const busy = { lives: server.lives, breaks };
    this.#busy = busy;
    const over = (): void => {
      if (this.#busy === busy) this.#busy = undefined;
    };
    this.world.spawn(step(engine).then(over));
    return true;
  }

  /** What it does next, and whether an end of the life meanwhile leaves open what is there. */
  protected abstract chooseStep(owned: string | undefined): readonly [step: Step, breaks: boolean];

  /** A name in the history that was never used. */
  protected nextName(): string {
    const name = `${this.#kind}-${this.#name}${SEPARATOR}${++this.#made}`;
    this.#last.set(engineName(name), name);
    return name;
  }

  /** Of those that the engine calls by one name the one that was made last. */
  protected lastOf(name: string): string {
    return this.#last.get(name) ?? name;
  }

  /** Nobody knows whether it is there: another name is used from now on. */
  protected abandon(): void {
    this.#name++;
    this.owned = undefined;
  }
}
