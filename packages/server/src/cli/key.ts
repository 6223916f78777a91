import { type Command, InvalidArgumentError } from "commander";
import { EXIT_CODES_HELP } from "./exit-codes.js";

const HELP = `
The key is for whoever uses it, as auth: { token } or HOLDFAST_TOKEN; it is shown once and kept nowhere. What the server
needs is its entry, for the file of --api-keys-file (a JSON array) or for apiKeys of the configuration file, with what it may do:
  { "id": "billing", "sha256": "...", "consume": ["invoices"], "roles": [] }

Examples:
  $ holdfast key billing
  $ holdfast key billing > billing.json       # { "key": ..., "entry": { "id": "billing", "sha256": ... } }
${EXIT_CODES_HELP}`;

const ID_CHARACTERS_MAX = 256;

export function addKey(program: Command): void {
  program
    .command("key")
    .description("Make an API key for a service, and the entry by which a server knows it.")
    .argument("<id>", "names the key: in the audit log, and to revoke it", (text: string) => {
      if (text !== "" && text.length <= ID_CHARACTERS_MAX) return text;
      throw new InvalidArgumentError(`Expected 1 to ${ID_CHARACTERS_MAX} characters.`);
    })
    .addHelpText("after", HELP)
    .action(async (id: string) => {
      const { hashOf, newApiKey } = await import("../auth/api-keys.js");
      const key = newApiKey();
      const entry = { id, sha256: hashOf(key).toString("hex") };
      process.stdout.write(`${JSON.stringify({ key, entry }, null, process.stdout.isTTY ? 2 : 0)}\n`);
    });
}
