import { connect, type Holdfast } from "holdfast-client";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "../engines/conformance/manual-clock.js";
import { ask, consume, Happenings, TestHost, until } from "./test-host.js";

const NO_BACKOFF = { backoff: { type: "fixed", delayMs: 0, jitter: 0 } } as const;
const UNKNOWN_REPLIES = "reply:0123456789abcdefghij";

let clock: ManualClock;
let host: TestHost;
let client: Holdfast;

beforeEach(async () => {
  clock = new ManualClock();
  host = await TestHost.open({ clock });
  client = connect(`http://127.0.0.1:${host.port}`, { forceNew: true, reconnectionDelay: 5, reconnectionDelayMax: 10 });
});

afterEach(async () => {
  await client.close({ timeoutMs: 1_000 });
  await host.close();
});

/** The reply queues there are now. */
const replyQueues = async (): Promise<string[]> => (await host.holdfast.queues()).items.filter((name) => name.startsWith("reply:"));

describe("requests of the client library", () => {
  it("resolve to what the handler returned, each to its own, through one reply queue", async () => {
    const second = connect(`http://127.0.0.1:${host.port}`, { forceNew: true });
    second.queue<number>("double").consume(({ body }) => body * 2);
    const numbers = Array.from({ length: 50 }, (_, index) => index);
    const results = await Promise.all(numbers.map((number) => client.queue("double").request<number>(number)));
    expect(results).toEqual(numbers.map((number) => number * 2));
    expect(await replyQueues()).toHaveLength(1);
    await second.close();
  });

  it("are answered byte for byte where the result is bytes, and with null for undefined", async () => {
    host.holdfast.queue<string>("q").consume(({ body }) => (body === "bytes" ? Uint8Array.of(0, 255) : undefined));
    client.queue<string>("q2").consume(({ body }) => (body === "bytes" ? { file: Uint8Array.of(0, 255) } : undefined));
    expect(await client.queue("q").request("bytes")).toEqual(Uint8Array.of(0, 255));
    expect(await client.queue("q").request("nothing")).toBeNull();
    expect(await client.queue("q2").request("bytes")).toEqual({ file: Uint8Array.of(0, 255) });
    expect(await client.queue("q2").request("nothing")).toBeNull();
  });

  it("get the result of the attempt that succeeds", async () => {
    await client.queue("q").define(NO_BACKOFF);
    client.queue("q").consume(({ attempt }) => {
      if (attempt < 3) throw new Error("not yet");
      return attempt;
    });
    expect(await client.queue("q").request(1)).toBe(3);
  });

  it("fail with REQUEST_FAILED when the message is rejected or out of attempts, also by a result that cannot be sent", async () => {
    await client.queue("q").define({ maxAttempts: 1 });
    client.queue<string>("q").consume(async (delivery) => {
      if (delivery.body === "reject") await delivery.reject("no such fish");
      if (delivery.body === "throw") throw new Error("broken");
      return () => "no JSON";
    });
    const failed = { code: "REQUEST_FAILED", retryable: false };
    await expect(client.queue("q").request("reject")).rejects.toMatchObject({
      ...failed,
      message: expect.stringMatching(/rejected.*no such fish/),
    });
    await expect(client.queue("q").request("throw")).rejects.toMatchObject({
      ...failed,
      message: expect.stringMatching(/attempts.*broken/),
    });
    await expect(client.queue("q").request("function")).rejects.toMatchObject({
      ...failed,
      message: expect.stringMatching(/expected JSON or bytes/),
    });
    expect((await host.holdfast.queue("q.dead").stats()).ready).toBe(3);
  });

  it("end with their timeout or signal: ABORTED before they were sent, UNKNOWN after that", async () => {
    await client.queue("q").define({});
    await expect(client.queue("q").request(1, { timeoutMs: 20 })).rejects.toMatchObject({ code: "UNKNOWN", retryable: true });
    const abort = new AbortController();
    const aborted = client.queue("q").request(2, { signal: abort.signal });
    await until(async () => (await client.queue("q").stats()).ready === 2);
    abort.abort();
    await expect(aborted).rejects.toMatchObject({ code: "UNKNOWN" });
    await expect(client.queue("q").request(3, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "ABORTED",
      retryable: false,
    });
    client.socket.disconnect();
    await expect(client.queue("q").request(4, { timeoutMs: 20 })).rejects.toMatchObject({ code: "ABORTED" });
    client.socket.connect();
    expect((await client.queue("q").stats()).ready).toBe(2);
  });

  it("ignore and ack answers that nobody waits for", async () => {
    const seen = new Happenings<string | undefined>();
    client.queue("q").consume(({ replyTo }) => {
      seen.add(replyTo);
      return 1;
    });
    await client.queue("q").request(1);
    const [replyTo = ""] = seen.items;
    await client.queue(replyTo).publish("late", { correlationId: "1" });
    await client.queue(replyTo).publish("foreign");
    await until(async () => (await host.holdfast.queue(replyTo).stats()).acked === 3);
  });

  it("survive a lost connection while they wait", async () => {
    const answer = new Happenings<() => void>();
    host.holdfast.queue("q").consume(() => new Promise((resolve) => answer.add(() => resolve("late"))));
    const result = client.queue("q").request(1);
    const [finish] = await answer.count(1);
    client.socket.io.engine.close();
    finish?.();
    expect(await result).toBe("late");
  });

  it("close fails those that are open, removes the reply queue, and lets handlers answer", async () => {
    await client.queue("q").define({});
    const open = client.queue("q").request(1, { timeoutMs: 0 });
    await until(async () => (await client.queue("q").stats()).ready === 1);
    expect(await replyQueues()).toHaveLength(1);
    const closed = client.close();
    await expect(open).rejects.toMatchObject({ code: "SHUTTING_DOWN" });
    await closed;
    await until(async () => (await replyQueues()).length === 0);

    const worker = connect(`http://127.0.0.1:${host.port}`, { forceNew: true });
    const answer = new Happenings<() => void>();
    worker.queue("work").consume(() => new Promise((resolve) => answer.add(() => resolve("done"))));
    const result = host.holdfast.queue("work").request(1);
    const [finish] = await answer.count(1);
    const workerClosed = worker.close();
    finish?.();
    expect(await result).toBe("done");
    await workerClosed;
    expect(await host.holdfast.queue("work").stats()).toMatchObject({ acked: 1 });
  });

  it("an answer to a requester that is gone for good is dropped, and creates no queue", async () => {
    const consumers = [client.queue("a"), client.queue("b")];
    consumers[0]?.consume(() => "answer");
    host.holdfast.queue("b").consume(() => "answer");
    for (const queue of consumers) await queue.publish(1, { replyTo: UNKNOWN_REPLIES, correlationId: "1" });
    for (const name of ["a", "b"])
      await until(
        async () =>
          (
            await host.holdfast
              .queue(name)
              .stats()
              .catch(() => undefined)
          )?.acked === 1,
      );
    expect(await replyQueues()).toEqual([]);
  });
});

describe("requests in the server's process", () => {
  it("are answered by clients and by handlers, and end with the clock", async () => {
    client.queue<number>("double").consume(({ body }) => body * 2);
    expect(await host.holdfast.queue("double").request(21)).toBe(42);
    host.holdfast
      .of("/other")
      .queue<number>("triple")
      .consume(({ body }) => body * 3);
    expect(await host.holdfast.of("/other").queue("triple").request(2)).toBe(6);
    const late = host.holdfast.queue("nobody").request(1, { timeoutMs: 5_000 });
    const failed = expect(late).rejects.toMatchObject({ code: "UNKNOWN", message: expect.stringMatching(/5000 ms/) });
    await clock.advance(5_000);
    await failed;
    const signal = AbortSignal.abort();
    await expect(host.holdfast.queue("nobody").request(1, { signal })).rejects.toMatchObject({ code: "ABORTED" });
    await expect(host.holdfast.queue("nobody").request(1, { timeoutMs: -1 })).rejects.toMatchObject({ code: "BAD_REQUEST" });
    expect((await host.holdfast.queue("nobody").stats()).published).toBe(1);
  });

  it("fail with REQUEST_FAILED when the message dies, and with SHUTTING_DOWN when the server closes", async () => {
    const queue = host.holdfast.queue("q", { maxAttempts: 1, deadLetter: false });
    queue.consume(() => {
      throw new Error("broken");
    });
    await expect(queue.request(1)).rejects.toMatchObject({ code: "REQUEST_FAILED", message: expect.stringMatching(/broken/) });
    const open = host.holdfast.queue("nobody").request(1);
    const failed = expect(open).rejects.toMatchObject({ code: "SHUTTING_DOWN" });
    await host.holdfast.close();
    await failed;
  });

  it("fail when their reply queue is deleted, and the next ones have another", async () => {
    const open = host.holdfast.queue("q").request(1);
    const failed = expect(open).rejects.toMatchObject({ code: "UNKNOWN", message: expect.stringMatching(/deleted/) });
    await until(
      async () =>
        (
          await host.holdfast
            .queue("q")
            .stats()
            .catch(() => undefined)
        )?.ready === 1,
    );
    const [before = ""] = await replyQueues();
    await host.holdfast.queue(before).delete();
    await failed;
    host.holdfast.queue("q").consume(() => "answer");
    expect(await host.holdfast.queue("q").request(2)).toBe("answer");
    expect(await replyQueues()).not.toContain(before);
  });
});

describe("requests by hand", () => {
  it("a plain client asks and another answers", async () => {
    const [asking, answering] = [await host.client(), await host.client()];
    await consume(answering, { queue: "double" }, (delivery, settle) => {
      const { replyTo, correlationId, body } = delivery as typeof delivery & { replyTo: string; correlationId: string };
      void ask(answering, "holdfast:publish", { queue: replyTo, correlationId, body: Number(body) * 2 }).then(() => settle());
    });
    const answers = new Happenings<object>();
    const replyTo = UNKNOWN_REPLIES;
    await consume(asking, { queue: replyTo }, (delivery, settle) => {
      answers.add(delivery);
      settle();
    });
    await ask(asking, "holdfast:publish", { queue: "double", body: 21, replyTo, correlationId: "a" });
    expect(await answers.count(1)).toMatchObject([{ body: 42, correlationId: "a" }]);
    await until(async () => (await host.holdfast.queue("double").stats()).acked === 1);
  });

  it.each([
    [{ replyTo: "no spaces" }, 'replyTo is "no spaces"'],
    [{ replyTo: "x".repeat(129) }, "replyTo is"],
    [{ correlationId: "x".repeat(129) }, "correlationId is"],
    [{ correlationId: "" }, 'correlationId is ""'],
  ])("wrong ones are BAD_REQUEST naming the field: %o", async (fields, message) => {
    const socket = await host.client();
    const reply = await ask(socket, "holdfast:publish", { queue: "q", body: 1, ...fields });
    expect(reply).toMatchObject({ ok: false, error: { code: "BAD_REQUEST", message: expect.stringContaining(message) } });
    await expect(client.queue("q").publish(1, fields)).rejects.toMatchObject({ code: "BAD_REQUEST" });
  });

  it("publishing to a reply queue that nobody consumes is NOT_FOUND; consuming creates it, also without autoCreate", async () => {
    const strict = await TestHost.open({ autoCreate: false });
    const socket = await strict.client();
    const publish = () => ask(socket, "holdfast:publish", { queue: UNKNOWN_REPLIES, body: 1 });
    expect(await publish()).toMatchObject({ ok: false, error: { code: "NOT_FOUND" } });
    expect(await ask(socket, "holdfast:consume", { queue: UNKNOWN_REPLIES })).toMatchObject({ ok: true });
    expect(await publish()).toMatchObject({ ok: true });
    expect(await ask(socket, "holdfast:consume", { queue: "ordinary" })).toMatchObject({ error: { code: "NOT_FOUND" } });
    await strict.close();
  });
});
