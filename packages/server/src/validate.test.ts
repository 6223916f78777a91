import { describe, expect, it } from "vitest";
import { z } from "zod";
import { memberObject, targetName } from "./room-names.js";
import { validate, withoutText } from "./validate.js";

const request = z.strictObject({ member: memberObject, except: z.array(targetName) });
const plain = z.strictObject({ value: z.union([z.string(), z.literal(false), z.string().min(1)]) });

const told = (schema: z.ZodType, input: unknown, show?: (value: unknown) => string): string => {
  try {
    validate(schema, input, "request", show);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return "nothing";
};

const member = (value: unknown): string => told(request, { member: value, except: [] });
const except = (value: unknown): string => told(request, { member: { user: "ann" }, except: [value] });

describe("what is none of several forms", () => {
  it("is named, with the forms", () => {
    expect(member({ user: "a", queue: "b" })).toBe("member is { user, queue }, expected { user } or { queue }");
    expect(member({})).toBe("member is {}, expected { user } or { queue }");
    expect(member("ann")).toBe('member is "ann", expected { user } or { queue }');
    expect(member(undefined)).toBe("member is missing, expected { user } or { queue }");
    expect(except({ queue: "q" })).toBe("except.0 is { queue }, expected a room's name or { user }");
    expect(except(7)).toBe("except.0 is 7, expected a room's name or { user }");
    expect(told(plain, { value: 7 })).toBe("value is 7, expected a string or false");
  });

  it("is told what is wrong in the one form that it has", () => {
    expect(member({ user: 7 })).toBe("member.user is 7, expected a string");
    expect(member({ user: "" })).toBe('user is "", expected 1 to 256 bytes of UTF-8');
    expect(except({ user: null })).toBe("except.0.user is null, expected a string");
    expect(except("no room")).toContain('room is "no room"');
  });

  it("is shown in a few characters, and without what may be a secret", () => {
    const wide = Object.fromEntries(Array.from({ length: 9 }, (_, index) => [`${"k".repeat(100)}${index}`, 1]));
    expect(member(wide).length).toBeLessThan(400);
    expect(member(wide)).toContain("..., 9 fields }");
    expect(told(request, { member: "secret", except: [] }, withoutText)).toBe(
      "member is a text of 6 characters, expected { user } or { queue }",
    );
  });
});
