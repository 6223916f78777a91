import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import { CommandError, EXIT } from "./exit-codes.js";
import type { ServeSettings } from "./settings.js";

/** Certificate chain and key, PEM. */
export interface Tls {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** Reads what `--tls-cert` and `--tls-key` name; undefined without them. Fails with exit code 2, and shows nothing of the key. */
export function readTls({ tlsCert, tlsKey }: Pick<ServeSettings, "tlsCert" | "tlsKey">): Tls | undefined {
  if (tlsCert === undefined && tlsKey === undefined) return undefined;
  if (tlsCert === undefined || tlsKey === undefined)
    throw new CommandError(EXIT.usage, `${tlsCert === undefined ? "--tls-cert" : "--tls-key"} is missing, expected both or none`);
  const tls = { cert: read("--tls-cert", tlsCert), key: read("--tls-key", tlsKey) };
  try {
    createSecureContext(tls);
  } catch (error) {
    throw new CommandError(EXIT.usage, `--tls-cert ${tlsCert} and --tls-key ${tlsKey} are no pair of PEM files: ${reasonOf(error)}`);
  }
  return tls;
}

function read(flag: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new CommandError(EXIT.usage, `${flag} ${file} cannot be read: ${reasonOf(error)}`);
  }
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
