import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { generateKeyPair, type JWTPayload, SignJWT } from "jose";
import { io, type Socket } from "socket.io-client";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Ended, type RunningServer, Shell } from "./cli-process.js";

const SECRET = "planted-secret-of-the-server-0123456789abcdef";
const ISSUER = "https://issuer.example";
const FLAGS = ["--jwt-issuer", ISSUER, "--jwt-audience", "orders"];

let shell: Shell;
let sockets: Socket[];

beforeEach(() => {
  shell = new Shell();
  sockets = [];
});
afterEach(async () => {
  for (const socket of sockets) socket.disconnect();
  await shell.close();
});

const tokenOf = (claims: JWTPayload = {}): Promise<string> =>
  new SignJWT({ iss: ISSUER, aud: "orders", sub: "ann", iat: 1, exp: Math.floor(Date.now() / 1_000) + 3_600, ...claims })
    .setProtectedHeader({ alg: "HS256" })
    .sign(new TextEncoder().encode(SECRET));

const serve = (
  directory: string,
  flags: readonly string[],
  environment: object = { HOLDFAST_JWT_SECRET: SECRET },
): Promise<RunningServer> => shell.serve(directory, 0, flags, { env: { ...process.env, ...environment } });

/** Resolves to "connected" or what the refusal says. */
function enter(url: string, auth: object): Promise<{ readonly socket: Socket; readonly data: unknown }> {
  const socket = io(url, { transports: ["websocket"], forceNew: true, auth, reconnection: false });
  sockets.push(socket);
  return new Promise((resolve) => {
    socket.once("connect", () => resolve({ socket, data: "connected" }));
    socket.once("connect_error", (error: Error & { data?: unknown }) => resolve({ socket, data: error.data ?? error.message }));
  });
}

const refused = (args: readonly string[], environment: object = {}): Promise<Ended> =>
  shell.run(["serve", "--port", "0", ...args], "", { env: { ...process.env, ...environment } });

describe("holdfast serve with authentication", () => {
  it("asks everybody, also for namespaces that are made when they are asked for, and serves /admin", async () => {
    const server = await serve(shell.directory(), FLAGS);
    expect(server.log[0]).toMatchObject({ msg: "listening", authentication: "on" });
    expect((await enter(server.url, {})).data).toMatchObject({ code: "UNAUTHENTICATED" });
    expect((await enter(`${server.url}/shop`, {})).data).toBe("Invalid namespace");
    expect((await enter(`${server.url}/shop`, { token: await tokenOf() })).data).toBe("connected");
    expect((await enter(`${server.url}/shop`, {})).data).toMatchObject({ code: "UNAUTHENTICATED" });
    expect((await enter(`${server.url}/admin`, { token: await tokenOf() })).data).toMatchObject({ code: "FORBIDDEN" });
    const operator = await enter(`${server.url}/admin`, { token: await tokenOf({ sub: "olga", holdfast: { roles: ["operator"] } }) });
    const reply = (await operator.socket.emitWithAck("holdfast:revoke", { subject: "ann" })) as object;
    expect(reply).toMatchObject({ ok: true, connections: 1 });
  });

  it("tells clients of a namespace in use to come again while the keys of tokens cannot be had, and makes no other one", async () => {
    const directory = shell.directory();
    const first = await serve(directory, FLAGS);
    const env = { ...process.env, HOLDFAST_TOKEN: await tokenOf({ holdfast: { publish: ["*"] } }) };
    expect(await shell.run(["publish", "orders", "--namespace", "/shop", "--url", first.url], "1\n", { env })).toMatchObject({ code: 0 });
    await first.cli.kill("SIGTERM");
    const server = await serve(directory, ["--jwt-algorithm", "RS256", "--jwks-url", "http://127.0.0.1:1/keys", ...FLAGS], {});
    const { privateKey } = await generateKeyPair("RS256");
    const claims = { iss: ISSUER, aud: "orders", sub: "ann", exp: Math.floor(Date.now() / 1_000) + 3_600 };
    const token = await new SignJWT(claims).setProtectedHeader({ alg: "RS256", kid: "1" }).sign(privateKey);
    expect((await enter(`${server.url}/shop`, { token })).data).toMatchObject({ code: "UNAUTHENTICATED", retryable: true });
    expect((await enter(`${server.url}/other`, { token })).data).toBe("Invalid namespace");
    expect((await enter(`${server.url}/shop`, { token: "x" })).data).toMatchObject({ code: "UNAUTHENTICATED", retryable: false });
  });

  it("the commands say who they are by HOLDFAST_TOKEN or --token-file, and do what was granted", async () => {
    const server = await serve(shell.directory(), FLAGS);
    const token = await tokenOf({ holdfast: { publish: ["orders"], consume: ["orders"] } });
    const file = join(shell.directory(), "token");
    writeFileSync(file, `${token}\n`);
    const env = { ...process.env, HOLDFAST_TOKEN: token };
    expect(await shell.run(["publish", "orders", "--url", server.url], "1\n", { env })).toMatchObject({ code: 0 });
    const consumed = await shell.run(["consume", "orders", "--url", server.url, "--token-file", file, "--until-empty"]);
    expect(consumed).toMatchObject({ code: 0, stdout: "1\n" });
    const admin = join(shell.directory(), "admin");
    writeFileSync(admin, await tokenOf({ holdfast: { admin: ["orders", "kitchen"] } }));
    for (const args of [
      ["define", "orders"],
      ["define", "--room", "kitchen"],
      ["members", "add", "kitchen", "ann"],
      ["peek", "orders"],
    ]) {
      expect(await shell.run([...args, "--url", server.url, "--token-file", admin])).toMatchObject({ code: 0, stderr: "" });
    }
    const forbidden = await shell.run(["purge", "orders", "--url", server.url], "", { env });
    expect(forbidden).toMatchObject({ code: 4, stderr: expect.stringContaining("purge needs admin on queue") });
    const nobody = await shell.run(["stats", "orders", "--url", server.url]);
    expect(nobody).toMatchObject({ code: 4, stderr: expect.stringContaining("expected auth { token }") });
  });

  it("keys that holdfast key makes, roles and files of the configuration", async () => {
    const directory = shell.directory();
    const made = await shell.run(["key", "billing"]);
    const { key, entry } = JSON.parse(made.stdout) as { key: string; entry: object };
    const file = (name: string, content: unknown): string => {
      writeFileSync(join(directory, name), typeof content === "string" ? content : JSON.stringify(content));
      return join(directory, name);
    };
    const apiKeysFile = file("keys.json", [{ ...entry, roles: ["clerk"] }]);
    const jwt = { issuer: ISSUER, audience: "orders", secretFile: file("secret", `${SECRET}\n`) };
    const config = file("holdfast.json", { auth: { jwt, apiKeysFile, roles: { clerk: { publish: ["invoices"] } } } });
    const server = await serve(shell.directory(), ["--config", config], {});
    const env = { ...process.env, HOLDFAST_TOKEN: key };
    expect(await shell.run(["publish", "invoices", "--url", server.url], "1\n", { env })).toMatchObject({ code: 0 });
    expect(await shell.run(["publish", "orders", "--url", server.url], "1\n", { env })).toMatchObject({ code: 4 });
    expect((await enter(server.url, { token: await tokenOf() })).data).toBe("connected");
  });

  it("may listen beyond loopback; half of a configuration never means an open server", async () => {
    const server = await serve(shell.directory(), [...FLAGS, "--host", "0.0.0.0"]);
    expect(server.log[0]).toMatchObject({ msg: "listening" });
    const environment = { HOLDFAST_JWT_SECRET: SECRET };
    for (const [args, given, expected] of [
      [[], environment, "jwt.issuer is missing, expected a string"],
      [FLAGS, {}, "jwt has 0 of secret, publicKey, jwksUrl, expected 1"],
      [FLAGS, { HOLDFAST_JWT_SECRET: "planted-secret" }, "jwt.secret has 14 bytes, expected at least 32"],
      [[...FLAGS, "--jwt-algorithm", "none"], environment, "jwt.algorithms.0 is a text of 4 characters"],
      [["--jwt-secret-file", "/does/not/exist"], {}, "file /does/not/exist of the secret of tokens cannot be read"],
      [["--jwt-key-file", "/dev/null", ...FLAGS], {}, "jwt.publicKey"],
    ] as const) {
      const ended = await refused(["--directory", shell.directory(), ...args], given);
      expect(ended).toMatchObject({ code: 2, stderr: expect.stringContaining(expected) });
      expect(ended.stderr).not.toContain("planted");
    }
  });
});

describe("secrets", () => {
  it("are in no log, no error, no reply and no file, whatever is done with them", async () => {
    const directory = shell.directory();
    const made = JSON.parse((await shell.run(["key", "billing"])).stdout) as { key: string; entry: object };
    const keys = join(shell.directory(), "keys.json");
    writeFileSync(keys, JSON.stringify([{ ...made.entry, publish: ["*"], admin: ["*"] }]));
    const server = await serve(directory, [...FLAGS, "--api-keys-file", keys]);
    const all = { publish: ["*"], consume: ["*"], admin: ["*"], roles: ["operator"] };
    const right = await tokenOf({ jti: "t1", holdfast: all });
    const others = [
      await tokenOf({ exp: 1 }),
      await tokenOf({ aud: "x" }),
      `${right}x`,
      `hf_${"planted".repeat(7).slice(0, 43)}`,
      "planted-guess",
    ];
    const heard: unknown[] = [];
    for (const token of [...others, made.key, right]) {
      for (const namespace of ["/", "/shop", "/admin"]) {
        const { socket, data } = await enter(`${server.url}${namespace}`, { token });
        heard.push(data);
        if (data !== "connected") continue;
        for (const fresh of [...others, made.key]) heard.push(await socket.emitWithAck("holdfast:authenticate", { token: fresh }));
        heard.push(await socket.emitWithAck("holdfast:authenticate", { tokn: made.key }));
        heard.push(await socket.emitWithAck("holdfast:stats", { namespace: "/", queue: "orders" }));
        heard.push(await socket.emitWithAck("holdfast:purge", { namespace: "/", queue: "orders" }));
      }
    }
    const operator = await enter(`${server.url}/admin`, { token: right });
    heard.push(await operator.socket.emitWithAck("holdfast:revoke", { tokenId: "t1" }).catch(() => "cut"));
    const ended = await server.cli.kill("SIGTERM");
    const files = readdirSync(join(directory, "auth")).map((name) => readFileSync(join(directory, "auth", name), "utf8"));
    const everything = [JSON.stringify(heard), ended.stdout, ended.stderr, ...files].join("\n");
    expect(everything).toContain("revoke"); // something was written
    for (const secret of [SECRET, made.key, right, right.split(".")[2] ?? "", ...others, "planted"]) {
      expect(everything.includes(secret), `${secret.slice(0, 12)}... is in what was written`).toBe(false);
    }
  });
});
