export { JsonText } from "./body.js";
export { connect, type Holdfast, wrap } from "./client.js";
export type { ConsumeOptions, Consumer, Handler } from "./consumer.js";
export type { Delivery } from "./delivery.js";
export { ERROR_CODES, type ErrorCode, HoldfastError } from "./errors.js";
export type { DeadLetterHistory, DeadReason } from "./history.js";
export type { Message, MessageOptions, Receipt, RequestOptions, WaitOptions } from "./message.js";
export type { ConnectOptions, HoldfastOptions } from "./options.js";
export type { Page } from "./page.js";
export type { Backoff, Queue, QueueOptions, QueueStats } from "./queue.js";
export type { Headers } from "./record.js";
export type {
  AddRoomHandler,
  EmitOptions,
  JoinOptions,
  PastMessage,
  PresenceChange,
  PresenceListener,
  ReceiptsListener,
  Room,
  RoomDelivery,
  RoomGap,
  RoomHandler,
  RoomMember,
  RoomMessageCounts,
  RoomReceipts,
  RoomWatch,
} from "./room.js";
export type { RestoredMessage } from "./stored/restored.js";
export type { DeliveryStream } from "./stream.js";
