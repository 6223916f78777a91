import { isNearer, TimeHeap } from "../time-heap.js";
import type { Device } from "./device.js";
import type { Room } from "./room.js";

/** A device that waits for something, or a room whose oldest message is too old then. */
export interface Deadline {
  readonly device?: Device;
  readonly room?: Room;
}

/** Every deadline of rooms in one heap: one entry for each device that waits for something, one for each room's oldest message. */
export class Deadlines {
  readonly #heap = new TimeHeap<Deadline>();
  /** Of the packed write of cursors. */
  tickAt = Number.POSITIVE_INFINITY;
  /** When queues that were full are tried again. */
  feedAt = Number.POSITIVE_INFINITY;
  /** When devices are looked through for idle ones. */
  idleAt = Number.POSITIVE_INFINITY;

  get next(): number | undefined {
    const at = Math.min(this.tickAt, this.feedAt, this.idleAt, this.#heap.next ?? Number.POSITIVE_INFINITY);
    return at === Number.POSITIVE_INFINITY ? undefined : at;
  }

  forDevice(device: Device): void {
    const at = device.deadline;
    if (isNearer(at, device.wake)) device.wake = this.#heap.add(at, { device }, device.wake);
  }

  forAge(room: Room, at: number): void {
    if (isNearer(at, room.age)) room.age = this.#heap.add(at, { room }, room.age);
  }

  /** The room is gone. */
  forget(room: Room): void {
    this.#heap.retain((deadline) => deadline.room !== room && deadline.device?.member.room !== room);
  }

  /** Takes the next deadline of a device or a room that is over. */
  take(now: number): Deadline | undefined {
    const deadline = this.#heap.take(now);
    if (deadline?.device !== undefined) deadline.device.wake = undefined;
    if (deadline?.room !== undefined) deadline.room.age = undefined;
    return deadline;
  }
}
