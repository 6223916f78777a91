import { type Holdfast, JsonText, type MessageOptions, type Receipt, type Room } from "holdfast-client";
import { BadLine } from "./line-message.js";
import type { LineTarget } from "./publisher.js";

export interface EmitterOptions {
  readonly room: string;
  readonly event: string;
  readonly except: readonly (string | { readonly user: string })[];
  /** Whether a body is the array of arguments, or the only one. */
  readonly asArguments: boolean;
}

/** Emits to a room, as a queue takes messages: many at a time, in order, and again after a lost connection. */
export class RoomEmitter implements LineTarget {
  readonly #room: Room;
  readonly #options: EmitterOptions;

  constructor(holdfast: Holdfast, options: EmitterOptions) {
    this.#room = holdfast.room(options.room);
    this.#options = options;
  }

  /** @throws BadLine when the body is to be an array of arguments, and is none */
  publish(body: unknown, { id, ttlMs }: MessageOptions): Promise<Receipt> {
    const { event, except, asArguments } = this.#options;
    const value: unknown = body instanceof JsonText ? JSON.parse(body.text) : body;
    if (asArguments && !Array.isArray(value)) throw new BadLine("is JSON, but no array of arguments");
    return this.#room.emitWith({ id, ttlMs, except }, event, ...(asArguments ? (value as readonly unknown[]) : [value]));
  }
}
