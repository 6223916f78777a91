import { testEngine } from "../conformance/index.js";
import { createLevelHost } from "./level-host.js";

testEngine("level", { supports: { reopen: true, crash: true, failures: true }, host: createLevelHost });
