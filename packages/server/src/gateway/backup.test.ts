import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { unpackSection } from "../backup/backup-format.js";
import { ask, TestHost } from "./test-host.js";

let host: TestHost;

beforeEach(async () => {
  host = await TestHost.open();
});
afterEach(() => host.close());

type Client = Awaited<ReturnType<TestHost["client"]>>;

const begin = async (client: Client): Promise<string> => (await ask(client, "holdfast:backup", {})).backup as string;

describe("holdfast:backup", () => {
  it("gives the bytes of a file by asking for one chunk after the other, the last one again if it was lost", async () => {
    const client = await host.client();
    for (let body = 0; body < 10; body++) await ask(client, "holdfast:publish", { queue: "orders", body: "x".repeat(200_000) });
    const backup = await begin(client);
    const kinds: string[] = [];
    for (let from = 0, done = false; !done; ) {
      const chunk = await ask(client, "holdfast:backup", { backup, from });
      const again = await ask(client, "holdfast:backup", { backup, from });
      const bytes = chunk.bytes as Buffer;
      expect(again.done).toBe(chunk.done);
      expect(bytes.equals(again.bytes as Buffer), "asked for again").toBe(true);
      expect(bytes.length).toBeLessThan(1_048_576);
      kinds.push(unpackSection(bytes, from).kind);
      from += bytes.length;
      done = chunk.done === true;
    }
    expect(kinds[0]).toBe("header");
    expect(kinds.at(-1)).toBe("trailer");
    expect(kinds.length).toBeGreaterThan(5);
  });

  it("is one at a time, until it is cancelled", async () => {
    const client = await host.client();
    const backup = await begin(client);
    expect(await ask(client, "holdfast:backup", {})).toMatchObject({ ok: false, error: { code: "RATE_LIMITED", retryable: true } });
    expect(await ask(client, "holdfast:backup", { backup, cancel: true })).toEqual({ ok: true });
    expect(await ask(client, "holdfast:backup", { backup, from: 0 })).toMatchObject({ ok: false, error: { code: "NOT_FOUND" } });
    await begin(client);
  });

  it("is for this machine alone where nobody is asked who he is", async () => {
    const client = await host.client();
    const backup = await begin(client);
    vi.spyOn(host.http, "address").mockReturnValue({ address: "0.0.0.0", family: "IPv4", port: 1 });
    for (const payload of [{}, { backup, from: 0 }, { backup, cancel: true }]) {
      expect(await ask(client, "holdfast:backup", payload), JSON.stringify(payload)).toMatchObject({ error: { code: "FORBIDDEN" } });
    }
  });

  it("refuses what it cannot understand", async () => {
    const client = await host.client();
    const backup = await begin(client);
    for (const payload of [
      { from: 0 },
      { backup, from: -1 },
      { backup, from: 5 },
      { backup, cancel: false },
      { path: "/etc/passwd" },
      { backup: 7, from: 0 },
    ]) {
      expect(await ask(client, "holdfast:backup", payload), JSON.stringify(payload)).toMatchObject({ error: { code: "BAD_REQUEST" } });
    }
    expect(await ask(client, "holdfast:backup", { backup: "nobody's", from: 0 })).toMatchObject({ error: { code: "NOT_FOUND" } });
  });
});
