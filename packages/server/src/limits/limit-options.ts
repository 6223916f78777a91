import { z } from "zod";
import type { Rate } from "./token-bucket.js";

/** More than any server does. */
const UNLIMITED: Rate = { perSecond: 1e12, burst: 1e12 };
const RATE_MAX = 1_000_000_000;

/** So much a second and at once, or `false` for no limit. */
export const rate = z
  .union([z.literal(false), z.strictObject({ perSecond: z.number().min(0.001).max(RATE_MAX), burst: z.number().min(1).max(RATE_MAX) })], {
    error: "{ perSecond, burst } or false",
  })
  .transform((given): Rate => (given === false ? UNLIMITED : given));

export const trustedProxies = z.int().min(0).max(10).default(0);

export const unlimitedAddresses = z.array(z.string().min(1).max(100)).max(1_000).default(["127.0.0.0/8", "::1"]);
