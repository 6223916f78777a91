import { HoldfastError, NAME_PATTERN } from "holdfast-client/protocol";
import { z } from "zod";
import { queueName } from "./options.js";
import { roomName } from "./room-options.js";
import { isUserName, USER_FORM } from "./user-name.js";
import { preview } from "./validate.js";

const userName = z.string().refine(isUserName, { error: ({ input }) => `user is ${preview(input)}, expected ${USER_FORM}` });

export const deviceName = z.string().refine((name) => NAME_PATTERN.test(name), {
  error: ({ input }) => `device is ${preview(input)}, expected ${NAME_PATTERN.source}`,
});

/** A user, where else a room's name stands: see `user`. */
export const userObject = z.strictObject({ user: userName });

/** Who may be in a room. */
export const memberObject = z.union([userObject, z.strictObject({ queue: queueName })], { error: "{ user } or { queue }" });

/** A room by its name, or a user. */
export const targetName = z.union([roomName, userObject], { error: "a room's name or { user }" });

/** Where an emit goes, or what it leaves out: a room by its name, or a user. */
export type TargetName = string | UserName;

/** A user as `to`, `except`, `add` and `remove` take one. */
export interface UserName {
  readonly user: string;
}

/**
 * A user, where a text would be the name of a room.
 *
 * @param name 1 to 256 bytes of UTF-8; else `BAD_REQUEST`
 *
 * @example
 * await holdfast.to("kitchen").except(user("bob")).emit("order", { table: 4 });
 */
export function user(name: string): UserName {
  if (!isUserName(name)) throw new HoldfastError("BAD_REQUEST", `user is ${preview(name)}, expected ${USER_FORM}`);
  return { user: name };
}
