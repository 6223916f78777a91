import { HoldfastError } from "holdfast-client/protocol";
import type { Identity } from "./identity.js";
import type { RevocationFile } from "./revocation-file.js";

/** What is revoked: all that proves to be somebody, or one token or key. */
export type RevocationTarget = { readonly subject: string } | { readonly tokenId: string };

/** One that holds, as it is kept. */
export interface Revocation {
  readonly subject?: string | undefined;
  readonly tokenId?: string | undefined;
  /** When; of a subject, what was issued by then is void. */
  readonly at: number;
  /** When it is forgotten, since no token of before lives any more; null: never. */
  readonly until: number | null;
}

const REVOCATIONS_MAX = 100_000;

/** What was revoked and may not be forgotten yet. What is on disk holds after a restart. */
export class Revocations {
  readonly #file: RevocationFile | undefined;
  readonly #subjects = new Map<string, Revocation>();
  readonly #tokens = new Map<string, Revocation>();

  /** @param file undefined: they are forgotten with the process */
  private constructor(file: RevocationFile | undefined) {
    this.#file = file;
  }

  static async open(file: RevocationFile | undefined, now: number): Promise<Revocations> {
    const revocations = new Revocations(file);
    for (const revocation of (await file?.read()) ?? []) revocations.#apply(revocation);
    revocations.#forgetOld(now);
    await file?.rewrite(revocations.#all());
    return revocations;
  }

  /** Whether what proved this identity is void. */
  covers({ subject, tokenId, issuedAt }: Identity, now: number): boolean {
    const ofToken = tokenId === undefined ? undefined : this.#tokens.get(tokenId);
    if (ofToken !== undefined && holds(ofToken, now)) return true;
    const ofSubject = this.#subjects.get(subject);
    // What does not say when it was issued may be as old as anything.
    return ofSubject !== undefined && holds(ofSubject, now) && (issuedAt ?? 0) <= ofSubject.at;
  }

  /**
   * Holds from now on, in memory; resolves when it is on disk.
   *
   * @throws HoldfastError `TOO_LARGE` when there are too many; `UNKNOWN` when it could not be written, and so may not
   *   hold after a restart
   */
  async add(revocation: Revocation, now: number): Promise<void> {
    if (this.#size >= REVOCATIONS_MAX) this.#forgetOld(now);
    if (this.#size >= REVOCATIONS_MAX) {
      throw new HoldfastError("TOO_LARGE", `${this.#size} revocations hold, at most ${REVOCATIONS_MAX} may`);
    }
    await this.#change(revocation);
  }

  /** Takes one back; resolves when that is on disk. `NOT_FOUND` when there is none. */
  async remove(target: RevocationTarget, now: number): Promise<void> {
    const known = "subject" in target ? this.#subjects.get(target.subject) : this.#tokens.get(target.tokenId);
    if (known === undefined) throw new HoldfastError("NOT_FOUND", "that is not revoked");
    await this.#change({ ...target, at: now, until: 0 });
  }

  async close(): Promise<void> {
    await this.#file?.close();
  }

  async #change(revocation: Revocation): Promise<void> {
    this.#apply(revocation);
    await this.#file?.append(revocation, () => this.#all());
  }

  #apply(revocation: Revocation): void {
    const { subject, tokenId, until } = revocation;
    const [map, key] = subject === undefined ? [this.#tokens, tokenId ?? ""] : [this.#subjects, subject];
    if (until === 0) map.delete(key);
    else map.set(key, revocation);
  }

  get #size(): number {
    return this.#subjects.size + this.#tokens.size;
  }

  #all(): Revocation[] {
    return [...this.#subjects.values(), ...this.#tokens.values()];
  }

  #forgetOld(now: number): void {
    for (const map of [this.#subjects, this.#tokens]) {
      for (const [key, revocation] of map) if (!holds(revocation, now)) map.delete(key);
    }
  }
}

const holds = ({ until }: Revocation, now: number): boolean => until === null || until > now;
