import { type Command, Option } from "commander";
import type { connect as Connect, Holdfast } from "holdfast-client";
import { admin } from "holdfast-client/admin";
import { namespaceName, serverUrl, wholeNumber } from "./arguments.js";
import { CommandError, EXIT } from "./exit-codes.js";
import { tokenOf } from "./token.js";

/** Flags of every command that talks to a server. */
export interface ConnectionFlags {
  readonly url: string;
  readonly namespace?: string;
  readonly tokenFile?: string;
  readonly connectTimeoutMs: number;
  readonly offlineTimeoutMs: number;
}

const DAY_MS = 86_400_000;
/** After the work: for what nobody waits for, such as the last cancellation. */
const DRAIN_MS = 5_000;

/** Loaded by commands that connect, before they begin: help and servers start faster without it. */
let connect!: typeof Connect;

export const urlOption = (description: string): Option => new Option("--url <url>", description).env("HOLDFAST_URL").argParser(serverUrl);

const givenOrLocal = (): Option => urlOption("the server; a path in it is the namespace").default("http://127.0.0.1:3000");

/** @param url the option for the server's address, where it is not the usual one */
export function withConnectionFlags(command: Command, url: Option = givenOrLocal()): Command {
  return command
    .addOption(url)
    .option("--namespace <name>", "the namespace whose queues and rooms these are (default: /)", namespaceName)
    .option("--token-file <file>", "has the token or API key, where the server asks for one (default: HOLDFAST_TOKEN)")
    .option("--connect-timeout-ms <ms>", "give up when the server was not reached by then", wholeNumber(1, DAY_MS), 5_000)
    .option("--offline-timeout-ms <ms>", "give up when a server once reached stays away longer; 0: never", wholeNumber(0, DAY_MS), 60_000)
    .hook("preAction", async () => {
      ({ connect } = await import("holdfast-client"));
    });
}

/** `--url` with the namespace as its path, as `connect` takes it. */
export function namespaceUrl(flags: Pick<ConnectionFlags, "url" | "namespace">): string {
  const url = new URL(flags.url);
  if (flags.namespace !== undefined) {
    if (url.pathname !== "/" && url.pathname !== flags.namespace) {
      throw new CommandError(EXIT.usage, `--namespace is ${flags.namespace}, but --url names ${url.pathname}`);
    }
    url.pathname = flags.namespace;
  }
  return url.href;
}

/** A client of the server, that nobody watches: it tries without end. */
export function openClient(flags: ConnectionFlags, auth: object = {}): Holdfast {
  const token = tokenOf(flags.tokenFile, process.env);
  return connect(namespaceUrl(flags), { auth: token === undefined ? auth : { ...auth, token } });
}

/**
 * Connects, runs `work`, and closes. Fails when `work` does, or when the server is to be given up: then `work` is left
 * behind, and what it waits for fails.
 *
 * @param onState called when the server goes away and when it is back; until then the client connects again by itself
 * @param auth who this is
 */
export async function withServer<Result>(
  flags: ConnectionFlags,
  work: (holdfast: Holdfast) => Promise<Result>,
  onState: (away: boolean) => void = () => undefined,
  auth: object = {},
): Promise<Result> {
  const url = namespaceUrl(flags);
  const holdfast = openClient(flags, auth);
  let watch: Watch | undefined;
  const givenUp = new Promise<never>((_, reject) => {
    watch = new Watch(holdfast, url, flags, onState, reject);
  });
  let drainMs = 0;
  try {
    const result = await Promise.race([work(holdfast), givenUp]);
    drainMs = DRAIN_MS;
    return result;
  } finally {
    watch?.stop();
    await holdfast.close({ timeoutMs: drainMs });
  }
}

/**
 * Watches a connection that reconnects by itself, and says when to give up: never reached within `connectTimeoutMs`,
 * away longer than `offlineTimeoutMs`, or refused.
 */
class Watch {
  readonly #url: string;
  readonly #flags: ConnectionFlags;
  readonly #holdfast: Holdfast;
  readonly #onState: (away: boolean) => void;
  readonly #onGivenUp: (error: CommandError) => void;
  #timer: NodeJS.Timeout | undefined;
  #reached = false;
  #stopped = false;
  #lastError = "no answer";

  constructor(
    holdfast: Holdfast,
    url: string,
    flags: ConnectionFlags,
    onState: (away: boolean) => void,
    onGivenUp: (error: CommandError) => void,
  ) {
    this.#url = url;
    this.#flags = flags;
    this.#holdfast = holdfast;
    this.#onState = onState;
    this.#onGivenUp = onGivenUp;
    this.#arm(flags.connectTimeoutMs, () => `no Holdfast server at ${this.#url}: ${this.#lastError}`);
    holdfast.socket.on("connect", this.#connected);
    holdfast.socket.on("disconnect", this.#disconnected);
    holdfast.socket.on("connect_error", this.#refused);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#holdfast.socket.off("connect", this.#connected);
    this.#holdfast.socket.off("disconnect", this.#disconnected);
    this.#holdfast.socket.off("connect_error", this.#refused);
  }

  /** A connection is not yet a Holdfast server: that is known with the first answer, whatever it says. */
  readonly #connected = (): void => {
    this.#lastError = "it does not answer as a Holdfast server does";
    const connection = this.#holdfast.socket.id;
    const onAnswer = (): void => {
      if (this.#stopped || this.#holdfast.socket.id !== connection) return;
      clearTimeout(this.#timer);
      this.#reached = true;
      this.#onState(false);
    };
    admin(this.#holdfast).queues({ limit: 1 }).then(onAnswer, onAnswer);
  };

  readonly #disconnected = (reason: string): void => {
    this.#lastError = reason;
    this.#onState(true);
    if (!this.#holdfast.socket.active) {
      this.#onGivenUp(new CommandError(EXIT.refused, `server at ${this.#url} ended the connection: ${reason}`));
      return;
    }
    const { offlineTimeoutMs } = this.#flags;
    if (this.#reached && offlineTimeoutMs > 0)
      this.#arm(offlineTimeoutMs, () => `server at ${this.#url} stayed away for ${offlineTimeoutMs} ms: ${this.#lastError}`);
  };

  /** Socket.IO stops trying after a refusal by the server; the client tries again where the refusal says that it may. */
  readonly #refused = (error: Error & { readonly data?: { readonly retryable?: boolean } }): void => {
    this.#lastError = reasonOf(error);
    if (!this.#holdfast.socket.active && error.data?.retryable !== true) {
      this.#onGivenUp(new CommandError(EXIT.refused, `server at ${this.#url} refused the connection: ${this.#lastError}`));
    }
  };

  #arm(afterMs: number, message: () => string): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#onGivenUp(new CommandError(EXIT.unreachable, message())), afterMs);
  }
}

/** Socket.IO says "websocket error" and hides why in `description`. */
function reasonOf(error: Error & { description?: unknown }): string {
  const { description } = error;
  if (typeof description !== "object" || description === null || !("message" in description)) return error.message;
  return String(description.message) || error.message;
}
