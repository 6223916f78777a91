/**
 * A message as one line for a terminal: line breaks become spaces, and control characters, which may come from a
 * peer or a file and could command the terminal, are shown as escapes.
 */
export function oneLine(text: string): string {
  return text
    .replace(/\s*[\r\n]+\s*/g, " ")
    .replace(/\p{Cc}/gu, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`);
}
