import { whyNoStrace } from "../../crash/strace.js";
import { judgeReceipts, messagesOf } from "../../crash/traced-receipts.js";
import type { Row } from "../row.js";

const RECEIPTS = 1_000_000;
const LOAD = { singles: 10_000, arrays: 1_500 };
const LOAD_MIN = { singles: 500, arrays: 50 };

export const receipts: Row = {
  number: 4,
  title: "A receipt only after its sync",
  method: "`strace` shows the order of system calls: the message's bytes are written, then synced, and only then its receipt is sent.",
  target: "100 % of 1,000,000 receipts",
  fullMinutes: 12,
  missing: whyNoStrace,
  async run({ scale, progress }) {
    const wanted = RECEIPTS * scale;
    const failures: string[] = [];
    let [matched, syncs] = [0, 0];
    while (matched < wanted && failures.length === 0) {
      const load = messagesOf(LOAD) > wanted ? LOAD_MIN : LOAD;
      const verdict = await judgeReceipts(load);
      matched += verdict.matched;
      syncs += verdict.syncs;
      if (verdict.early.length > 0) failures.push(`${verdict.early.length} receipts were sent early, such as ${verdict.early[0]}`);
      if (verdict.unstored.length > 0) failures.push(`${verdict.unstored.length} receipts are of messages that were written nowhere`);
      if (verdict.matched < messagesOf(load)) failures.push(`vacuous: only ${verdict.matched} receipts of ${messagesOf(load)} were found`);
      progress(`${matched} receipts`);
    }
    return { figure: `${matched} of ${matched} receipts, ${syncs} syncs`, failures, complete: matched >= RECEIPTS };
  },
};
