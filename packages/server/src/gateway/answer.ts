/** What a request is answered with. */
export interface Answer {
  /** The reply beside `ok: true`. */
  readonly reply: object;
  /** Done after the reply was sent. */
  readonly afterwards?: () => void;
}
