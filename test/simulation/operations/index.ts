import { consumeOperations } from "./consume.js";
import { deviceOperations } from "./device.js";
import { emitOperations } from "./emit.js";
import { failureOperations } from "./failure.js";
import type { Operation } from "./operation.js";
import { publishOperations } from "./publish.js";
import { queueOperations } from "./queue.js";
import { roomOperations } from "./room.js";
import { upkeepOperations } from "./upkeep.js";

/** All that may happen in a run. */
export const OPERATIONS: readonly Operation[] = [
  ...publishOperations,
  ...consumeOperations,
  ...queueOperations,
  ...upkeepOperations,
  ...failureOperations,
  ...emitOperations,
  ...roomOperations,
  ...deviceOperations,
];
