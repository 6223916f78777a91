import { hostname, userInfo } from "node:os";
import type { Command } from "commander";
import type { Holdfast } from "holdfast-client";
import { userArgument } from "./arguments.js";
import { type ConnectionFlags, withConnectionFlags, withServer } from "./connection.js";

/** Flags of the commands that are somebody in a room. */
export interface RoomFlags extends ConnectionFlags {
  readonly user?: string;
}

export const withRoomFlags = (command: Command): Command =>
  withConnectionFlags(command).option("--user <name>", "who this is (default: the name you are logged in with)", userArgument);

/** Who a command is unless it is told. */
export function userOf({ user }: Pick<RoomFlags, "user">): string {
  if (user !== undefined) return user;
  try {
    return userInfo().username;
  } catch {
    // A container may run under a number that has no name.
    return hostname();
  }
}

/** As `withServer`, for commands that look after rooms: a server wants to know of somebody there, and who it is does not matter. */
export const withRooms = <Result>(flags: ConnectionFlags, work: (holdfast: Holdfast) => Promise<Result>): Promise<Result> =>
  withServer(flags, work, undefined, { user: userOf({}) });
