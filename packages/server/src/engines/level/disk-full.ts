export const isDiskFull = (cause: unknown): boolean => cause instanceof Error && "code" in cause && cause.code === "ENOSPC";
