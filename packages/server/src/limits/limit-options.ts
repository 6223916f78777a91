import { z } from "zod";
import { type Rate, UNLIMITED } from "./token-bucket.js";

const rate = z.strictObject({ perSecond: z.number().min(0.001).max(UNLIMITED.perSecond), burst: z.number().min(1).max(UNLIMITED.burst) });

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
