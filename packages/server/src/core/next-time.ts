import { Cron } from "croner";
import { HoldfastError } from "holdfast-client/protocol";

/** Characters of a pattern; the longest useful ones list every minute. */
const CRON_CHARACTERS_MAX = 256;
/** Patterns of which the parsed form is kept, each a few KiB. */
const PARSED_MAX = 1_000;

const NICKNAME = /^@(yearly|annually|monthly|weekly|daily|midnight|hourly)$/i;
const ZONE = /^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/;

interface Parsed {
  readonly cron: Cron;
  /** What was asked last: schedules of one pattern mostly ask at one time. */
  last: { readonly after: number; readonly next: number | undefined } | undefined;
}

const parsed = new Map<string, Parsed>();

/**
 * The first time after `after` (milliseconds since 1970, whole seconds) that a cron pattern names; undefined when it names
 * none. It depends on nothing but its arguments, and on the rules of time zones that the process has.
 *
 * @param cron five fields, six with seconds before them, or a name such as `@daily`
 * @param timezone an IANA name; where its clocks are changed PROTOCOL.md says what happens
 * @throws HoldfastError `BAD_REQUEST` naming the value, when there is no such pattern or zone
 */
export function nextTime(cron: string, timezone: string, after: number): number | undefined {
  const pattern = parse(cron, timezone);
  if (pattern.last?.after !== after) pattern.last = { after, next: pattern.cron.nextRun(new Date(after))?.getTime() };
  return pattern.last.next;
}

/** As `nextTime`; a pattern that names no time is `BAD_REQUEST` too. */
export function firstTime(cron: string, timezone: string, after: number): number {
  const next = nextTime(cron, timezone, after);
  if (next === undefined) throw new HoldfastError("BAD_REQUEST", `cron is ${quoted(cron)}, expected a pattern that names a day there is`);
  return next;
}

function parse(cron: string, timezone: string): Parsed {
  const name = `${timezone} ${cron}`;
  const known = parsed.get(name);
  if (known !== undefined) return known;
  const fresh: Parsed = { cron: newCron(cron, timezone), last: undefined };
  const [oldest] = parsed.keys();
  if (oldest !== undefined && parsed.size >= PARSED_MAX) parsed.delete(oldest);
  parsed.set(name, fresh);
  return fresh;
}

function newCron(cron: string, timezone: string): Cron {
  if (!isZone(timezone)) {
    throw new HoldfastError("BAD_REQUEST", `timezone is ${quoted(timezone)}, expected an IANA name such as "Europe/Berlin"`);
  }
  const fields = cron.trim().split(/\s+/).length;
  // Seven fields would name years, and a pattern could come to its end.
  // What nobody else has, or means otherwise: a marked day of the week would have to be met as well as that of the month.
  const isForeign = /[+?]/.test(cron);
  if (isForeign || cron.length > CRON_CHARACTERS_MAX || !(fields === 5 || fields === 6 || NICKNAME.test(cron))) throw badCron(cron);
  try {
    return new Cron(cron, { timezone });
  } catch (error) {
    throw badCron(cron, error);
  }
}

function isZone(timezone: string): boolean {
  if (!ZONE.test(timezone)) return false;
  try {
    new Intl.DateTimeFormat("en", { timeZone: timezone });
    return true;
  } catch {
    return false;
  }
}

function badCron(cron: string, error?: unknown): HoldfastError {
  const why = error instanceof Error ? ` (${error.message.replace(/^CronPattern: /, "")})` : "";
  return new HoldfastError(
    "BAD_REQUEST",
    `cron is ${quoted(cron)}, expected 5 fields (minute hour day month weekday), 6 with seconds first, or a name such as @daily${why}`,
  );
}

const quoted = (text: string): string =>
  text.length <= CRON_CHARACTERS_MAX ? JSON.stringify(text) : `${text.length} characters, at most ${CRON_CHARACTERS_MAX} are allowed`;
