import { connect } from "holdfast-client";
import { describe, expect, it } from "vitest";
import { objects, ServedShell } from "./served-shell.js";

const served = ServedShell.forEachTest();
const { run, output } = served;

describe("holdfast rooms", () => {
  it("lists names, a line each, or objects, and stats tells all counts of one", async () => {
    await output("members", "add", "kitchen", "ann");
    await output("define", "--room", "bar");
    await run("emit", "kitchen", "order", "1");
    expect(await output("rooms")).toBe("bar\nkitchen\n");
    const [bar, kitchen] = objects(await output("rooms", "--json"));
    expect(bar).toEqual({ room: "bar", messages: 0, members: 0, online: 0, bytes: 0 });
    expect(kitchen).toEqual({ room: "kitchen", messages: 1, members: 1, online: 0, bytes: expect.any(Number) });
    expect(objects(await output("stats", "--room", "kitchen", "--json"))).toMatchObject([
      { room: "kitchen", messages: 1, published: 1, expired: 0, members: 1, devices: 0, online: 0, head: 1, next: 2 },
    ]);
    const [head, row] = (await output("stats", "--room", "kitchen")).split("\n");
    expect(head).toMatch(/^room +messages +published +expired +members +devices +online +size +oldest$/);
    expect(row).toMatch(/^kitchen +1 +1 +0 +1 +0 +0 +\d+ B +\d+\.\d s$/);
    const watch = served.shell.start(["stats", "--room", "kitchen", "--watch", "--interval-ms", "100", "--json", "--url", served.url]);
    await watch.out.until((text) => text.split("\n").length > 3);
    expect((await watch.kill("SIGINT")).code).toBe(0);
    expect(await run("stats", "--room", "none")).toMatchObject({ code: 4, stderr: expect.stringContaining('room "none" does not exist') });
  });

  it("are defined as queues are, with options of their own", async () => {
    await output("define", "--room", "kitchen", "--max-messages", "2", "--max-age-ms", "86400000", "--max-bytes", "0", "--poison", "block");
    for (const n of ["1", "2", "3"]) await run("emit", "kitchen", "n", n);
    expect(await output("stats", "--room", "kitchen", "--json")).toContain('"messages":2,');
    for (const [args, message] of [
      [["--room", "kitchen", "--lease-ms", "5000"], "--lease-ms is given for room kitchen, which has no such option"],
      [["orders", "--max-bytes", "5"], "--max-bytes is given for queue orders, which has no such option"],
      [["orders", "--room", "kitchen"], "queue orders and --room kitchen are given, expected one of them"],
      [[], "neither a queue nor --room is given, expected one of them"],
    ] as const) {
      expect(await run("define", ...args)).toMatchObject({ code: 2, stdout: "", stderr: `holdfast: ${message}\n` });
    }
  });
});

describe("holdfast members", () => {
  it("adds, lists and removes users and queues", async () => {
    expect(await output("members", "add", "kitchen", "ann", "bob@example.org", "--queue", "orders")).toBe("");
    await run("emit", "kitchen", "order", "7");
    expect(objects(await output("members", "list", "kitchen", "--json"))).toEqual([
      { user: "ann", since: 1, devices: 0, online: false },
      { user: "bob@example.org", since: 1, devices: 0, online: false },
      { queue: "orders", since: 1 },
    ]);
    expect((await run("consume", "orders", "--count", "1")).stdout).toBe("[7]\n");
    expect(await output("members", "remove", "kitchen", "bob@example.org", "--queue", "orders")).toBe("");
    expect(await output("members", "list", "kitchen")).toBe("member  since  devices  kind  online\nann         1        0  user  no\n");
    expect(await output("members", "remove", "kitchen", "ann")).toBe("");
    expect(await output("members", "list", "kitchen")).toBe("no members\n");
  });

  it("lists more than a page, in the order in which they came", async () => {
    const users = Array.from({ length: 150 }, (_, index) => `user-${149 - index}`);
    await output("members", "add", "kitchen", ...users);
    const listed = objects(await output("members", "list", "kitchen", "--json")) as { readonly user: string }[];
    expect(listed.map(({ user }) => user)).toEqual(users);
  });

  it("tells who is connected, with which devices", async () => {
    await output("members", "add", "kitchen", "bob");
    expect(await output("members", "list", "kitchen", "--online")).toBe("nobody is online\n");
    const ann = connect(served.url, { auth: { user: "ann", device: "phone" } });
    await ann.room("kitchen").join();
    expect(objects(await output("members", "list", "kitchen", "--online", "--json"))).toEqual([{ user: "ann", devices: ["phone"] }]);
    expect(await output("members", "list", "kitchen", "--online")).toBe("user  devices\nann   phone\n");
    await ann.close();
  });

  it("says in one line what is wrong", async () => {
    for (const [code, message, ...args] of [
      [2, "neither a user nor --queue is given, expected at least one", "add", "kitchen"],
      [2, "Expected 1 to 128 of", "add", "kit chen", "ann"],
      [2, "Expected 1 to 128 of", "add", "kitchen", "--queue", "a b"],
      [2, "Expected 1 to 256 bytes", "add", "kitchen", ""],
      [4, "does not exist", "list", "kitchen"],
      [4, "does not exist", "list", "kitchen", "--online"],
    ] as const) {
      const ended = await run("members", ...args);
      expect(ended, args.join(" ")).toMatchObject({ code, stdout: "" });
      expect(ended.stderr).toMatch(/^holdfast: [^\n]+\n$/);
      expect(ended.stderr).toContain(message);
    }
  });
});

describe("holdfast receipts", () => {
  it("tells what became of a message with each member", async () => {
    const ann = connect(served.url, { auth: { user: "ann" } });
    const got = new Promise<void>((resolve) => void ann.room("kitchen").on("order", () => resolve()));
    await ann.room("kitchen").join();
    await output("members", "add", "kitchen", "bob");
    const emitted = await served.shell.run(
      ["emit", "kitchen", "order", "--id-field", "id", "--user", "cid", "--url", served.url],
      '{"id":"order-17"}\n',
    );
    expect(emitted.code).toBe(0);
    await got;
    await ann.close();
    const asked = ["receipts", "kitchen", "order-17", "--user", "cid"];
    expect(objects(await output(...asked, "--json"))).toEqual([
      { user: "ann", state: "delivered" },
      { user: "bob", state: "pending" },
    ]);
    expect(await output(...asked)).toBe("user  state\nann   delivered\nbob   pending\n");
    expect(await output(...asked, "--counts", "--json")).toBe('{"delivered":1,"pending":1,"failed":0}\n');
    expect(await output(...asked, "--counts")).toBe("delivered  pending  failed\n1                1       0\n");
    const others = await run("receipts", "kitchen", "order-17", "--user", "bob");
    expect(others).toMatchObject({ code: 4, stdout: "", stderr: "holdfast: message order-17 was not emitted by bob\n" });
    expect(await run("receipts", "kitchen", "none", "--user", "cid")).toMatchObject({ code: 4, stderr: expect.stringContaining("none") });
  });
});
