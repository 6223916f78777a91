/**
 * The server that `holdfast bench` measures when it is given none: as `holdfast serve` runs one, in the directory that is the
 * only argument. It ends when whoever forked it lets go of it, or is gone.
 */
import { runServer } from "./run-server.js";
import { resolveSettings } from "./settings.js";

process.once("disconnect", () => process.kill(process.pid, "SIGTERM"));
const [, , directory = ""] = process.argv;
try {
  await runServer(resolveSettings({ port: 0, directory, drainMs: 0 }, undefined, {}));
} catch (error) {
  process.stderr.write(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
  process.disconnect();
}
