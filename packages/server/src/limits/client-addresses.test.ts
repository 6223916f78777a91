import { describe, expect, it } from "vitest";
import { ClientAddresses } from "./client-addresses.js";

const LOOPBACK = ["127.0.0.0/8", "::1"];

const nameOf = (proxies: number, remoteAddress: string | undefined, forwardedFor?: string): string | undefined =>
  new ClientAddresses(proxies, LOOPBACK).nameOf({ remoteAddress, forwardedFor });

describe("ClientAddresses", () => {
  it.each([
    ["203.0.113.9", "203.0.113.9"],
    ["::ffff:203.0.113.9", "203.0.113.9"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:0db8:0001:0002::99", "2001:db8:1:2::/64"],
    ["2001:db8::1", "2001:db8:0:0::/64"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
    ["::2", "0:0:0:0::/64"],
    ["127.0.0.1", undefined],
    ["::ffff:127.9.9.9", undefined],
    ["::1", undefined],
    [undefined, undefined],
  ])("%s is limited as %s", (remote, name) => {
    expect(nameOf(0, remote)).toBe(name);
  });

  it("believes what the trusted proxies wrote, and nothing before it", () => {
    expect(nameOf(0, "203.0.113.9", "198.51.100.1")).toBe("203.0.113.9");
    expect(nameOf(1, "127.0.0.1", "6.6.6.6, 198.51.100.1")).toBe("198.51.100.1");
    expect(nameOf(2, "127.0.0.1", "6.6.6.6, 198.51.100.1, 10.0.0.2")).toBe("198.51.100.1");
    expect(nameOf(1, "127.0.0.1", "::ffff:198.51.100.1")).toBe("198.51.100.1");
    expect(nameOf(1, "127.0.0.1", "198.51.100.1:4711")).toBe("198.51.100.1");
    expect(nameOf(1, "127.0.0.1", "[2001:db8:1:2::9]:4711")).toBe("2001:db8:1:2::/64");
    expect(nameOf(1, "127.0.0.1", "2001:db8:1:2::9")).toBe("2001:db8:1:2::/64");
  });

  it("takes the connection's own address where a proxy is missing or writes nonsense", () => {
    expect(nameOf(1, "203.0.113.9")).toBe("203.0.113.9");
    expect(nameOf(2, "203.0.113.9", "198.51.100.1")).toBe("203.0.113.9");
    expect(nameOf(1, "203.0.113.9", "unknown")).toBe("203.0.113.9");
    expect(nameOf(1, "203.0.113.9", "__proto__")).toBe("203.0.113.9");
  });

  it.each(["", "10.0.0.0/33", "10.0.0.0/x", "example.org", "::/129", "10.0.0.0/-1"])("refuses %j as a network", (network) => {
    expect(() => new ClientAddresses(0, [network])).toThrow(/unlimitedAddresses has .*, expected addresses and networks/);
  });
});
