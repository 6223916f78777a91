import { HoldfastError } from "holdfast-client/protocol";
import { describeQueue } from "../address.js";
import type { Broker } from "../broker.js";
import type { Consumer } from "../consumer.js";
import type { HeldLeases } from "../consumers.js";
import type { QueueAddress } from "../engine.js";
import { isReplyQueue } from "../options.js";
import type { Settings } from "../settings.js";
import { preview, validate } from "../validate.js";
import type { Answer } from "./answer.js";
import type { Connection } from "./connection.js";
import { FrameSink } from "./frame-sink.js";
import { PlainSink } from "./plain-sink.js";
import { consumeRequest } from "./schemas.js";
import type { SocketSink } from "./socket-sink.js";

/** `holdfast:consume`: a new consumer on this connection, or one of a connection before. Leasing begins after the reply. */
export async function attachConsumer(broker: Broker, settings: Settings, connection: Connection, payload: object): Promise<Answer> {
  const request = validate(consumeRequest, payload, "consume");
  const { maxInFlightMax, maxInFlightDefault, consumersMax } = settings.limits;
  const { maxInFlight } = request;
  broker.assertOpen();
  if (maxInFlight !== undefined && maxInFlight > maxInFlightMax) {
    throw new HoldfastError("BAD_REQUEST", `maxInFlight is ${maxInFlight}, expected at most ${maxInFlightMax}`);
  }
  if (request.held !== undefined && (request.consumer === undefined || request.frames !== true)) {
    throw new HoldfastError("BAD_REQUEST", "held is given without consumer and frames, with which it belongs");
  }
  if (request.frames === true && !connection.speaksFrames) throw new HoldfastError("BAD_REQUEST", "frames is true before holdfast:hello");
  if (connection.consumers.size + connection.attaching >= consumersMax) {
    throw new HoldfastError("TOO_LARGE", `this connection has ${connection.consumers.size} consumers, at most ${consumersMax} are allowed`);
  }
  connection.attaching++;
  try {
    const frames = request.frames === true;
    const consumer =
      request.consumer === undefined
        ? await add(broker, connection, request.queue, maxInFlight ?? maxInFlightDefault, frames)
        : await resume(broker, connection, { ...request, consumer: request.consumer }, frames);
    if (!connection.socket.connected) broker.consumers.leave(consumer);
    return { reply: replyFor(broker, consumer, frames), afterwards: () => broker.consumers.start(consumer) };
  } finally {
    connection.attaching--;
  }
}

const sinkOf = (broker: Broker, connection: Connection, maxInFlight: number, frames: boolean): SocketSink =>
  frames ? new FrameSink(connection, maxInFlight) : new PlainSink(connection, broker, maxInFlight);

async function add(broker: Broker, connection: Connection, queue: string, maxInFlight: number, frames: boolean): Promise<Consumer> {
  const address = { namespace: connection.namespace, queue };
  assertOwnReplies(broker, connection, address);
  await broker.ensure(address);
  const options = { maxInFlight, identity: connection.identity };
  const consumer = await broker.consumers.add(address, options, sinkOf(broker, connection, maxInFlight, frames));
  connection.hold(consumer, frames);
  return consumer;
}

/** Who answers a request knows the name of its reply queue too, and is not to take what others answer. */
function assertOwnReplies(broker: Broker, { access, identity }: Connection, address: QueueAddress): void {
  if (access.identity === undefined || !isReplyQueue(address.queue)) return;
  if (broker.consumers.of(address).every((consumer) => consumer.identity === identity)) return;
  throw new HoldfastError("FORBIDDEN", `${describeQueue(address)} has the answers for somebody else`);
}

interface Resumption {
  readonly queue: string;
  readonly consumer: string;
  readonly maxInFlight?: number | undefined;
  readonly held?: HeldLeases | undefined;
}

async function resume(broker: Broker, connection: Connection, request: Resumption, frames: boolean): Promise<Consumer> {
  const { queue, maxInFlight } = request;
  const consumer = broker.consumers.find(request.consumer, connection.namespace, connection.identity);
  if (consumer === undefined || consumer.address.queue !== queue) {
    throw new HoldfastError("NOT_FOUND", `there is no consumer ${preview(request.consumer)} of yours on queue ${queue} to resume`);
  }
  if (maxInFlight !== undefined && maxInFlight !== consumer.maxInFlight) {
    throw new HoldfastError("BAD_REQUEST", `maxInFlight is ${maxInFlight}, expected ${consumer.maxInFlight}, which the consumer has`);
  }
  if (connection.consumers.has(consumer)) throw new HoldfastError("BAD_REQUEST", "consumer is attached to this very connection");
  const sink = sinkOf(broker, connection, consumer.maxInFlight, frames);
  try {
    await broker.consumers.resume(consumer, sink, request.held);
  } catch (error) {
    broker.consumers.leave(consumer);
    throw error;
  }
  if (consumer.state === "gone" || consumer.sink !== sink)
    throw new HoldfastError("NOT_FOUND", `consumer ${preview(request.consumer)} ended meanwhile`);
  connection.hold(consumer, frames);
  return consumer;
}

function replyFor(broker: Broker, consumer: Consumer, frames: boolean): object {
  if (!frames) return { consumer: consumer.id };
  const leaseMs = broker.engine.options(consumer.address)?.leaseMs ?? 0;
  return { consumer: consumer.id, handle: consumer.handle, epoch: broker.engine.epoch, leaseMs };
}
