const CHARACTERS_MAX = 258;
const NAME_PATTERN = /^[A-Za-z0-9._:*-]{1,133}$/;

export const PATTERN_FORM = "1 to 133 of A-Z a-z 0-9 . _ : - and *, or @ and a user, where * stands for anything";

/**
 * Names of one form: `*` stands for any number of any characters, dots too, or none; every other character for itself.
 * `orders.*` is `orders.new` and `orders.new.eu`, and not `orders`. Behind `@` they are names of users; without it none is.
 */
export class Pattern {
  /** What must come in this order, the first at the beginning and the last at the end. */
  readonly #pieces: readonly string[];
  readonly #isOfUsers: boolean;

  constructor(text: string) {
    this.#pieces = text.split("*");
    this.#isOfUsers = text.startsWith("@");
  }

  static isValid(text: string): boolean {
    return text.startsWith("@") ? text.length > 1 && text.length <= CHARACTERS_MAX : NAME_PATTERN.test(text);
  }

  /** Takes time in proportion to the name, whatever the pattern is. */
  matches(name: string): boolean {
    if (name.startsWith("@") !== this.#isOfUsers) return false;
    const [first = "", ...others] = this.#pieces;
    const last = others.pop();
    if (last === undefined) return name === first;
    if (!name.startsWith(first)) return false;
    let at = first.length;
    for (const piece of others) {
      const found = name.indexOf(piece, at);
      if (found === -1) return false;
      at = found + piece.length;
    }
    return name.length - last.length >= at && name.endsWith(last);
  }
}
