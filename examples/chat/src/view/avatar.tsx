import type { JSX } from "preact";

const COLOURS = 8;

/** The first letter of a name, in a colour that is always the same for it. */
export function Avatar({ user }: { readonly user: string }): JSX.Element {
  const hash = [...user].reduce((sum, letter) => (sum * 31 + (letter.codePointAt(0) ?? 0)) % 997, 7);
  return (
    <span class={`avatar colour-${hash % COLOURS}`} aria-hidden="true">
      {[...user][0]?.toLocaleUpperCase()}
    </span>
  );
}
