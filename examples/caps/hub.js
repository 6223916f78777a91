// The hub: where vendors, drivers and the page meet. Nobody talks to anybody directly, so nobody has to be there at the same
// time as the others, and the hub itself may be killed: what it said is stored, is on disk.
//
//   node examples/caps/hub.js [--port 3000] [--directory ./caps-data]
import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { Holdfast } from "holdfast";
import { Server } from "socket.io";
import { serveFile } from "./files.js";
import { onStop, tell } from "./say.js";

const { values } = parseArgs({
  options: { port: { type: "string", default: "3000" }, directory: { type: "string", default: "./caps-data" } },
});

const http = createServer(serveFile);

// Any page that you visit may try to open a WebSocket to your machine. Browsers say which page it is, and only our own may.
const isOwnPage = ({ headers: { origin }, socket: { localPort } }) =>
  origin === undefined || origin === `http://127.0.0.1:${localPort}` || origin === `http://localhost:${localPort}`;
const io = new Server(http, { allowRequest: (request, decide) => decide(null, isOwnPage(request)) });

// A driver who is gone for a second has lost its parcel to the next one. (5 s unless told otherwise.)
const holdfast = await Holdfast.open({ directory: values.directory, disconnectGraceMs: 1_000 });

// The namespace has queues and rooms of its own. As we listen on this machine only (below), clients may say who they are:
// `auth: { user }`. A real hub gives `attach` a rule: { identify: (socket) => ... }.
const namespace = io.of("/caps");
holdfast.attach(namespace);
const caps = holdfast.of("/caps");

// A queue: each pickup goes to one driver. Its key is the parcel, so whatever is published about one parcel is handled one
// after the other, while different parcels are on the road at the same time.
await caps.queue("pickup").define({ ordering: "key" });

// A durable room per vendor: each change of a parcel goes to every member, also to those who are away now. The vendor joins
// by itself; the page's user is a member from the beginning, so that it misses nothing either.
for (const store of ["acme-widgets", "1-800-flowers"]) await caps.room(store).add({ user: "board" });

namespace.on("connection", (socket) => {
  const user = holdfast.identityOf(socket) ?? "somebody";
  tell("hub", `${user} is here`);
  socket.on("disconnect", () => tell("hub", `${user} is gone`));
});

http.once("error", ({ message }) => {
  console.error(`The hub cannot listen: ${message}`);
  process.exit(1);
});
http.listen(Number(values.port), "127.0.0.1", () => {
  const url = `http://127.0.0.1:${http.address().port}`;
  tell("hub", `is open; see the parcels at ${url}`, { did: "opens", url });
});

onStop(async () => {
  await holdfast.close(); // what is in flight goes back to its queue, and everything is written
  await io.close();
});
