import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { ByteWriter, type FrameWriter, HoldfastError, writeRecord } from "holdfast-client/protocol";
import type { Socket as ClientSocket } from "socket.io-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PERMISSIONS } from "../auth/grants.js";
import { RULES, type Rule } from "../auth/operations.js";
import { securityTable } from "../auth/security-table.js";
import { AUTH, tokenOf } from "../auth/test-tokens.js";
import { OPERATIONS } from "./events.js";
import { FrameClient } from "./frame-client.js";
import { MATRIX_REQUESTS, MESSAGE, QUEUE, ROOM } from "./matrix-requests.js";
import { ask, TestHost } from "./test-host.js";

const NAMESPACES = ["/", "/own", "/admin"] as const;
const TRANSPORTS = ["websocket", "polling"] as const;
const WAYS = ["plain events", "frames"] as const;
type Key = keyof typeof RULES;

const KEYS = Object.keys(RULES) as Key[];
/** Rows that have a section of their own in frames; the others are asked by events beside them. */
const IN_FRAMES: ReadonlySet<Key> = new Set<Key>(["publish", "emit", "settle"]);
const DENIED = ["FORBIDDEN", "UNAUTHENTICATED"];

const ruleOf = (key: Key): Rule => RULES[key];
const eventOf = (key: Key): string => `holdfast:${ruleOf(key).operation}`;

/** Credentials with which nobody comes in. */
const STRANGERS: Readonly<Record<string, () => Promise<object>>> = {
  "no token": async () => ({}),
  expired: async () => ({ token: await tokenOf({ exp: 1 }) }),
  "wrong audience": async () => ({ token: await tokenOf({ aud: "another" }) }),
  revoked: async () => ({ token: await tokenOf({ jti: "revoked" }) }),
};

describe("the table of operations", () => {
  let host: TestHost;
  const bobs = new Map<string, ClientSocket>();

  beforeAll(async () => {
    host = await TestHost.open({ auth: AUTH, attach: false, io: { transports: ["websocket", "polling"] } });
    host.holdfast.attach(host.io);
    host.holdfast.attach(host.io.of("/own"));
    host.holdfast.administer(host.io);
    await host.holdfast.revoke({ tokenId: "revoked" });
    for (const namespace of ["/", "/own"]) {
      const token = await tokenOf({ sub: "bob", holdfast: { emit: [ROOM] } });
      bobs.set(namespace, await host.client({ namespace, auth: { token } }));
    }
  });
  afterAll(() => host.close());

  /** What a request finds: a queue, and a room that ann is in, with a message of bob's. */
  async function prepare(namespace: string): Promise<void> {
    const scope = host.holdfast.of(namespace);
    await scope.queue(QUEUE).publish(1, { id: "first" });
    await scope.room(ROOM).add({ user: "ann" });
    const bob = bobs.get(namespace);
    if (bob !== undefined) await ask(bob, "holdfast:emit", { room: ROOM, event: "ready", args: [], id: MESSAGE });
  }

  /** A token with just what the row needs, or with everything else. */
  async function tokenFor(key: Key, namespace: string, isRight: boolean): Promise<string> {
    const { grants = {} } = MATRIX_REQUESTS[key];
    if (namespace === "/admin") {
      const role = ruleOf(key).admin ?? "operator";
      return tokenOf({ holdfast: isRight ? { roles: [role] } : { roles: role === "operator" ? ["viewer"] : ["cook"] } });
    }
    if (isRight) return tokenOf({ holdfast: grants });
    const { permissions } = ruleOf(key);
    const others = PERMISSIONS.filter((permission) => !permissions.includes(permission));
    // On this name everything but what it needs; and what it needs on another name.
    const granted = Object.fromEntries([
      ...others.map((permission) => [permission, ["*", "@*"]]),
      ...permissions.map((permission) => [permission, key === "list" ? [] : ["another.*"]]),
    ]) as object;
    return tokenOf({ holdfast: { ...granted, roles: ["viewer"] } });
  }

  const payloadOf = (key: Key, namespace: string, consumer: string): object => {
    const { payload } = MATRIX_REQUESTS[key];
    if (namespace === "/admin" && ruleOf(key).adminOnly !== true) return { namespace: "/", ...payload };
    return ruleOf(key).ofConsumer === true ? { consumer, ...payload } : payload;
  };

  /** The code of what was answered, `ok` for none. */
  async function askByEvent(socket: ClientSocket, key: Key, payload: object): Promise<string> {
    return (await ask(socket, eventOf(key), payload)).error?.code ?? "ok";
  }

  async function askByFrame(client: FrameClient, key: Key, handle: number): Promise<string> {
    if (key === "settle") client.settle(handle, [{ first: 0, count: 1, verb: "ack" }]);
    else if (key === "publish") client.publish(QUEUE, 1, [1]);
    else client.section((writer, request) => writer.publish(emission(request)));
    const answers = { refused: client.refused, receipts: client.receipts, settled: client.settled };
    const answer = await Promise.race([
      answers.refused.count(1).then(([first]) => first?.error.code),
      answers.receipts.count(1).then(([first]) => first?.runs[0]?.error?.code),
      answers.settled.count(1).then(([first]) => first?.runs[0]?.error?.code),
    ]);
    return answer ?? "ok";
  }

  /** What the table says of that row there: whether it is denied. */
  function isDenied(key: Key, namespace: string, isRight: boolean): boolean {
    const { permissions, admin, adminOnly } = ruleOf(key);
    if (namespace === "/admin") return admin === undefined || !isRight;
    return adminOnly === true || (permissions.length > 0 && !isRight);
  }

  /** Frames name consumers by handles, which mean nothing on another connection. */
  const isForeignLease = (key: Key, namespace: string, way: string, isRight: boolean): boolean =>
    way === "frames" && key === "settle" && (namespace === "/admin" || !isRight);

  it("has a row for each event, and the reverse", () => {
    expect(new Set(KEYS.map(eventOf))).toEqual(new Set<string>(OPERATIONS));
  });

  it("is the one in docs/security.md; UPDATE_DOCS=1 writes it there", async () => {
    const path = fileURLToPath(new URL("../../../../docs/security.md", import.meta.url));
    const text = await readFile(path, "utf8");
    const [before = "", rest = ""] = text.split("<!-- table -->\n");
    const [, after = ""] = rest.split("<!-- /table -->\n");
    const wanted = `${before}<!-- table -->\n${securityTable()}\n<!-- /table -->\n${after}`;
    if (process.env.UPDATE_DOCS === "1") await writeFile(path, wanted);
    else expect(text).toBe(wanted);
  });

  for (const namespace of NAMESPACES) {
    for (const transport of TRANSPORTS) {
      for (const way of WAYS) {
        for (const isRight of [true, false]) {
          it(`${isRight ? "right" : "wrong role"} in ${namespace} by ${transport}, ${way}: as the table says`, async () => {
            const wrong: string[] = [];
            for (const key of KEYS) {
              const code = await outcome(key, namespace, transport, way, isRight);
              const wasDenied = DENIED.includes(code) || (isForeignLease(key, namespace, way, isRight) && code === "STALE_LEASE");
              const isOwnToken = key === "authenticate" && code === "UNAUTHENTICATED"; // the token of the request is none
              if (!isOwnToken && wasDenied !== isDenied(key, namespace, isRight)) wrong.push(`${key}: ${code}`);
            }
            expect(wrong).toEqual([]);
          });
        }
      }
    }
  }

  async function outcome(key: Key, namespace: string, transport: string, way: string, isRight: boolean): Promise<string> {
    await prepare(namespace === "/admin" ? "/" : namespace);
    const connected = host.client({ namespace, transports: [transport], auth: { token: await tokenFor(key, namespace, isRight) } });
    const socket = await connected.catch((error: Error & { data?: unknown }) => HoldfastError.from(error.data));
    if (socket instanceof HoldfastError) return socket.code;
    const owner = await consumerOf(key, namespace, isRight, socket);
    try {
      const client = way === "frames" ? await FrameClient.on(socket) : undefined;
      if (client === undefined || !IN_FRAMES.has(key)) return await askByEvent(socket, key, payloadOf(key, namespace, owner.consumer));
      if (key !== "settle" || !isRight || namespace === "/admin") return await askByFrame(client, key, 1);
      const { handle } = await ask(socket, "holdfast:consume", { queue: QUEUE, frames: true });
      return await askByFrame(client, key, Number(handle));
    } finally {
      socket.disconnect();
      owner.socket?.disconnect();
    }
  }

  /** A consumer of ann's: on the same connection, or where the token may not, on one that may. */
  async function consumerOf(
    key: Key,
    namespace: string,
    isRight: boolean,
    socket: ClientSocket,
  ): Promise<{ readonly consumer: string; readonly socket?: ClientSocket }> {
    if (ruleOf(key).ofConsumer !== true || namespace === "/admin") return { consumer: "none" };
    if (isRight) return { consumer: String((await ask(socket, "holdfast:consume", { queue: QUEUE })).consumer) };
    const owner = await host.client({ namespace, auth: { token: await tokenOf({ holdfast: { consume: [QUEUE] } }) } });
    return { consumer: String((await ask(owner, "holdfast:consume", { queue: QUEUE })).consumer), socket: owner };
  }

  for (const [credential, auth] of Object.entries(STRANGERS)) {
    for (const namespace of NAMESPACES) {
      for (const transport of TRANSPORTS) {
        it(`${credential} in ${namespace} by ${transport}: refused, and nothing that is sent all the same is heard`, async () => {
          const polite = host.client({ namespace, transports: [transport], auth: await auth() });
          const refusal: unknown = await polite.catch((error: Error & { data?: unknown }) => error.data);
          expect(refusal).toMatchObject({ code: "UNAUTHENTICATED", retryable: false });
          const before = await host.holdfast.of(namespace).queues();
          const packets = await intrude(namespace, transport, await auth());
          expect(packets.filter((packet) => !packet.startsWith("4"))).toEqual([]); // nothing but CONNECT_ERROR
          expect(await host.holdfast.of(namespace).queues()).toEqual(before);
        });
      }
    }
  }

  /** Sends every request right behind the handshake, and a frame, without waiting to be let in; resolves to what came back. */
  async function intrude(namespace: string, transport: string, auth: object): Promise<readonly string[]> {
    const packets: string[] = [];
    await new Promise<void>((resolve) => {
      const listen = (socket: ClientSocket): void => {
        socket.io.once("open", () => {
          const { engine } = socket.io;
          engine.on("data", (data: unknown) => packets.push(String(data)));
          engine.once("close", () => resolve());
          for (const [index, key] of KEYS.entries()) engine.write(packetOf(namespace, index, eventOf(key), payloadOf(key, namespace, "x")));
          engine.write(`51-${namespace},["holdfast:frame",{"_placeholder":true,"num":0}]`);
          engine.write(new Uint8Array([1, 2, 3]).buffer);
        });
      };
      host.client({ namespace, transports: [transport], auth, listen }).catch(() => undefined);
    });
    return packets;
  }
});

const packetOf = (namespace: string, id: number, event: string, payload: object): string =>
  `2${namespace === "/" ? "" : `${namespace},`}${id}${JSON.stringify([event, payload])}`;

function emission(request: number): Parameters<FrameWriter["publish"]>[0] {
  const records = new ByteWriter();
  writeRecord(records, { id: "message-in-a-frame", event: "ready" }, [1]);
  const numbers = { producer: "p", firstNumber: 1, oldestOpen: 1, count: 1 };
  return { request, atomic: false, queue: `#${ROOM}`, ...numbers, records: records.take() };
}
