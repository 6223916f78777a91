import { type AddressInfo, isIPv6 } from "node:net";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { HoldfastError } from "holdfast-client/protocol";
import { Holdfast } from "../holdfast.js";
import { isLoopback } from "../transport/loopback.js";
import { DemoFiles } from "./demo-files.js";
import { CommandError, EXIT } from "./exit-codes.js";
import { answerHealth } from "./health.js";
import { type Log, openLog } from "./log.js";
import type { ServeSettings } from "./settings.js";
import { Interruption } from "./signals.js";
import { SocketServer } from "./socket-server.js";
import { readTls } from "./tls.js";

/**
 * Runs a server until SIGINT or SIGTERM, then closes it: what was accepted is confirmed, what is in flight may be settled for
 * `drainMs`, and goes back then. A second signal ends the process at once.
 */
export async function runServer(settings: ServeSettings): Promise<void> {
  await refuseOpenHost(settings);
  if (settings.demo && settings.auth !== undefined) {
    throw new CommandError(EXIT.usage, "--demo is given with authentication, expected one of them: the people of the chat have no tokens");
  }
  const tls = readTls(settings);
  const interruption = new Interruption();
  const log = openLog();
  const demo = settings.demo ? new DemoFiles(demoDirectory()) : undefined;
  const holdfast = await open(settings, log).catch(wrongOption);
  const sockets = new SocketServer(holdfast, settings, tls, log.logger, (request, response) => {
    if (demo?.answer(request, response) !== true) answerHealth(request, response, () => whyNotReady(holdfast));
  });
  try {
    await listen(sockets, settings);
    const directory = settings.engine === "memory" ? undefined : resolve(settings.directory);
    const address = addressOf(sockets, settings);
    const authentication = settings.auth === undefined ? "off" : "on";
    log.logger.info({ address, engine: holdfast.engine, directory, authentication }, "listening");
    if (demo !== undefined) log.logger.info(`a chat to try is at ${address}`);
    await interruption.wait();
    log.logger.info("closing");
  } finally {
    sockets.refuse();
    await holdfast.close({ drainMs: settings.drainMs, settleMs: settings.drainMs });
    await sockets.close();
  }
  log.logger.info("closed");
  await log.flush();
  interruption.dispose();
}

/** For whoever asks whether it may have traffic. What is wrong with the store is in the log. */
function whyNotReady({ ready, failure }: Holdfast): string | undefined {
  if (ready) return undefined;
  return failure === undefined ? "the server is shutting down" : "the store does not work now";
}

/** Where the build puts the page, beside what runs here. */
const demoDirectory = (): string => fileURLToPath(new URL("dist/demo", import.meta.resolve("holdfast/package.json")));

async function open(settings: ServeSettings, log: Log): Promise<Holdfast> {
  const { directory, engine, autoCreate, queuesMax, roomsMax, namespacesMax, disconnectGraceMs, auth } = settings;
  const { trustedProxies, unlimitedAddresses, limits } = settings;
  return Holdfast.open({
    directory,
    engine,
    autoCreate,
    queuesMax,
    roomsMax,
    // One more for `/`.
    namespacesMax: namespacesMax + 1,
    disconnectGraceMs,
    trustedProxies,
    unlimitedAddresses,
    limits,
    auth,
    log: log.logger,
  });
}

/** Nothing was asked of a server: what is wrong is what was given here. */
function wrongOption(error: unknown): never {
  if (error instanceof HoldfastError && error.code === "BAD_REQUEST") throw new CommandError(EXIT.usage, error.message);
  throw error;
}

/** Nobody has to say who they are, so nobody but this machine may connect, unless that is said to be meant. */
async function refuseOpenHost({ host, insecure, auth }: ServeSettings): Promise<void> {
  if (auth !== undefined || insecure || (await isLoopback(host).catch(() => unusableHost(host)))) return;
  throw new CommandError(
    EXIT.usage,
    `--host ${host} is reachable from other machines, and this server asks nobody who they are; --jwt-audience makes it ask; --insecure allows it`,
  );
}

function unusableHost(host: string): never {
  throw new CommandError(EXIT.usage, `--host ${host} is not the name of a host`);
}

async function listen(sockets: SocketServer, { port, host }: ServeSettings): Promise<void> {
  try {
    await sockets.listen(port, host);
  } catch (error) {
    throw new CommandError(EXIT.failure, `cannot listen on ${host} port ${port}: ${whyNot(error)}`);
  }
}

function whyNot(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  switch ((error as NodeJS.ErrnoException).code) {
    case "EADDRINUSE":
      return "the port is taken by another process";
    case "EACCES":
      return "not permitted";
    case "EADDRNOTAVAIL":
      return "that is no address of this machine";
    default:
      return error.message;
  }
}

/** What a client takes as its URL. */
function addressOf({ http }: SocketServer, { host, tlsCert }: ServeSettings): string {
  const { port } = http.address() as AddressInfo;
  return `${tlsCert === undefined ? "http" : "https"}://${isIPv6(host) ? `[${host}]` : host}:${port}`;
}
