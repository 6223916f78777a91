import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { Shell } from "../e2e/cli-process.js";
import { openSocket, type RawSocket } from "./raw.js";

/** Socket.IO, revision 5, as `holdfast serve` speaks it; what has to come back comes back through a queue. */
const shell = new Shell();
const sockets: RawSocket[] = [];
let url: string;

beforeAll(async () => {
  url = (await shell.serve(shell.directory(), 0, ["--engine", "memory", "--namespaces-max", "3"])).url;
});

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.close();
});

afterAll(() => shell.close());

/** Past Engine.IO's handshake, in no namespace. */
async function open(): Promise<RawSocket> {
  const { socket } = await openSocket(url);
  sockets.push(socket);
  return socket;
}

async function joined(connect = "40"): Promise<RawSocket> {
  const socket = await open();
  socket.send(connect);
  expect(await socket.text()).toMatch(/^40/);
  return socket;
}

/** What the acknowledgement packet of that id carries. */
async function ack(socket: RawSocket, head: string): Promise<unknown> {
  const packet = await socket.text();
  expect(packet.slice(0, head.length)).toBe(head);
  return (JSON.parse(packet.slice(head.length)) as unknown[])[0];
}

describe("connect", () => {
  it.each([
    ["to / without credentials", "40", /^40\{"sid":"[\w-]{20}"\}$/],
    ["to / with credentials", '40{"user":"bob"}', /^40\{"sid":"[\w-]{20}"\}$/],
    ["to a namespace of its own without credentials", "40/orders,", /^40\/orders,\{"sid":"[\w-]{20}"\}$/],
    ["to a namespace of its own with credentials", '40/orders,{"user":"bob"}', /^40\/orders,\{"sid":"[\w-]{20}"\}$/],
    ["to a namespace without the comma", "40/orders", /^40\/orders,\{"sid":"[\w-]{20}"\}$/],
  ])("%s", async (_what, connect, answer) => {
    const socket = await open();
    socket.send(connect);
    expect(await socket.text()).toMatch(answer);
  });

  it("the id of the socket is not that of the session", async () => {
    const { socket, handshake } = await openSocket(url);
    sockets.push(socket);
    socket.send("40");
    expect(await socket.text()).not.toContain(handshake.sid);
  });

  it("an unknown namespace is refused, and the connection goes on", async () => {
    const socket = await open();
    socket.send("40/not allowed,");
    expect(await socket.text()).toBe('44/not allowed,{"message":"Invalid namespace"}');
    socket.send("40");
    expect(await socket.text()).toMatch(/^40\{/);
  });

  it.each([
    ["a packet of no type", "4abc"],
    ["an event before it", '42["holdfast:list",{"kind":"queues"}]'],
    ["credentials that are no object", '40"text"'],
    ["credentials that are no JSON", "40{"],
  ])("%s closes the connection", async (_what, packet) => {
    const socket = await open();
    socket.send(packet);
    await socket.closed;
  });
});

describe("disconnect", () => {
  it("from /: the connection is kept for other namespaces, and closed by an event to the one that was left", async () => {
    const socket = await joined();
    socket.send("41", "40/orders,");
    expect(await socket.text()).toMatch(/^40\/orders,/);
    socket.send('420["holdfast:list",{"kind":"queues"}]');
    await socket.closed;
  });

  it("from one namespace: the others go on", async () => {
    const socket = await joined();
    socket.send("40/orders,");
    expect(await socket.text()).toMatch(/^40\/orders,/);
    socket.send("41/orders,", '421["holdfast:list",{"kind":"queues"}]');
    expect(await ack(socket, "431")).toMatchObject({ ok: true });
  });
});

describe("events", () => {
  it("without an acknowledgement: carried out, nothing comes back", async () => {
    const socket = await joined();
    socket.send('42["holdfast:publish",{"queue":"plain","body":[1,"2",{"3":[true,null]}]}]', '427["holdfast:consume",{"queue":"plain"}]');
    expect(await ack(socket, "437")).toMatchObject({ ok: true });
    expect(await socket.text()).toContain('"body":[1,"2",{"3":[true,null]}]');
  });

  it("with one: answered with its id, in any namespace", async () => {
    const socket = await joined("40/orders,");
    socket.send('42/orders,456["holdfast:publish",{"queue":"q","body":1}]');
    expect(await ack(socket, "43/orders,456")).toMatchObject({ ok: true, receipts: [{ sequence: 1, duplicate: false }] });
  });

  it("of a name that nobody knows: ignored", async () => {
    const socket = await joined();
    socket.send('421["no such event",1,2,3]', '422["holdfast:list",{"kind":"queues"}]');
    expect(await ack(socket, "432")).toMatchObject({ ok: true });
  });

  it("with attachments, and an answer with attachments", async () => {
    const socket = await joined();
    const body = '{"one":{"_placeholder":true,"num":0},"two":[{"_placeholder":true,"num":1}]}';
    socket.send(`452-3["holdfast:publish",{"queue":"binary","body":${body}}]`, Uint8Array.of(1, 2, 3), Uint8Array.of(4, 5, 6));
    expect(await ack(socket, "433")).toMatchObject({ ok: true });
    socket.send('424["holdfast:peek",{"queue":"binary"}]');
    expect(await socket.text()).toMatch(
      /^462-4\[\{.*"body":\{"one":\{"_placeholder":true,"num":0\},"two":\[\{"_placeholder":true,"num":1\}\]\}/,
    );
    expect([await socket.next(), await socket.next()]).toEqual([Buffer.from([1, 2, 3]), Buffer.from([4, 5, 6])]);
  });

  it("from the server, with an id to answer: the answer settles", async () => {
    const socket = await joined();
    socket.send('420["holdfast:publish",{"queue":"work","body":"a"}]');
    await ack(socket, "430");
    socket.send('421["holdfast:consume",{"queue":"work"}]');
    expect(await ack(socket, "431")).toMatchObject({ ok: true });
    const delivery = await socket.text();
    const [, id] = /^42(\d+)\["holdfast:delivery",/.exec(delivery) ?? [];
    expect(Number.isSafeInteger(Number(id))).toBe(true);
    socket.send(`43${id}[]`, '422["holdfast:stats",{"queue":"work"}]');
    let stats = await ack(socket, "432");
    while ((stats as { acked: number }).acked === 0) {
      socket.send('422["holdfast:stats",{"queue":"work"}]');
      stats = await ack(socket, "432");
    }
    expect(stats).toMatchObject({ acked: 1, inFlight: 0 });
  });

  it("an answer nobody asked for is ignored", async () => {
    const socket = await joined();
    socket.send('439["surprise"]', '421["holdfast:list",{"kind":"queues"}]');
    expect(await ack(socket, "431")).toMatchObject({ ok: true });
  });
});

describe("malformed packets close the connection", () => {
  it.each([
    ["an unknown type", "4x"],
    ["an event that is no JSON", "42abc"],
    ["an event without a name", "42[]"],
    ["an event that is an object", "42{}"],
    ["an event whose name is an object", "42[{}]"],
    ["a reserved name", '42["connect"]'],
    ["a binary event without a count of attachments", '45["event"]'],
    ["a count that is no number", '45x-["event"]'],
    ["too many attachments", `4511-["event",${Array.from({ length: 11 }, (_, num) => `{"_placeholder":true,"num":${num}}`)}]`],
    ["an acknowledgement that is no array", "430{}"],
  ])("%s", async (_what, packet) => {
    const socket = await joined();
    socket.send(packet);
    await socket.closed;
  });

  it("an attachment that nobody announced", async () => {
    const socket = await joined();
    socket.send(Uint8Array.of(1));
    await socket.closed;
  });

  it("text where an attachment was announced", async () => {
    const socket = await joined();
    socket.send('451-["event",{"_placeholder":true,"num":0}]', '42["event"]');
    await socket.closed;
  });

  it("an attachment that does not exist", async () => {
    const socket = await joined();
    socket.send('451-["event",{"_placeholder":true,"num":7}]', Uint8Array.of(1));
    await socket.closed;
  });
});
