import type { Random } from "../simulation/random.js";
import type { Word } from "./client/spec.js";
import { pause } from "./pause.js";
import type { Round, RoundOptions, RoundResult } from "./round.js";
import type { Rounds } from "./rounds.js";
import type { RowContext } from "./row.js";

/** A life lasts so long after its start, at most, where nothing else is said. */
const LIFE_MS_MAX = 500;
const LONG_LIFE_MS_MAX = 2_500;
/** A client says what is waited for within this, or it is not waited for any more. */
const WORD_MS_MAX = 5_000;

/** Resolves when any client says that; to false when none does. */
function said(round: Round, word: Word["say"]): Promise<boolean> {
  return new Promise((resolve) => {
    const end = (heard: boolean): void => {
      for (const off of offs) off();
      clearTimeout(late);
      resolve(heard);
    };
    const offs = round.clients.map((client) => client.on(word, () => end(true)));
    const late = setTimeout(() => end(false), WORD_MS_MAX);
  });
}

export interface Killing {
  readonly kills: number;
  readonly random: Random;
  /** Of so many lives one is long, so that more happens in it than its beginning; without, none. */
  readonly longLifeOneIn?: number | undefined;
  /** Kills at the moment a client says one of these, in turn; without, at any. */
  readonly at?: readonly Word["say"][];
  /** @param heard whether it came at such a moment: a client that says nothing is not waited for for ever */
  onKill(heard: boolean): void;
}

/** Kills the server and starts it again, as often as is asked. */
export async function killing(round: Round, { kills, random, longLifeOneIn, at = [], onKill }: Killing): Promise<void> {
  for (let kill = 0; kill < kills; kill++) {
    const isLong = longLifeOneIn !== undefined && random.below(longLifeOneIn) === 0;
    await pause(random.below(isLong ? LONG_LIFE_MS_MAX : LIFE_MS_MAX));
    const word = at[kill % at.length];
    const heard = word === undefined || (await said(round, word));
    await round.kill();
    onKill(heard);
    await round.start();
  }
}

export interface KillRounds extends Pick<RoundOptions, "queues" | "rooms" | "onFault">, Pick<Killing, "at" | "longLifeOneIn"> {
  readonly kills: number;
  readonly killsPerRound: number;
  /** How many kills of a round count; without, all that came at the moment they were to. */
  readonly counting?: (result: RoundResult) => number;
  /** Others who are there during a round, and judge for themselves. */
  readonly company?: (round: Round) => Promise<Company>;
}

/** Clients without a history file. */
export interface Company {
  /** Everything is healed: they say nothing new, and what they said has to come. */
  finish(): Promise<void>;
  /** Ends those that still run. */
  dispose(): Promise<void>;
}

/** Kills the server in one round after the other, with the clients of `populate`, until that is enough or something is wrong; returns how many kills count. */
export async function killInRounds(
  rounds: Rounds,
  { random, progress }: RowContext,
  { kills, killsPerRound, at = [], longLifeOneIn, counting, company, ...options }: KillRounds,
  populate: (round: Round) => Promise<void>,
): Promise<number> {
  let done = 0;
  while (done < kills && !rounds.failed) {
    let [all, here] = [0, 0];
    const onKill = (heard: boolean): void => {
      all++;
      if (heard) here++;
      progress(`${done} of ${kills} kills, and ${all} more`);
    };
    const result = await rounds.run(options, async (round) => {
      await populate(round);
      const others = await company?.(round);
      try {
        round.disturb();
        await killing(round, { kills: Math.min(killsPerRound, kills - done), random, longLifeOneIn, at, onKill });
        // While the others wait for what is theirs, more to judge would come of nothing.
        if (others !== undefined) await round.quiet();
        await others?.finish();
      } finally {
        await others?.dispose();
      }
    });
    if (result === undefined) break;
    const counted = counting?.(result) ?? here;
    if (counted === 0) rounds.failures.push(`vacuous: none of ${all} kills came when it was to`);
    done += counted;
  }
  return done;
}
