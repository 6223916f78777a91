/** What a process with many devices is to be. */
export interface DevicesSpec {
  readonly url: string;
  readonly room: string;
  /** Each device is of a user of its own: `device-FIRST` and the following. */
  readonly first: number;
  readonly count: number;
}

/** What a user is called. */
export const userOf = (number: number): string => `device-${number}`;

/** The event in the rooms; its argument is the number of the message there, from 1 on. */
export const EVENT = "order";

/** What the process says now and then: the least that any device has, what all have, and what was wrong. */
export interface DevicesWord {
  readonly least: number;
  readonly heard: number;
  readonly wrong: readonly string[];
}
