import { type Command, Option } from "commander";
import { hostName, wholeNumber } from "./arguments.js";
import { EXIT_CODES_HELP } from "./exit-codes.js";
import { SECRET_VARIABLE } from "./secret-variable.js";
import type { ServeFlags } from "./settings.js";

const HELP = `
Flags win over the configuration file, which is JSON with the same names:
  { "port": 4000, "directory": "/var/lib/holdfast", "origins": ["https://example.org"],
    "connections": { "addressConnectionsMax": 100 }, "limits": { "userRate": { "perSecond": 1000, "burst": 5000 } } }

With any of the flags of tokens or keys, or with "auth" in the configuration file, everybody has to say who they are, and may do
what was granted only; administrators enter /admin. Secrets are read from files or the environment, never from the command line:
  { "auth": { "jwt": { "algorithms": ["RS256"], "jwksUrl": "https://id.example.org/keys", "issuer": "https://id.example.org",
    "audience": "orders" }, "roles": { "cook": { "consume": ["orders"] } }, "apiKeysFile": "/etc/holdfast-keys.json" } }

One process per directory: cluster and PM2 need the JetStream engine.
On SIGTERM or SIGINT it takes no new work, lets consumers settle what they hold, and ends with 0; a second one ends it at once.
GET /healthz says that the process runs, GET /readyz that its store works (a full disk does not count:
consumers, who make room, go on).

Examples:
  $ holdfast serve
  $ holdfast serve --demo
  $ holdfast serve --port 4000 --directory /var/lib/holdfast
  $ holdfast serve --origin https://example.org --origin http://localhost:5173
  $ HOLDFAST_JWT_SECRET=... holdfast serve --jwt-issuer https://example.org --jwt-audience orders --host 0.0.0.0
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
    .option("--ping-interval-ms <ms>", "how often a connection is asked whether it is alive (default: 25000)", wholeNumber(100, 300_000))
    .option("--ping-timeout-ms <ms>", "how long the answer may take before it counts as lost (default: 20000)", wholeNumber(100, 300_000))
    .option("--origin <url>", "a web origin whose pages may connect; may be repeated (default: none)", collect)
    .option("--allow-host <name>", "a name this server is reached by, beside those of --origin; may be repeated", collect)
    .option("--tls-cert <file>", "certificate chain, PEM: listen with TLS 1.2 or newer")
    .option("--tls-key <file>", "its key, PEM")
    .option("--trusted-proxies <number>", "proxies in front that write X-Forwarded-For (default: 0)", wholeNumber(0, 10))
    .option("--connections-max <number>", "how many connections there may be (default: 20000)", wholeNumber(1, 1_000_000))
    .option("--no-auto-create", "queues are made by define only, not by the first publish or consume")
    .option("--queues-max <number>", "how many queues a namespace may have (default: 10000)", wholeNumber(1, 1_000_000))
    .option("--rooms-max <number>", "how many rooms a namespace may have (default: 10000)", wholeNumber(1, 1_000_000))
    .option("--namespaces-max <number>", "how many namespaces clients may ask for beside / (default: 100)", wholeNumber(0, 10_000))
    .option("--disconnect-grace-ms <ms>", "how long a lost consumer may come back to its messages (default: 5000)", wholeNumber(0, 60_000))
    .option("--drain-ms <ms>", "after SIGTERM: how long consumers may settle what they hold (default: 5000)", wholeNumber(0, 3_600_000))
    .option("--demo", "also serve a chat at /, to try rooms in a browser")
    .option("--jwt-audience <name>", "ask everybody for a token that is for this audience")
    .option("--jwt-issuer <name>", "who must have issued it")
    .option("--jwt-algorithm <name>", "how it may be signed; may be repeated (default: HS256 with a secret)", collect)
    .option("--jwt-secret-file <file>", `has the secret that signs tokens (default: ${SECRET_VARIABLE} of the environment)`)
    .option("--jwt-key-file <file>", "has the public key that tokens are checked with: PEM, JWK or a set of them")
    .option("--jwks-url <url>", "where these keys are")
    .option("--api-keys-file <file>", "API keys of services, by their hashes: see holdfast key")
    .option("--insecure", "listen beyond loopback although nobody has to say who they are")
    .option("--config <file>", "a JSON file with these options")
    .addHelpText("after", HELP)
    .action(async ({ config, origin, allowHost, connectionsMax, autoCreate, ...flags }: Flags) => {
      const given = {
        ...flags,
        ...(origin && { origins: origin }),
        ...(allowHost && { hosts: allowHost }),
        ...(connectionsMax && { connections: { connectionsMax } }),
        // Commander sets the opposite of a flag that begins with "no" also when it was not given.
        ...(!autoCreate && { autoCreate }),
      };
      // The server's modules are loaded by this command only: the others start faster without.
      const [{ resolveSettings }, { runServer }] = await Promise.all([import("./settings.js"), import("./run-server.js")]);
      await runServer(resolveSettings(given, config));
    });
}

type Flags = Omit<ServeFlags, "origins" | "hosts" | "connections" | "autoCreate"> & {
  readonly origin?: string[];
  readonly allowHost?: string[];
  readonly connectionsMax?: number;
  readonly config?: string;
  readonly autoCreate: boolean;
};

const collect = (value: string, before: readonly string[] = []): string[] => [...before, value];
