/** Writes text as UTF-8. */
export const encoder = new TextEncoder();
