import { once } from "node:events";
import { createServer, type Server as HttpServer } from "node:http";
import { type AddressInfo, isIPv6 } from "node:net";
import { resolve } from "node:path";
import { type Command, Option } from "commander";
import { Holdfast } from "../holdfast.js";
import { hostName, wholeNumber } from "./arguments.js";
import { makeDataDirectory } from "./data-directory.js";
import { CommandError, EXIT, EXIT_CODES_HELP } from "./exit-codes.js";
import { answerHealth } from "./health.js";
import { type Log, openLog } from "./log.js";
import { isLoopback } from "./loopback.js";
import { resolveSettings, type ServeFlags, type ServeSettings } from "./settings.js";
import { Interruption } from "./signals.js";
import { SocketServer } from "./socket-server.js";

const HELP = `
Flags win over the configuration file, which is JSON with the same names:
  { "port": 4000, "directory": "/var/lib/holdfast", "origins": ["https://example.org"] }

One process per directory: cluster and PM2 need the JetStream engine.
GET /healthz says that the process runs, GET /readyz that messages can be stored.

Examples:
  $ holdfast serve
  $ holdfast serve --port 4000 --directory /var/lib/holdfast
  $ holdfast serve --origin https://example.org --origin http://localhost:5173
  $ holdfast serve --config /etc/holdfast.json
${EXIT_CODES_HELP}`;

export function addServe(program: Command): void {
  program
    .command("serve")
    .description("Run a server.")
    .option("-p, --port <number>", "where to listen; 0: any free port (default: 3000)", wholeNumber(0, 65_535))
    .option("--host <address>", "which address to listen on (default: 127.0.0.1)", hostName)
    .option("-d, --directory <path>", "where the messages are (default: ./holdfast-data)")
    .addOption(new Option("--engine <name>", "what stores them; memory loses them at exit (default: level)").choices(["level", "memory"]))
    .option("--polling", "also take HTTP long polling, not only WebSocket")
    .option("--origin <url>", "a web origin whose pages may connect; may be repeated (default: none)", collect)
    .option("--no-auto-create", "queues are made by define only, not by the first publish or consume")
    .option("--queues-max <number>", "how many queues a namespace may have (default: 10000)", wholeNumber(1, 1_000_000))
    .option("--namespaces-max <number>", "how many namespaces clients may ask for beside / (default: 100)", wholeNumber(0, 10_000))
    .option("--disconnect-grace-ms <ms>", "how long a lost consumer may come back to its messages (default: 5000)", wholeNumber(0, 60_000))
    .option("--insecure", "listen beyond loopback although nobody has to say who they are")
    .option("--config <file>", "a JSON file with these options")
    .addHelpText("after", HELP)
    .action(async ({ config, origin, autoCreate, ...flags }: Flags) => {
      // Commander sets the opposite of a flag that begins with "no" also when it was not given.
      const given = { ...flags, ...(origin && { origins: origin }), ...(!autoCreate && { autoCreate }) };
      await serve(resolveSettings(given, config));
    });
}

type Flags = Omit<ServeFlags, "origins" | "autoCreate"> & {
  readonly origin?: string[];
  readonly config?: string;
  readonly autoCreate: boolean;
};

const collect = (value: string, before: readonly string[] = []): string[] => [...before, value];

/** Runs a server until SIGINT or SIGTERM, then closes it: what was accepted is confirmed, what is in flight goes back. */
async function serve(settings: ServeSettings): Promise<void> {
  await refuseOpenHost(settings);
  const interruption = new Interruption();
  const log = openLog();
  const holdfast = await open(settings, log);
  const http = createServer((request, response) => answerHealth(request, response, () => holdfast.failure));
  const sockets = new SocketServer(http, holdfast, settings, log.logger);
  try {
    await listen(http, settings);
    const directory = settings.engine === "memory" ? undefined : resolve(settings.directory);
    log.logger.info({ address: addressOf(http, settings.host), engine: holdfast.engine, directory }, "listening");
    await interruption.wait();
    log.logger.info("closing");
  } finally {
    sockets.refuse();
    await holdfast.close();
    await sockets.close();
  }
  log.logger.info("closed");
  log.flush();
  interruption.dispose();
}

async function open(settings: ServeSettings, log: Log): Promise<Holdfast> {
  const { directory, engine, autoCreate, queuesMax, namespacesMax, disconnectGraceMs } = settings;
  if (engine === "level") await makeDataDirectory(directory);
  return Holdfast.open({
    directory,
    engine,
    autoCreate,
    queuesMax,
    // One more for `/`.
    namespacesMax: namespacesMax + 1,
    disconnectGraceMs,
    log: log.logger,
  });
}

/** Nobody has to say who they are, so nobody but this machine may connect, unless that is said to be meant. */
async function refuseOpenHost({ host, insecure }: ServeSettings): Promise<void> {
  if (insecure || (await isLoopback(host).catch(() => unusableHost(host)))) return;
  throw new CommandError(
    EXIT.usage,
    `--host ${host} is reachable from other machines, and this server asks nobody who they are; --insecure allows it`,
  );
}

function unusableHost(host: string): never {
  throw new CommandError(EXIT.usage, `--host ${host} is not the name of a host`);
}

async function listen(http: HttpServer, { port, host }: ServeSettings): Promise<void> {
  try {
    http.listen(port, host);
    await once(http, "listening");
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
function addressOf(http: HttpServer, host: string): string {
  const { port } = http.address() as AddressInfo;
  return `http://${isIPv6(host) ? `[${host}]` : host}:${port}`;
}
