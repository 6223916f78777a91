import { testEngine } from "../conformance/index.js";
import { createMemoryHost } from "./memory-host.js";

testEngine("memory", { supports: { reopen: true, crash: true, failures: true }, host: createMemoryHost });
