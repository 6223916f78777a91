/** Of the device, or of what its user may have of it. */
const CODES: ReadonlySet<unknown> = new Set(["ENOSPC", "EDQUOT"]);

export const isDiskFull = (cause: unknown): boolean => cause instanceof Error && "code" in cause && CODES.has(cause.code);
