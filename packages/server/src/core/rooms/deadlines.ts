import { Heap } from "../heap.js";
import type { Device } from "./device.js";
import type { Room } from "./room.js";

interface Deadline {
  readonly at: number;
  readonly device?: Device;
  readonly room?: Room;
}

/** Every deadline of rooms in one heap: one entry for each device that waits for something, one for each room's oldest message. */
export class Deadlines {
  readonly #heap = new Heap<Deadline>((a, b) => a.at < b.at);
  /** Of the packed write of cursors. */
  tickAt = Number.POSITIVE_INFINITY;
  /** When queues that were full are tried again. */
  feedAt = Number.POSITIVE_INFINITY;
  /** When devices are looked through for idle ones. */
  idleAt = Number.POSITIVE_INFINITY;

  get next(): number | undefined {
    const at = Math.min(this.tickAt, this.feedAt, this.idleAt, this.#heap.peek()?.at ?? Number.POSITIVE_INFINITY);
    return at === Number.POSITIVE_INFINITY ? undefined : at;
  }

  forDevice(device: Device): void {
    const at = device.deadline;
    if (at >= device.wakeAt) return;
    device.wakeAt = at;
    this.#heap.push({ at, device });
  }

  forAge(room: Room, at: number): void {
    if (at >= room.ageAt) return;
    room.ageAt = at;
    this.#heap.push({ at, room });
  }

  /** The room is gone. */
  forget(room: Room): void {
    this.#heap.retain((deadline) => deadline.room !== room && deadline.device?.member.room !== room);
  }

  /** Takes the next deadline of a device or a room that is over. */
  take(now: number): Deadline | undefined {
    const deadline = this.#heap.peek();
    if (deadline === undefined || deadline.at > now) return undefined;
    this.#heap.pop();
    if (deadline.device !== undefined) deadline.device.wakeAt = Number.POSITIVE_INFINITY;
    if (deadline.room !== undefined) deadline.room.ageAt = Number.POSITIVE_INFINITY;
    return deadline;
  }
}
