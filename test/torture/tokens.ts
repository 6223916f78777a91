import type { Token } from "../simulation/history.js";

const RANDOM_DIGITS = 5;

/** Reads `LIFE RANDOM . LEASE`, in base 36: a token as the server gives it. */
export function readToken(text: string): Token {
  const dot = text.lastIndexOf(".");
  return { life: Number.parseInt(text.slice(0, dot - RANDOM_DIGITS), 36), number: Number.parseInt(text.slice(dot + 1), 36) };
}

/** One name for a token, whether a server or a history has it. */
export function tokenText(token: Token | string): string {
  const { life, number } = typeof token === "string" ? readToken(token) : token;
  return `${life}/${number}`;
}
