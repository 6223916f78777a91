/** A lease token as plain clients see it: opaque to them, and of one life of the engine. */
export const tokenOf = (epoch: string, lease: number): string => `${epoch}.${lease.toString(36)}`;

const LEASE_PATTERN = /^(0|[1-9a-z][0-9a-z]{0,9})$/;

/** The lease of a token, or undefined when this life of the engine did not give it. */
export function leaseOf(epoch: string, token: string): number | undefined {
  const at = token.lastIndexOf(".");
  const digits = token.slice(at + 1);
  return at === epoch.length && token.startsWith(epoch) && LEASE_PATTERN.test(digits) ? Number.parseInt(digits, 36) : undefined;
}
