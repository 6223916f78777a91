import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, exportSPKI, generateKeyPair, type JWTPayload, SignJWT, UnsecuredJWT } from "jose";
import { afterEach, describe, expect, it, vi } from "vitest";
import { type AuthOptions, resolveAuth } from "./options.js";
import { Roles } from "./roles.js";
import { JWT, SECRET, tokenOf } from "./test-tokens.js";
import { Tokens } from "./tokens.js";

const NOW = 1_800_000_000_000;
const seconds = NOW / 1_000;

function tokensWith(jwt: NonNullable<AuthOptions["jwt"]>, roles: AuthOptions["roles"] = {}): Tokens {
  const settings = resolveAuth({ jwt, roles });
  if (settings.jwt === undefined) throw new Error("no jwt");
  return new Tokens(settings.jwt, settings.tokenLifetimeMsMax, new Roles(settings.roles));
}

const publicKeys = (algorithm: "RS256" | "ES256" | "EdDSA", key: { publicKey?: string; jwksUrl?: string }): Tokens => {
  const { issuer, audience, clockToleranceMs } = JWT;
  return tokensWith({ algorithms: [algorithm], issuer, audience, clockToleranceMs, ...key });
};

const claims: JWTPayload = { iss: JWT.issuer, aud: JWT.audience, sub: "ann", iat: seconds, exp: seconds + 60 };
const message = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "taken",
    (error: Error) => error.message,
  );

describe("a token with a secret", () => {
  const tokens = tokensWith(JWT, { cook: { consume: ["orders"] } });
  const refusalOf = async (changed: Readonly<Record<string, unknown>>): Promise<string> =>
    message(tokens.read(await tokenOf(changed, NOW), NOW));

  it("says who it is, until when, and what was granted", async () => {
    const token = await tokenOf({ jti: "t1", holdfast: { publish: ["orders.*"], roles: ["cook", "unknown"], another: 1 } }, NOW);
    const { identity, grants } = await tokens.read(token, NOW);
    expect(identity).toMatchObject({ subject: "ann", tokenId: "t1", by: "token", issuedAt: NOW, expiresAt: NOW + 3_600_000 });
    expect(grants.allows("publish", "/", { kind: "queue", name: "orders.new" })).toBe(true);
    expect(grants.allows("consume", "/", { kind: "queue", name: "orders" })).toBe(true);
    expect(grants.allows("consume", "/", { kind: "queue", name: "orders.new" })).toBe(false);
  });

  it.each([
    [{ exp: seconds - 1 }, "the token is expired"],
    [{ exp: undefined }, "the token has no right claim exp"],
    [{ nbf: seconds + 10 }, "the token has no right claim nbf"],
    [{ aud: "another" }, "the token has no right claim aud"],
    [{ aud: undefined }, "the token has no right claim aud"],
    [{ iss: "another" }, "the token has no right claim iss"],
    [{ sub: undefined }, "the token has no right claim sub"],
    [{ sub: "" }, "claim sub of the token is not 1 to 256 bytes of UTF-8"],
    [{ sub: "ü".repeat(129) }, "claim sub of the token is not 1 to 256 bytes of UTF-8"],
    [{ exp: seconds + 367 * 86_400 }, "the token is valid for longer than 366 days, expected at most that (tokenLifetimeMsMax)"],
    [{ jti: "x".repeat(257) }, "claim jti of the token has more than 256 bytes"],
    [
      { holdfast: { publish: "orders" } },
      "the token has a claim that cannot be read: publish is a text of 6 characters, expected an array",
    ],
    [{ holdfast: 7 }, "the token has a claim that cannot be read: claim holdfast is 7, expected an object"],
  ])("with %j is refused: %s", async (changed, expected) => {
    expect(await refusalOf(changed)).toBe(expected);
  });

  it("is taken with several audiences, and within the tolerance of the clocks", async () => {
    expect(await refusalOf({ aud: ["another", JWT.audience] })).toBe("taken");
    const tolerant = tokensWith({ ...JWT, clockToleranceMs: 5_000 });
    expect(await message(tolerant.read(await tokenOf({ exp: seconds - 3 }, NOW), NOW))).toBe("taken");
    expect(await message(tolerant.read(await tokenOf({ exp: seconds - 6 }, NOW), NOW))).toBe("the token is expired");
  });

  it("is expired when it says so, unless a tolerance is given", async () => {
    const { clockToleranceMs: _, ...plain } = JWT;
    const token = await tokenOf({ exp: seconds + 1 }, NOW);
    expect((await tokensWith(plain).read(token, NOW + 999)).identity.expiresAt).toBe(NOW + 1_000);
    expect(await message(tokensWith(plain).read(token, NOW + 1_000))).toBe("the token is expired");
  });

  it("is refused when another algorithm, another secret or none signed it, or when it is none", async () => {
    const sign = (alg: string, secret: string): Promise<string> =>
      new SignJWT(claims).setProtectedHeader({ alg }).sign(new TextEncoder().encode(secret));
    expect(await message(tokens.read(await sign("HS512", SECRET.repeat(2)), NOW))).toBe(
      "the token is signed by an algorithm that is not taken",
    );
    expect(await message(tokens.read(await sign("HS256", SECRET.toUpperCase()), NOW))).toBe("the signature of the token is wrong");
    expect(await message(tokens.read(new UnsecuredJWT(claims).encode(), NOW))).toMatch(/algorithm|signature/);
    for (const text of ["guess", "a.b.c", "..", "e30.e30.e30"]) {
      expect(await message(tokens.read(text, NOW))).toMatch(/is not a JSON Web Token|not taken/);
    }
  });
});

describe("a token with keys", () => {
  it.each(["RS256", "ES256", "EdDSA"] as const)("%s: is taken with the public key as PEM, JWK, or set of them", async (algorithm) => {
    const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true });
    const token = await new SignJWT(claims).setProtectedHeader({ alg: algorithm, kid: "1" }).sign(privateKey);
    const jwk = { ...(await exportJWK(publicKey)), kid: "1", alg: algorithm };
    for (const text of [await exportSPKI(publicKey), JSON.stringify(jwk), JSON.stringify({ keys: [jwk] })]) {
      expect((await publicKeys(algorithm, { publicKey: text }).read(token, NOW)).identity.subject).toBe("ann");
    }
  });

  it("is refused when it is signed with the public key as a secret", async () => {
    const { publicKey } = await generateKeyPair("RS256", { extractable: true });
    const pem = await exportSPKI(publicKey);
    const forged = await new SignJWT(claims).setProtectedHeader({ alg: "HS256" }).sign(new TextEncoder().encode(pem));
    expect(await message(publicKeys("RS256", { publicKey: pem }).read(forged, NOW))).toMatch(/algorithm that is not taken/);
  });

  it("a private key, a symmetric one and what is none are refused as keys", async () => {
    const { privateKey } = await generateKeyPair("ES256", { extractable: true });
    const jwk = JSON.stringify(await exportJWK(privateKey));
    expect(() => publicKeys("ES256", { publicKey: jwk })).toThrow("it has a secret or private key, expected public ones");
    expect(() => publicKeys("ES256", { publicKey: '{"kty":"oct","k":"AAAA"}' })).toThrow("secret or private");
    expect(() => publicKeys("ES256", { publicKey: "no key" })).toThrow("jwt.publicKey cannot be read");
  });
});

describe("keys of a URL", () => {
  const closers: (() => void)[] = [];
  afterEach(() => {
    vi.useRealTimers();
    for (const close of closers.splice(0)) close();
  });

  it("are fetched once, and again for a key that is not known", async () => {
    const [first, second] = [await generateKeyPair("ES256"), await generateKeyPair("ES256")];
    const jwkOf = async (pair: typeof first, kid: string): Promise<object> => ({ ...(await exportJWK(pair.publicKey)), kid, alg: "ES256" });
    let keys = [await jwkOf(first, "1")];
    let fetches = 0;
    let status = 503;
    const server = createServer((_, response) => {
      fetches++;
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify({ keys }));
    });
    closers.push(() => server.close());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const jwksUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`;
    const sign = ({ privateKey }: typeof first, kid: string): Promise<string> =>
      new SignJWT(claims).setProtectedHeader({ alg: "ES256", kid }).sign(privateKey);
    const tokens = publicKeys("ES256", { jwksUrl });

    await expect(tokens.read(await sign(first, "1"), NOW)).rejects.toMatchObject({ code: "UNAUTHENTICATED", retryable: true });
    status = 200;
    await Promise.all([1, 2, 3].map(async () => tokens.read(await sign(first, "1"), NOW)));
    await tokens.read(await sign(first, "1"), NOW);
    expect(fetches).toBe(2);
    expect(await message(tokens.read(await sign(second, "2"), NOW))).toBe("the token is signed by a key that is not known");
    expect(fetches).toBe(2); // too soon to ask again

    keys = [await jwkOf(first, "1"), await jwkOf(second, "2")];
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 31_000 });
    expect((await tokens.read(await sign(second, "2"), NOW)).identity.subject).toBe("ann");
    expect(fetches).toBe(3);
  });
});

describe("options of authentication", () => {
  const { secret: _, ...keyless } = JWT;
  it.each([
    [{}, "auth has none of jwt, apiKeys and authenticate, expected at least 1"],
    [{ jwt: { ...JWT, secret: "short" } }, "jwt.secret has 5 bytes, expected at least 32"],
    [{ jwt: { ...JWT, publicKey: "x" } }, "jwt has 2 of secret, publicKey, jwksUrl, expected 1"],
    [{ jwt: keyless }, "jwt has 0 of secret, publicKey, jwksUrl, expected 1"],
    [{ jwt: { ...JWT, algorithms: ["RS256"] } }, "jwt.algorithms has RS256, expected HS256, HS384 or HS512"],
    [{ jwt: { ...keyless, jwksUrl: "https://x" } }, "jwt.algorithms has HS256, expected one of keys"],
    [
      { jwt: { ...keyless, algorithms: ["RS256"], jwksUrl: "http://example.org" } },
      'jwt.jwksUrl is "http://example.org", expected an https: URL',
    ],
    [{ jwt: { ...JWT, algorithms: ["none"] } }, "jwt.algorithms.0 is a text of 4 characters, expected"],
    [{ jwt: { ...JWT, audience: undefined } }, "jwt.audience is missing, expected a string"],
    [{ jwt: JWT, sekret: SECRET }, `sekret is a text of ${SECRET.length} characters, expected no such field`],
    [{ jwt: JWT, roles: { operator: {} } }, "roles has operator, expected another name: it is one of /admin"],
    [{ apiKeys: [{ id: "a", sha256: "00" }] }, "apiKeys.0.sha256 is a text of 2 characters, expected 64 hexadecimal digits in lower case"],
    [{ jwt: JWT, authorize: 7 }, "authorize is 7, expected a function"],
  ])("%o are refused: %s", (options, expected) => {
    expect(() => resolveAuth(options as unknown as AuthOptions)).toThrow(expected);
  });
});
