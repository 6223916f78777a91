import { pause } from "../pause.js";
import { queueOf } from "../queues.js";
import { Rounds } from "../rounds.js";
import { type Row, scaled } from "../row.js";

const ACKS = 10_000;
const HOARD = 500;
const LEASE_MS = 1_000;

export const zombies: Row = {
  number: 11,
  title: "Acknowledgements of zombies",
  method: "A consumer takes deliveries and is stopped (SIGSTOP) until another one has had them; then it goes on and acknowledges.",
  target: "10,000 acknowledgements: 100 % `STALE_LEASE`",
  fullMinutes: 2,
  async run(context) {
    const acks = scaled(ACKS, context.scale);
    const rounds = new Rounds(context);
    let [stale, accepted] = [0, 0];
    while (stale < acks && !rounds.failed) {
      const count = Math.min(HOARD, acks - stale);
      await rounds.run({ queues: [queueOf("orders", { leaseMs: LEASE_MS })] }, async (round) => {
        const publisher = { queue: "orders", window: 8, batchMax: 20, pauseMs: 2, times: 1, keys: 0, bodyBytesMax: 100 };
        const consumer = { queue: "orders", maxInFlight: count, verbs: { ack: 1 }, workMsMax: 1 };
        const zombie = await round.client({ name: "zombie", consumer: { ...consumer, hoards: true } });
        const ann = await round.client({ name: "ann", publisher });
        await new Promise<void>((resolve) => {
          zombie.on("hoard", (word) => {
            if (word.count >= count) resolve();
          });
        });
        zombie.freeze();
        round.stalled(zombie);
        ann.tell("quiet");
        await ann.says("quiet");
        const bob = await round.client({ name: "bob", consumer: { ...consumer, maxInFlight: 10_000 } });
        await pause(LEASE_MS + 200);
        while ((await round.admin.counts("orders")).acked < count) await pause(50);
        zombie.thaw();
        const settled = zombie.says("settled");
        zombie.tell("settle");
        const fates = await settled;
        stale += fates.stale;
        accepted += fates.accepted;
        if (fates.other.length > 0) rounds.failures.push(`refused otherwise than as stale: ${fates.other[0]}`);
        if (fates.stale === 0) rounds.failures.push("vacuous: nothing was stale");
        context.progress(`${stale} of ${acks}`);
        bob.tell("drain");
      });
    }
    if (accepted > 0) rounds.failures.push(`${accepted} acknowledgements of zombies were taken`);
    return rounds.result(`${stale} stale, ${accepted} taken`, stale >= ACKS);
  },
};
