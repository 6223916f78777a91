import { HoldfastError } from "holdfast-client/protocol";
import type { Namespace, Server } from "socket.io";
import { z } from "zod";
import { preview, validate } from "../validate.js";
import type { Identify } from "./identity.js";

/** Whether the value has these methods, as what a package of another copy has them, too. */
const has = (value: unknown, ...methods: string[]): value is object =>
  typeof value === "object" && value !== null && methods.every((method) => typeof Reflect.get(value, method) === "function");

const isServer = (value: unknown): value is Server => has(value, "of", "use", "on");
const isNamespace = (value: unknown): value is Namespace => has(value, "use", "on", "off") && "sockets" in value && "server" in value;

/** The namespace that is meant: a server stands for the one of that name. `BAD_REQUEST` for what is neither. */
export function namespaceOf(target: unknown, name: string): Namespace {
  if (isServer(target)) return target.of(name);
  if (isNamespace(target)) return target;
  throw new HoldfastError("BAD_REQUEST", `target is ${preview(target)}, expected a Server of Socket.IO, or one of its namespaces`);
}

const isIdentify = (value: unknown): value is Identify => typeof value === "function";

const options = z.strictObject({
  identify: z
    .custom<Identify>(isIdentify, { error: ({ input }) => `identify is ${preview(input)}, expected a function that is given a socket` })
    .optional(),
  auth: z.literal(false).optional(),
  insecure: z.boolean().optional(),
});

/** What `attach` is given besides, or `BAD_REQUEST` naming the option. */
export const readAttachOptions = (given: unknown): z.output<typeof options> => validate(options, given, "options");
