// A morning of the board's administrator: run it with `npm run example:admin`. It fails when anything is not as it should be.
import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { io } from "socket.io-client";
import { People } from "./people.js";
import { openBoard } from "./server.js";

const directory = await mkdtemp(join(tmpdir(), "holdfast-admin-"));
const people = new People();
const users = ["ann", "bob", "dan"];
const tokens = new Map(users.map((user) => [user, people.admit(user)]));
const rootToken = people.admit("root", { administrator: true });
const server = await openBoard({ directory, users, people });
const sockets = [];

/** A plain Socket.IO client. What a user hears is kept, then acknowledged. */
function enter(namespace, token) {
  const socket = io(`${server.url}${namespace}`, { auth: { token }, transports: ["websocket"], forceNew: true });
  sockets.push(socket);
  const heard = [];
  const news = new EventEmitter();
  const keep = (text, done) => {
    heard.push(text);
    done();
    news.emit("heard");
  };
  socket.on("post", ({ from, text }, done) => keep(`${from}: ${text}`, done));
  socket.on("notice", keep);
  return { socket, heard, news };
}

async function refusal({ socket }) {
  const error = await Promise.race([once(socket, "connect_error").then(([reason]) => reason.message), once(socket, "connect")]);
  socket.disconnect();
  return error;
}

/** Asks, and expects it to be done. */
async function ask({ socket }, event, ...args) {
  const { ok, error, ...answer } = await socket.timeout(10_000).emitWithAck(event, ...args);
  assert.equal(ok, true, error?.message ?? error);
  return answer;
}

async function hears({ heard, news }, text) {
  while (!heard.includes(text)) await once(news, "heard");
}

try {
  assert.equal(await refusal(enter("/", "guessed")), "the token is not valid");
  assert.equal(await refusal(enter("/admin", tokens.get("bob"))), "only administrators may enter");
  console.log("door    a stranger is refused; bob is refused at /admin");

  const [ann, bob, dan] = users.map((user) => enter("/", tokens.get(user)));
  const root = enter("/admin", rootToken);
  await Promise.all([ann, bob, dan, root].map(({ socket }) => once(socket, "connect")));
  dan.socket.disconnect();
  await ask(ann, "post", "good morning");
  for (const text of ["buy now", "buy now!", "buy now!!"]) await ask(bob, "post", text);
  await hears(ann, "bob: buy now!!");
  console.log("board   dan is away; ann posts once, bob posts three times; ann has got it all");

  const refused = await bob.socket.emitWithAck("holdfast:delete", { room: "posts.ann" });
  assert.equal(refused.error.code, "FORBIDDEN");
  console.log("door    bob may not delete what ann posted");

  while ((await ask(root, "users")).users[2].connections > 0); // dan's goodbye may be on its way
  const list = (await ask(root, "users")).users;
  assert.deepEqual(list, [
    { user: "ann", connections: 1 },
    { user: "bob", connections: 1 },
    { user: "dan", connections: 0 },
  ]);
  console.log(`admin   users: ${list.map(({ user, connections }) => `${user} (${connections})`).join(", ")}`);

  const cut = once(bob.socket, "disconnect");
  assert.deepEqual(await ask(root, "disconnect-user", "bob"), { connections: 1 });
  await cut;
  bob.socket.connect();
  assert.equal(await refusal(bob), "the token is not valid");
  console.log("admin   bob is disconnected, and refused when he comes back");

  assert.deepEqual(await ask(root, "delete-messages", "bob"), { messages: 3 });
  console.log("admin   bob's 3 messages are deleted");

  dan.socket.connect();
  const notice = "root deleted what bob has posted";
  // The notice is in the room where bob's messages were, and a room keeps its order: nothing of them can come after it.
  await Promise.all([hears(dan, "ann: good morning"), hears(dan, notice)]);
  assert.deepEqual(dan.heard.sort(), ["ann: good morning", notice]);
  console.log(`board   dan is back and hears: ${dan.heard.join("; ")}`);
  console.log("counts  1 message and 1 notice for dan, 0 of bob's: as it should be");
} finally {
  for (const socket of sockets) socket.disconnect();
  await server.close();
  await rm(directory, { recursive: true, force: true });
}
