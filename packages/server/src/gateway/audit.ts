import type { AuditEntry } from "../auth/audit-log.js";
import { ruleOf } from "../auth/operations.js";
import type { Connection } from "./connection.js";

const TEXT_CHARACTERS_MAX = 256;
const FIELDS_MAX = 32;
/** What messages say is nobody's business here, and a token is a secret. */
const LEFT_OUT: ReadonlySet<string> = new Set(["message", "messages", "body", "token"]);

/** What the audit log says of a request; undefined for one that does not go there. */
export function auditEntry({ socket, session }: Connection, operation: string, payload: unknown, outcome: string): AuditEntry | undefined {
  if (session === undefined || typeof payload !== "object" || payload === null) return undefined;
  if (ruleOf(operation, payload as Record<string, unknown>)?.audited !== true) return undefined;
  const { subject: who, by, tokenId } = session.identity;
  return { who, by, tokenId, from: session.address, through: socket.nsp.name, operation, request: shown(payload), outcome };
}

/** A payload in so much room as one line may take, two levels deep. */
function shown(payload: object): Record<string, unknown> {
  const fields = Object.entries(payload).slice(0, FIELDS_MAX);
  return Object.fromEntries(fields.filter(([name]) => !LEFT_OUT.has(name)).map(([name, value]) => [short(name), shortValue(value, true)]));
}

function shortValue(value: unknown, looksInside: boolean): unknown {
  if (typeof value === "string") return short(value);
  if (Array.isArray(value))
    return looksInside && value.length <= FIELDS_MAX ? value.map((item) => shortValue(item, false)) : `${value.length} items`;
  if (typeof value !== "object" || value === null) return value;
  if (!looksInside) return "an object";
  const fields = Object.entries(value).slice(0, FIELDS_MAX);
  return Object.fromEntries(fields.filter(([name]) => !LEFT_OUT.has(name)).map(([name, inner]) => [short(name), shortValue(inner, false)]));
}

const short = (text: string): string => (text.length <= TEXT_CHARACTERS_MAX ? text : `${text.slice(0, TEXT_CHARACTERS_MAX)}...`);
