import { CommandError, EXIT } from "./exit-codes.js";

/** A queue or a room. */
export type Target = { readonly queue: string; readonly room?: undefined } | { readonly room: string; readonly queue?: undefined };

/** What a command is about that takes the name of a queue, or a room by `--room`. */
export function targetOf(queue: string | undefined, room: string | undefined): Target {
  if (queue !== undefined && room === undefined) return { queue };
  if (queue === undefined && room !== undefined) return { room };
  const given = queue === undefined ? "neither a queue nor --room is given" : `queue ${queue} and --room ${room} are given`;
  throw new CommandError(EXIT.usage, `${given}, expected one of them`);
}
