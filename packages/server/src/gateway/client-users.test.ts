import { inbox, to, user } from "holdfast-client/users";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Happenings, TestHost } from "./test-host.js";

let host: TestHost;

beforeEach(async () => {
  host = await TestHost.open();
});

afterEach(() => host.close());

it("a client emits to rooms and users at once, and hears its own inbox", async () => {
  const [ann, bob] = [host.enter("ann"), host.enter("bob")];
  const heard = new Happenings<unknown[]>();
  await inbox(bob).on("note", (text, { user: owner, sender }) => heard.add([text, owner, sender]));
  const kitchen = bob.room("kitchen");
  await kitchen.on("note", (text, { room }) => heard.add([text, room]));
  await kitchen.join();
  expect(await to(ann, user("bob")).emit("note", "for you")).toMatchObject([{ sequence: 1, duplicate: false }]);
  expect(await to(ann, "kitchen", user("bob")).emit("note", "for all")).toHaveLength(2);
  await to(ann, "kitchen").except(user("bob")).emit("note", "for others");
  await to(ann, user("bob")).emitWith({ id: "mine" }, "note", "once");
  expect(await to(ann, user("bob")).emitWith({ id: "mine" }, "note", "once")).toMatchObject([{ duplicate: true }]);
  await expect(to(ann, "no name").emit("note")).rejects.toMatchObject({ code: "BAD_REQUEST" });
  const items = [...(await heard.count(3))];
  expect(items).toHaveLength(3);
  expect(items).toEqual(
    expect.arrayContaining([
      ["for you", "bob", "ann"],
      ["for all", "kitchen"],
      ["once", "bob", "ann"],
    ]),
  );
});
