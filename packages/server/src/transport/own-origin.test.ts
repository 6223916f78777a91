import { describe, expect, it } from "vitest";
import { isOwnOrigin } from "./own-origin.js";

const own = (origin: string, localAddress: string, localPort = 3_000): boolean => isOwnOrigin(origin, { localAddress, localPort });

describe("isOwnOrigin", () => {
  it("is the address and port of the connection, or localhost on loopback", () => {
    expect(own("http://127.0.0.1:3000", "127.0.0.1")).toBe(true);
    expect(own("http://127.0.0.1:3000", "::ffff:127.0.0.1")).toBe(true);
    expect(own("http://localhost:3000", "127.0.0.1")).toBe(true);
    expect(own("http://[::1]:3000", "::1")).toBe(true);
    expect(own("http://localhost:3000", "::1")).toBe(true);
    expect(own("http://10.0.0.5", "10.0.0.5", 80)).toBe(true);
    expect(isOwnOrigin("https://127.0.0.1:3000", { localAddress: "127.0.0.1", localPort: 3_000, encrypted: true })).toBe(true);
    expect(isOwnOrigin("http://127.0.0.1:3000", { localAddress: "127.0.0.1", localPort: 3_000, encrypted: true })).toBe(false);
  });

  it("is no other port, scheme, address or name", () => {
    expect(own("http://127.0.0.1:3001", "127.0.0.1")).toBe(false);
    expect(own("https://127.0.0.1:3000", "127.0.0.1")).toBe(false);
    expect(own("http://127.0.0.1", "127.0.0.1")).toBe(false);
    expect(own("http://localhost:3000", "10.0.0.5")).toBe(false);
    expect(own("http://rebound.example:3000", "127.0.0.1")).toBe(false);
    expect(own("null", "127.0.0.1")).toBe(false);
    expect(own("http://:3000", "")).toBe(false);
  });
});
