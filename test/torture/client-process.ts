import { fileURLToPath } from "node:url";
import type { ClientSpec, Order, Word } from "./client/spec.js";
import { ProgramProcess } from "./program-process.js";

const PROGRAM = fileURLToPath(new URL("./torture-client.js", import.meta.url));

/** A client in a process of its own. */
export class ClientProcess extends ProgramProcess<Order, Word> {
  readonly spec: ClientSpec;

  constructor(spec: ClientSpec) {
    super(PROGRAM, spec.name, spec);
    this.spec = spec;
  }

  /** Stops it as a laptop whose lid is closed. */
  freeze(): void {
    this.child.kill("SIGSTOP");
  }

  thaw(): void {
    this.child.kill("SIGCONT");
  }
}
