import type { HistoryEvent } from "../history.js";

type Invocation = { readonly call: number; readonly index: number; readonly at: number };
type Done = Extract<HistoryEvent, { readonly outcome: unknown }>;

/** A call with how it ended. It took effect after it was invoked, and before it was done if that is known. */
export interface CallRecord<Invoked, Ok> {
  readonly invoked: Invoked;
  /** What the client was told with `ok`. */
  ok: Ok | undefined;
  /** Why it was refused: then it had no effect. */
  code: string | undefined;
  /** Infinity when the outcome is not known: its effect may come at any later time. */
  doneIndex: number;
  doneAt: number;
}

/** Whether the call may have had an effect. */
export const mayHaveHappened = (call: { readonly code: string | undefined }): boolean => call.code === undefined;

/** Joins invocations with their outcomes. */
export class CallLog<Invoked extends Invocation, DoneEvent extends Done> {
  readonly list: CallRecord<Invoked, Extract<DoneEvent, { outcome: "ok" }>>[] = [];
  readonly #byCall = new Map<number, CallRecord<Invoked, Extract<DoneEvent, { outcome: "ok" }>>>();

  invoke(invoked: Invoked): CallRecord<Invoked, Extract<DoneEvent, { outcome: "ok" }>> {
    if (this.#byCall.has(invoked.call)) throw new Error(`call ${invoked.call} is invoked twice (event ${invoked.index})`);
    const none = Number.POSITIVE_INFINITY;
    const record = { invoked, ok: undefined, code: undefined, doneIndex: none, doneAt: none };
    this.#byCall.set(invoked.call, record);
    this.list.push(record);
    return record;
  }

  done(event: DoneEvent): CallRecord<Invoked, Extract<DoneEvent, { outcome: "ok" }>> {
    const record = this.#byCall.get(event.call);
    if (record === undefined) throw new Error(`call ${event.call} is done and was not invoked (event ${event.index})`);
    if (event.outcome === "info") return record;
    record.doneIndex = event.index;
    record.doneAt = event.at;
    if (event.outcome === "ok") record.ok = event as Extract<DoneEvent, { outcome: "ok" }>;
    else record.code = event.code;
    return record;
  }
}
