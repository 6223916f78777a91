import { describe } from "vitest";
import { testAttempts, testAttemptsAcrossLives } from "./attempts.js";
import { testBacklog } from "./backlog.js";
import { testBackoff } from "./backoff.js";
import { testBackup } from "./backup.js";
import { testCompaction } from "./compaction.js";
import { testDeadLetter } from "./dead-letter.js";
import { testDedup } from "./dedup.js";
import { testDelays } from "./delays.js";
import { testDelaysUnderOtherClocks } from "./delays-clock.js";
import { testDisconnect } from "./disconnect.js";
import type { EngineUnderTest } from "./engine-host.js";
import { testExpiry } from "./expiry.js";
import { testFailures } from "./failures.js";
import { testFifoOrder } from "./fifo-order.js";
import { testHints } from "./hints.js";
import { testKeyOrder } from "./key-order.js";
import { testLease } from "./lease.js";
import { testLimits } from "./limits.js";
import { testLives } from "./lives.js";
import { testLowerLimits } from "./lower-limits.js";
import { testManyDelays } from "./many-delays.js";
import { testOverflowOrder } from "./overflow-order.js";
import { testPause } from "./pause.js";
import { testPeek } from "./peek.js";
import { testPoison } from "./poison.js";
import { testPriority } from "./priority.js";
import { testProducer } from "./producer.js";
import { testPublish } from "./publish.js";
import { testPurge } from "./purge.js";
import { testQueues } from "./queues.js";
import { testRaces } from "./races.js";
import { testRate } from "./rate.js";
import { testRedrive } from "./redrive.js";
import { testRequests } from "./requests.js";
import { testRoomsCatalog } from "./rooms-catalog.js";
import { testRoomsDevices } from "./rooms-devices.js";
import { testRoomsEmit } from "./rooms-emit.js";
import { testRoomsGaps } from "./rooms-gaps.js";
import { testRoomsHistory } from "./rooms-history.js";
import { testRoomsIdleDevices } from "./rooms-idle-devices.js";
import { testRoomsJoins } from "./rooms-joins.js";
import { testRoomsLedger } from "./rooms-ledger.js";
import { testRoomsOrder } from "./rooms-order.js";
import { testRoomsQueueMember } from "./rooms-queue-member.js";
import { testRoomsRetention } from "./rooms-retention.js";
import { testRoomsWatching } from "./rooms-watching.js";
import { testSchedules } from "./schedules.js";
import { testSettle } from "./settle.js";
import { testShutdown } from "./shutdown.js";
import { testStats } from "./stats.js";
import { Suite } from "./suite.js";
import { testTimeToLive } from "./time-to-live.js";
import { testWaiting } from "./waiting.js";

/** Everything that is tested of an engine. */
export const TOPICS = [
  testPublish,
  testDedup,
  testProducer,
  testLease,
  testHints,
  testSettle,
  testKeyOrder,
  testFifoOrder,
  testPoison,
  testBackoff,
  testExpiry,
  testAttempts,
  testAttemptsAcrossLives,
  testLowerLimits,
  testDisconnect,
  testDeadLetter,
  testQueues,
  testStats,
  testWaiting,
  testPeek,
  testLives,
  testFailures,
  testBacklog,
  testCompaction,
  testManyDelays,
  testDelays,
  testDelaysUnderOtherClocks,
  testTimeToLive,
  testRaces,
  testLimits,
  testOverflowOrder,
  testRate,
  testPriority,
  testRequests,
  testShutdown,
  testBackup,
  testPurge,
  testPause,
  testRedrive,
  testSchedules,
  testRoomsCatalog,
  testRoomsEmit,
  testRoomsOrder,
  testRoomsDevices,
  testRoomsJoins,
  testRoomsIdleDevices,
  testRoomsGaps,
  testRoomsRetention,
  testRoomsHistory,
  testRoomsLedger,
  testRoomsQueueMember,
  testRoomsWatching,
];

/**
 * Registers the cases that every engine must pass, as vitest cases. An engine that passes keeps the promises that the
 * cases are named by.
 *
 * @param name what the report calls the engine
 * @param tested how to open one, and what it is able to do; cases beyond its abilities are not registered
 *
 * @example
 * testEngine("level", { supports: { reopen: true, crash: true, failures: true }, host: () => LevelHost.create() });
 */
export function testEngine(name: string, tested: EngineUnderTest): void {
  describe(`${name} engine`, () => {
    const suite = new Suite(tested);
    for (const topic of TOPICS) topic(suite);
  });
}
