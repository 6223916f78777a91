/** A name that nobody guesses: 32 random bits for each word. */
export const randomName = (words: number): string =>
  Array.from(crypto.getRandomValues(new Uint32Array(words)), (word) => word.toString(36)).join("");
