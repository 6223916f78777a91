import type { Device } from "./device.js";
import type { Member } from "./member.js";

/** A user of a namespace: the rooms it is in, and its devices that are attached. */
export class User {
  readonly namespace: string;
  readonly name: string;
  readonly memberships = new Set<Member>();
  /** By the name of the device. */
  readonly sessions = new Map<string, Session>();

  constructor(namespace: string, name: string) {
    this.namespace = namespace;
    this.name = name;
  }
}

/** One live attachment of a device. */
export class Session {
  readonly number: number;
  readonly user: User;
  readonly device: string;
  /** By the number of the room. */
  readonly devices = new Map<number, Device>();
  /** Those that may have something to be pulled, in turn. */
  readonly ready = new Set<Device>();
  /** The last pull that brought something left it far behind in a room that it was of. */
  isBehind = false;

  constructor(number: number, user: User, device: string) {
    this.number = number;
    this.user = user;
    this.device = device;
  }
}
