import { consumeOperations } from "./consume.js";
import { failureOperations } from "./failure.js";
import type { Operation } from "./operation.js";
import { publishOperations } from "./publish.js";
import { queueOperations } from "./queue.js";

/** All that may happen in a run. */
export const OPERATIONS: readonly Operation[] = [...publishOperations, ...consumeOperations, ...queueOperations, ...failureOperations];
