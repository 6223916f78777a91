// A message board with an administrator, on a Socket.IO server with Holdfast attached.
//
//   /       users post, and get what the others post, also what came while they were away
//   /admin  only administrators enter: they list users, disconnect one, and delete what one has posted
import { createServer } from "node:http";
import { Holdfast } from "holdfast";
import { Server } from "socket.io";

const TEXT_MAX = 500;

/** What a user posts is in a room of its own, so that it can be deleted without touching what others posted. */
const postsOf = (user) => `posts.${user}`;

/**
 * @param users everybody who has a place on the board
 * @param people who decides who may come in: people.js
 */
export async function openBoard({ directory, users, people }) {
  const http = createServer();
  const io = new Server(http);
  const holdfast = await Holdfast.open({ directory });
  const board = io.of("/");
  const office = io.of("/admin");
  board.use(people.gate({ administrators: false }));
  office.use(people.gate({ administrators: true }));
  holdfast.attach(board, { identify: (socket) => socket.data.user });

  /** Everybody is a member of everybody's posts. Those who are stay as they are. */
  const addMembers = (author) => Promise.all(users.map((user) => holdfast.room(postsOf(author)).add({ user })));
  await Promise.all(users.map(addMembers));

  /** Users whose room is being made anew. */
  const emptied = new Set();

  async function post(user, text) {
    if (typeof text !== "string" || text === "" || text.length > TEXT_MAX)
      throw new Error(`text is ${JSON.stringify(text)}, expected 1 to ${TEXT_MAX} characters`);
    if (emptied.has(user)) throw new Error("your posts are being deleted, try again");
    const { id } = await holdfast.room(postsOf(user)).emit("post", { from: user, text });
    return { id };
  }

  async function list() {
    const sockets = await board.fetchSockets();
    return { users: users.map((user) => ({ user, connections: sockets.filter((socket) => socket.data.user === user).length })) };
  }

  /** Not by closing the connections alone: the token is void first, so there is no coming back in between. */
  async function disconnect(user) {
    people.revoke(user);
    const sockets = (await board.fetchSockets()).filter((socket) => socket.data.user === user);
    for (const socket of sockets) socket.disconnect(true);
    return { connections: sockets.length };
  }

  /** Those who have them keep them; nobody else gets them any more. In their place comes a notice. */
  async function deleteMessages(user, by) {
    emptied.add(user);
    try {
      const room = holdfast.room(postsOf(user));
      const { messages } = await room.stats();
      await room.delete();
      await addMembers(user);
      await room.emit("notice", `${by} deleted what ${user} has posted`);
      return { messages };
    } finally {
      emptied.delete(user);
    }
  }

  board.on("connection", (socket) => {
    // Users only get and acknowledge. What is stored, and who is a member, is for the events below; Holdfast's own would let
    // them do more: they could delete each other's rooms, for example.
    socket.use(([event, ...args], next) => {
      if (!String(event).startsWith("holdfast:")) return next();
      const answer = args.at(-1);
      const error = { code: "FORBIDDEN", message: `${event} is not for users of the board`, retryable: false };
      if (typeof answer === "function") answer({ ok: false, error });
    });
    socket.on(
      "post",
      answering((text) => post(socket.data.user, text)),
    );
  });

  const known = (user) => {
    if (!users.includes(user)) throw new Error(`user is ${JSON.stringify(user)}, expected one of ${users.join(", ")}`);
    return user;
  };
  office.on("connection", (socket) => {
    socket.on("users", answering(list));
    socket.on(
      "disconnect-user",
      answering((user) => disconnect(known(user))),
    );
    socket.on(
      "delete-messages",
      answering((user) => deleteMessages(known(user), socket.data.user)),
    );
  });

  await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${http.address().port}`,
    async close() {
      await holdfast.close();
      await io.close();
    },
  };
}

/** A listener that answers with what `work` gives, or why it failed. */
const answering =
  (work) =>
  async (...args) => {
    const answer = args.pop();
    if (typeof answer !== "function") return;
    try {
      answer({ ok: true, ...(await work(...args)) });
    } catch ({ message }) {
      answer({ ok: false, error: message });
    }
  };
