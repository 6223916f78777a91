// A kitchen that loses no order: run it with `npm run example:orders`.
//
// 1. A Socket.IO server with Holdfast attached.        (server)
// 2. A waiter publishes orders; each receipt means: on disk.
// 3. A cook takes them, drops one, and gets it again.  (at least once)
// 4. Counts show that nothing is left and nothing was lost.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Holdfast } from "holdfast";
import { connect } from "holdfast-client";
import { Server } from "socket.io";

const directory = await mkdtemp(join(tmpdir(), "holdfast-orders-"));

// --- server ---
const io = new Server(0);
const holdfast = await Holdfast.open({ directory });
holdfast.attach(io);
const { port } = io.httpServer.address();

// A failed delivery comes again after 100 ms; after 3 attempts the message goes to "orders.dead".
await holdfast.queue("orders").define({ maxAttempts: 3, backoff: { type: "fixed", delayMs: 100 } });

// --- the waiter: publishes before anybody listens ---
const waiter = connect(`http://127.0.0.1:${port}`);
for (const item of ["cod", "hake", "sole"]) {
  const receipt = await waiter.queue("orders").publish({ item });
  console.log(`waiter  stored ${item} as number ${receipt.sequence}`);
}

// --- the cook: drops the hake once ---
const cook = connect(`http://127.0.0.1:${port}`);
let served = 0;
await new Promise((resolve) => {
  cook.queue("orders").consume(async (delivery) => {
    const { item } = delivery.body;
    if (item === "hake" && delivery.attempt === 1) {
      console.log(`cook    dropped the ${item}`);
      throw new Error("dropped"); // nacked: comes again
    }
    console.log(`cook    served ${item}, attempt ${delivery.attempt}`); // acked when this returns
    if (++served === 3) resolve();
  });
});
await cook.close(); // waits until the last ack is on disk

const { published, acked, ready, inFlight, dead } = await waiter.queue("orders").stats();
console.log(`counts  ${published} published = ${acked} acked + ${ready} ready + ${inFlight} in flight + ${dead} dead`);

await waiter.close();
await holdfast.close();
await io.close();
await rm(directory, { recursive: true });
