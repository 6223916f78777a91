import { describe, expect, it } from "vitest";
import { hostName, namespaceName, queueArgument, serverUrl, wholeNumber } from "./arguments.js";
import { namespaceUrl } from "./connection.js";
import { backoff } from "./define.js";
import { isLoopback } from "../transport/loopback.js";
import { oneLine } from "./one-line.js";
import { bytes, duration, table } from "./table.js";

describe("arguments", () => {
  it("takes whole numbers within their range", () => {
    expect(wholeNumber(0, 65_535)("65535")).toBe(65_535);
    for (const text of ["", "-1", "65536", "1e3", "0x10", "1.5", " 1", "99999999999999999"]) {
      expect(() => wholeNumber(0, 65_535)(text)).toThrow("from 0 to 65535");
    }
  });

  it("takes names of queues, dead-letter queues too", () => {
    expect(queueArgument("orders.dead")).toBe("orders.dead");
    for (const text of ["", "a b", "../x", "x".repeat(129)]) expect(() => queueArgument(text)).toThrow("Expected 1 to 128");
  });

  it("takes URLs and namespaces", () => {
    expect(serverUrl("https://example.org/orders")).toBe("https://example.org/orders");
    for (const text of ["", "localhost:3000", "ftp://x", "http://x/?a=1"]) expect(() => serverUrl(text)).toThrow("Expected a URL");
    expect(namespaceName("/orders")).toBe("/orders");
    for (const text of ["orders", "/a/b", "/a b"]) expect(() => namespaceName(text)).toThrow("Expected /");
    expect(hostName("::1")).toBe("::1");
    expect(() => hostName("a b")).toThrow("Expected an address");
  });

  it("puts the namespace into the URL, once", () => {
    expect(namespaceUrl({ url: "http://h:1" })).toBe("http://h:1/");
    expect(namespaceUrl({ url: "http://h:1", namespace: "/orders" })).toBe("http://h:1/orders");
    expect(namespaceUrl({ url: "http://h:1/orders", namespace: "/orders" })).toBe("http://h:1/orders");
    expect(() => namespaceUrl({ url: "http://h:1/orders", namespace: "/chat" })).toThrow("--url names /orders");
  });

  it("takes a backoff in short", () => {
    expect(backoff("exponential:1000:300000")).toEqual({ type: "exponential", delayMs: 1_000, delayMaxMs: 300_000 });
    expect(backoff("fixed:5000")).toEqual({ type: "fixed", delayMs: 5_000 });
    expect(backoff("list:100:0:5000")).toEqual({ type: "list", delaysMs: [100, 0, 5_000] });
    expect(backoff("exponential:1:2:0.25")).toEqual({ type: "exponential", delayMs: 1, delayMaxMs: 2, jitter: 0.25 });
    for (const text of ["", "fixed", "linear:1", "fixed:x", "fixed:1:2:3", "fixed:1:2:0.5:1"])
      expect(() => backoff(text)).toThrow("Expected");
  });
});

describe("isLoopback", () => {
  it.each(["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1", "localhost"])("%s is", async (host) => {
    expect(await isLoopback(host)).toBe(true);
  });

  it.each(["0.0.0.0", "::", "192.0.2.1", "::ffff:192.0.2.1"])("%s is not", async (host) => {
    expect(await isLoopback(host)).toBe(false);
  });
});

describe("what people read", () => {
  it("is one line without control characters", () => {
    expect(oneLine("a\n  b\r\nc \u001b[2J")).toBe("a b c \\x1b[2J");
  });

  it("has sizes and times in units", () => {
    expect([0, 1_023, 1_024, 1_536, 3 * 1_024 ** 3].map(bytes)).toEqual(["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "3.0 GiB"]);
    expect([160, 12_400, 180_000, 18_000_000, 200_000_000].map(duration)).toEqual(["0.2 s", "12 s", "3 min", "5 h", "2 d"]);
  });

  it("has columns that line up", () => {
    expect(
      table(
        ["queue", "ready"],
        [
          ["orders", "7"],
          ["x", "1,000"],
        ],
      ),
    ).toBe("queue   ready\norders      7\nx       1,000");
  });
});
