/** A chosen id is known for 10 minutes unless its queue says otherwise; what was not answered in nearly that time is not sent again. */
export const RESENDS_MS = 590_000;
