import { join } from "node:path";
import type { Clock } from "../clock.js";
import type { Log } from "../log.js";
import type { Authorize } from "./access.js";
import { AuditLog } from "./audit-log.js";
import { Authenticator } from "./authenticator.js";
import type { AuthSettings } from "./options.js";
import { RevocationFile } from "./revocation-file.js";
import { Revocations } from "./revocations.js";

/** What a server with authentication has for all its namespaces. */
export class Auth {
  readonly authenticator: Authenticator;
  readonly revocations: Revocations;
  readonly audit: AuditLog;
  readonly authorize: Authorize | undefined;

  private constructor(settings: AuthSettings, revocations: Revocations, audit: AuditLog, clock: Clock, log: Log) {
    this.authenticator = new Authenticator(settings, revocations, clock, log);
    this.revocations = revocations;
    this.audit = audit;
    this.authorize = settings.authorize;
  }

  /**
   * @param directory where its files are, in a directory `auth` of their own, used by one process at a time; undefined: revocations are forgotten with the process, and
   *   changes go to the log
   */
  static async open(settings: AuthSettings, directory: string | undefined, clock: Clock, log: Log): Promise<Auth> {
    const file = (name: string): string | undefined => (directory === undefined ? undefined : join(directory, "auth", name));
    const now = (): number => clock.wall?.() ?? clock.now();
    const path = file("revocations.ndjson");
    const revocations = await Revocations.open(path === undefined ? undefined : new RevocationFile(path), now());
    return new Auth(settings, revocations, new AuditLog(file("audit.ndjson"), log, now), clock, log);
  }

  async close(): Promise<void> {
    await Promise.all([this.revocations.close(), this.audit.close()]);
  }
}
