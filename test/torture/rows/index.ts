import type { Row } from "../row.js";
import { killAfterAck } from "./acked.js";
import { catchUp } from "./catch-up.js";
import { corruption } from "./corruption.js";
import { counts } from "./counts.js";
import { deadLetters } from "./dead-letters.js";
import { delays } from "./delays.js";
import { diskFull } from "./disk-full.js";
import { exhaustion } from "./exhaustion.js";
import { idle } from "./idle.js";
import { ioErrors } from "./io-errors.js";
import { keyOrder } from "./key-order.js";
import { kill } from "./kill.js";
import { killAtCall } from "./kill-at-call.js";
import { malformed } from "./malformed.js";
import { planted } from "./planted.js";
import { power } from "./power.js";
import { purge } from "./purge.js";
import { receipts } from "./receipts.js";
import { resend } from "./resend.js";
import { restart } from "./restart.js";
import { simulation } from "./simulation.js";
import { slow } from "./slow.js";
import { soak } from "./soak.js";
import { storm } from "./storm.js";
import { zombies } from "./zombies.js";

/** The scorecard. */
export const ROWS: readonly Row[] = [
  kill,
  killAtCall,
  power,
  receipts,
  ioErrors,
  diskFull,
  corruption,
  simulation,
  planted,
  keyOrder,
  zombies,
  killAfterAck,
  resend,
  deadLetters,
  delays,
  catchUp,
  purge,
  counts,
  restart,
  idle,
  storm,
  slow,
  exhaustion,
  malformed,
  soak,
];
