import { z } from "zod";
import type { Rate } from "./token-bucket.js";

/** More than any server does. */
const RATE_MAX = 1e12;
const UNLIMITED: Rate = { perSecond: RATE_MAX, burst: RATE_MAX };

const rate = z.strictObject({ perSecond: z.number().min(0.001).max(RATE_MAX), burst: z.number().min(1).max(RATE_MAX) });

/** An option that is so much a second and at once, or `false` for no limit. */
export const rateOption = (
  field: string,
  otherwise: Rate,
): z.ZodPrefault<z.ZodPipe<z.ZodCustom<Rate | false>, z.ZodTransform<Rate, Rate | false>>> =>
  z
    .custom<Rate | false>((value) => value === false || rate.safeParse(value).success, {
      error: ({ input }) =>
        `${field} is ${JSON.stringify(input)?.slice(0, 80)}, expected { perSecond, burst } of at least 0.001 and 1, or false for no limit`,
    })
    .transform((given): Rate => (given === false ? UNLIMITED : given))
    .prefault(otherwise);

export const trustedProxies = z.int().min(0).max(10).default(0);

export const unlimitedAddresses = z.array(z.string().min(1).max(100)).max(1_000).default(["127.0.0.0/8", "::1"]);
