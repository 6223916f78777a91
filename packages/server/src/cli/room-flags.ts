import { hostname, userInfo } from "node:os";
import type { Command } from "commander";
import { userArgument } from "./arguments.js";
import { type ConnectionFlags, withConnectionFlags } from "./connection.js";

/** Flags of the commands that are somebody in a room. */
export interface RoomFlags extends ConnectionFlags {
  readonly user?: string;
}

export const withRoomFlags = (command: Command): Command =>
  withConnectionFlags(command).option("--user <name>", "who this is (default: the name you are logged in with)", userArgument);

/** Who a command is unless it is told. */
export function userOf({ user }: RoomFlags): string {
  if (user !== undefined) return user;
  try {
    return userInfo().username;
  } catch {
    // A container may run under a number that has no name.
    return hostname();
  }
}
