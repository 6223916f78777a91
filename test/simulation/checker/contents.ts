import type { Delivery, Publish } from "../history.js";
import { mayHaveHappened } from "./calls.js";
import type { Copies, Copy } from "./copy.js";
import type { Report } from "./violation.js";

/** Judges whether what was delivered or stored was published, and arrived as it was sent: P2, P3. */
export function checkContents(copies: Copies, report: Report): void {
  for (const copy of copies.all) {
    const first = copy.firstSeen;
    if (first === Number.POSITIVE_INFINITY) continue;
    const before = copy.identity.publishes.filter(({ invoked }) => invoked.index < first);
    if (before.length === 0) report.add("unexpected", `${copy} was not published`, first);
    else if (!before.some(mayHaveHappened))
      report.add("phantom", `${copy} was refused for good, and is there`, ...before.map(({ doneIndex }) => doneIndex), first);
    else for (const { delivery } of copy.leases) checkDelivery(copy, delivery, report);
  }
}

const arrived = (sent: Publish, { body, event, key }: Delivery): boolean => sent.body === body && sent.event === event && sent.key === key;

function checkDelivery(copy: Copy, delivery: Delivery, report: Report): void {
  const { publishes } = copy.identity;
  const sent = publishes.filter(({ invoked }) => arrived(invoked, delivery));
  if (sent.length === 0) {
    const { body, event, key } = delivery;
    const text = `${copy} arrived as ${JSON.stringify({ body, event, key })}, which nobody sent`;
    report.add("altered", text, publishes[0]?.invoked.index ?? -1, delivery.index);
  } else if (!sent.some(mayHaveHappened)) {
    report.add("phantom", `${copy} arrived with the content that was refused`, sent[0]?.doneIndex ?? -1, delivery.index);
  }
  const first = copy.leases[0]?.delivery;
  if (first !== undefined && first.publishedAt !== delivery.publishedAt)
    report.add(
      "altered",
      `${copy} was published at ${first.publishedAt}, and then at ${delivery.publishedAt}`,
      first.index,
      delivery.index,
    );
}
