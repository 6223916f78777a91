import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CommandError, EXIT } from "./exit-codes.js";
import { resolveSettings } from "./settings.js";

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "holdfast-settings-"));
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

function configFile(text: string): string {
  const file = join(directory, "holdfast.json");
  writeFileSync(file, text);
  return file;
}

function failure(text: string): CommandError {
  try {
    resolveSettings({}, configFile(text));
  } catch (error) {
    if (error instanceof CommandError) return error;
    throw error;
  }
  throw new Error("no failure");
}

describe("resolveSettings", () => {
  it("has defaults for everything", () => {
    expect(resolveSettings({}, undefined)).toEqual({
      port: 3_000,
      host: "127.0.0.1",
      directory: "./holdfast-data",
      engine: "level",
      polling: false,
      origins: [],
      hosts: [],
      trustedProxies: 0,
      unlimitedAddresses: ["127.0.0.0/8", "::1"],
      connections: expect.objectContaining({ connectionsMax: 20_000, addressConnectionsMax: 1_000 }),
      limits: expect.objectContaining({
        bodyBytesMax: 262_144,
        requestsMax: 50_000,
        connectionRate: { perSecond: 250_000, burst: 500_000 },
      }),
      autoCreate: true,
      queuesMax: 10_000,
      roomsMax: 10_000,
      namespacesMax: 100,
      disconnectGraceMs: 5_000,
      drainMs: 5_000,
      pingIntervalMs: 25_000,
      pingTimeoutMs: 20_000,
      demo: false,
      insecure: false,
    });
  });

  it("prefers a flag to the file and the file to the default", () => {
    const file = configFile(JSON.stringify({ port: 4_000, engine: "memory" }));
    expect(resolveSettings({ port: 5_000 }, file)).toMatchObject({ port: 5_000, engine: "memory", host: "127.0.0.1" });
  });

  it("takes limits from the file, and a number of connections from a flag beside them", () => {
    const file = configFile(JSON.stringify({ connections: { addressConnectionsMax: 7 }, limits: { userRate: false } }));
    const { connections, limits } = resolveSettings({ connections: { connectionsMax: 9 } }, file);
    expect(connections).toMatchObject({ connectionsMax: 9, addressConnectionsMax: 7 });
    expect(limits.userRate.perSecond).toBeGreaterThan(1e9);
  });

  it.each([
    ['{"port":"x"}', /port is "x", expected a number/],
    ['{"port":70000}', /port is 70000, expected at most 65535/],
    ['{"engine":"redis"}', /engine is "redis", expected "level" or "memory"/],
    ['{"prot":1}', /prot is 1, expected no such field/],
    ['{"origins":["https://example.org",7]}', /origins\.1 is 7, expected a string/],
    [
      '{"origins":["https://example.org/"]}',
      /origin is "https:\/\/example.org\/", expected the form that browsers send: https:\/\/example.org/,
    ],
    ['{"hosts":["example.org:80"]}', /hosts\.0 is "example.org:80", expected a host name or address without port/],
    [
      '{"limits":{"userRate":{"perSecond":1}}}',
      /userRate is \{"perSecond":1\}, expected \{ perSecond, burst \} of at least 0.001 and 1, or false/,
    ],
    ['{"connections":{"conectionsMax":1}}', /connections\.conectionsMax is 1, expected no such field/],
    ["[]", /the content is an array of 0, expected an object/],
    ["{", /cannot be read/],
  ])("refuses %s in one line", (text, message) => {
    const error = failure(text);
    expect(error.exitCode).toBe(EXIT.usage);
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain("\n");
    expect(error.message).toContain("holdfast.json");
  });

  it("says when the file is not there", () => {
    expect(() => resolveSettings({}, join(directory, "missing.json"))).toThrow(/missing\.json cannot be read: ENOENT/);
  });
});
