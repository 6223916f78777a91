import { checkWhole } from "./check.js";
import type { Connection } from "./connection.js";
import type { ConsumeOptions } from "./consumer.js";
import type { Batch, Done, LeasedDelivery } from "./delivery.js";
import * as LIMITS from "./limits.js";
import { staleLease } from "./settlements.js";

/** A lease is prolonged once less than this part of it is left: time enough for one look to come too late. */
const LEFT_PART = 3 / 4;
/** Leases may become shorter while long ones are held. */
const LOOK_MS_MAX = 10_000;

/** Those whose extension has no answer yet, or a bad one: none is asked for on top of it, which might be shorter. */
const unanswered = new WeakSet<LeasedDelivery>();
/** Until when, by `performance.now()`, a batch was prolonged. */
const prolonged = new WeakMap<Batch, number>();

/** As `Delivery.extend`; throws what is known at once. */
export function extend(delivery: LeasedDelivery, leaseMs: number, done: Done): void {
  checkWhole("leaseMs", leaseMs ?? 0, LIMITS.leaseMsMin, LIMITS.leaseMsMax);
  const { lease, settled, batch } = delivery;
  if (settled || batch.lost) throw staleLease(lease);
  if (!prolonged.has(batch)) prolonged.set(batch, batch.endsAt);
  // The answer may wait for a connection: until then it is remembered.
  batch.endsAt = Number.POSITIVE_INFINITY;
  unanswered.add(delivery);
  const onSettled: Done = (error) => {
    let until = prolonged.get(batch) ?? 0;
    if (error === undefined) {
      const now = performance.now();
      unanswered.delete(delivery);
      until = Math.max(until, now + leaseMs);
      delivery.extendedUntil = Math.round(now + leaseMs + batch.clockOffsetMs);
    }
    prolonged.set(batch, until);
    batch.endsAt = until;
    done(error);
  };
  batch.settler.settle({ lease, verb: "extend", terms: { leaseMs }, sends: 0, onSettled });
}

/** Looks three times in the time of the shortest lease for deliveries that are worked on that long; resolves when there are none at all. */
export function keep(connection: Connection, batches: ReadonlySet<Batch>, options: ConsumeOptions): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      const held = Array.from(batches).filter(({ endsAt }) => endsAt >= performance.now());
      if (held.length === 0) {
        resolve();
        return;
      }
      // What would be asked for without a connection might come after the end of the lease, and keep a consumer that is to leave.
      if (connection.ready) for (const batch of held) extendHeld(batch, options);
      connection.after(Math.min(LOOK_MS_MAX, ...held.map(({ section }) => section.leaseMs / 3)), look);
    };
    look();
  });
}

/** Prolongs the leases of deliveries that are worked on, unless they came too long ago. */
function extendHeld(batch: Batch, { extendForMs = 3_600_000 }: ConsumeOptions): void {
  const { section, clockOffsetMs, deliveries } = batch;
  const { leaseMs, leaseUntil } = section;
  const serverNow = performance.now() + clockOffsetMs;
  if (batch.lost || serverNow - leaseUntil + leaseMs >= extendForMs) return;
  for (const delivery of deliveries) {
    const { settled, letGo } = delivery;
    // It may also have become longer by the application's own `extend`.
    if (settled || letGo || unanswered.has(delivery) || delivery.leaseUntil - serverNow > leaseMs * LEFT_PART) continue;
    extend(delivery, leaseMs, () => {});
  }
}
