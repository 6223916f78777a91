import { nameOfTarget, type Target } from "../../room-history.js";
import type { Report } from "../violation.js";
import type { Devices } from "./devices.js";
import type { Memberships } from "./memberships.js";
import type { RoomMessage, RoomMessages } from "./room-messages.js";
import type { RoomRun, SessionRun } from "./room-run.js";
import type { Track } from "./track.js";

const NEVER = Number.POSITIVE_INFINITY;

/** Judges, once every device took all it could, whether each has all it should have: S1, S3, S4. */
export class Ends {
  readonly #run: RoomRun;
  readonly #messages: RoomMessages;
  readonly #members: Memberships;
  readonly #devices: Devices;
  readonly #report: Report;
  /** Sessions of each device of each user, in order. */
  readonly #sessions = new Map<string, Map<string, SessionRun[]>>();

  constructor(run: RoomRun, messages: RoomMessages, members: Memberships, devices: Devices, report: Report) {
    this.#run = run;
    this.#messages = messages;
    this.#members = members;
    this.#devices = devices;
    this.#report = report;
    for (const session of run.sessions.values()) {
      const { user, device } = session.call.invoked;
      const ofUser = this.#sessions.get(user) ?? new Map<string, SessionRun[]>();
      this.#sessions.set(user, ofUser.set(device, [...(ofUser.get(device) ?? []), session]));
    }
  }

  check(): void {
    if (this.#run.drained === NEVER) return;
    for (const track of this.#devices.tracks.values()) if (this.#isThere(track.user, track.device)) this.#checkTrack(track);
    for (const [user, devices] of this.#sessions) {
      const there = [...devices.keys()].filter((device) => this.#isThere(user, device));
      for (const device of there) this.#checkDevice(user, device);
      if (there.length > 0) this.#checkUser(user, there);
    }
  }

  /** Whether the device was there to the end. */
  #isThere(user: string, device: string): boolean {
    const sessions = this.#sessions.get(user)?.get(device) ?? [];
    return sessions.some(({ call, end }) => call.ok !== undefined && end > this.#run.drained);
  }

  /** What came and was not settled came again. */
  #checkTrack(track: Track): void {
    if (track.loose || this.#mayHaveJoined(track)) return;
    const stays = (from: number): boolean => this.#members.surely(track.target, { user: track.user }, from, this.#run.drained);
    for (const { sequence, answered, last } of track.known) {
      if (!answered && stays(last.index) && !track.gaps.ever(sequence))
        this.#report.add("skipped", `${track} did not settle sequence ${sequence}, and it did not come again`, last.index);
    }
    for (const { sequence, last } of track.passedOver) {
      const cameSince = (track.get(sequence)?.last ?? last) !== last;
      if (stays(last.index) && !cameSince && !track.gaps.ever(sequence))
        this.#report.add("skipped", `${track} did not settle sequence ${sequence}, and a join passed over it`, last.index);
    }
    for (const { told } of track.gaps.open)
      if (stays(told.index))
        this.#report.add("gap-forgotten", `${track} was not told again of the gap from ${told.from} to ${told.to}`, told.index);
  }

  /** A join after its last event may have taken it to earlier messages, until a crash undid that. */
  #mayHaveJoined({ user, device, target, lastIndex }: Track): boolean {
    return this.#devices.joins(user, device, target).some((call) => call.ok === undefined && this.#run.lastEffect(call) > lastIndex);
  }

  #targets(): Target[] {
    return [...this.#run.scans.values()].map(({ target }) => target);
  }

  #checkDevice(user: string, device: string): void {
    for (const target of this.#targets()) {
      const since = this.#belongsSince(user, device, target);
      if (since === NEVER) continue;
      const track = this.#devices.track(user, device, target);
      for (const message of this.#messages.of(target)) {
        if (this.#messages.storedFrom(message) < since || this.#messages.isFor(message, { user }) !== "yes" || this.#has(track, message))
          continue;
        this.#report.add("missed", `${track} never got ${message}, and was not told why`, since, this.#messages.storedFrom(message));
      }
    }
  }

  #has(track: Track, { sequence }: RoomMessage): boolean {
    return track.times.has(sequence) || track.gaps.ever(sequence);
  }

  /** The index from which on the device surely gets what is emitted; Infinity when that cannot be told. */
  #belongsSince(user: string, device: string, target: Target): number {
    const members = target.room === undefined ? this.#inboxSince(user, target) : this.#memberSince(user, target);
    let since = NEVER;
    for (const { call, end } of this.#sessions.get(user)?.get(device) ?? []) {
      const here = Math.max(members, call.doneIndex);
      if (call.ok !== undefined && here < end) since = Math.min(since, here);
    }
    return since;
  }

  #memberSince(user: string, target: Target): number {
    const added = this.#members.additions(target, { user });
    const kept = added.find(({ from }) => !this.#members.mayHaveLeft(target, { user }, from, this.#run.drained));
    return kept?.to ?? NEVER;
  }

  /** An inbox is made by its first message. */
  #inboxSince(user: string, target: Target): number {
    if (target.user !== user) return NEVER;
    const done = this.#messages.of(target).map(({ receipt, firstSeen }) => Math.min(receipt?.doneIndex ?? NEVER, firstSeen));
    return Math.min(NEVER, ...done);
  }

  /** Some device of the user has what is for the user. */
  #checkUser(user: string, devices: readonly string[]): void {
    for (const target of this.#targets()) {
      const tracks = devices.map((device) => this.#devices.track(user, device, target));
      for (const message of this.#messages.of(target)) {
        const from = this.#messages.storedFrom(message);
        if (this.#messages.isFor(message, { user }) !== "yes" || this.#members.mayHaveLeft(target, { user }, from, this.#run.drained))
          continue;
        if (!tracks.some((track) => this.#has(track, message)))
          this.#report.add("missed", `${message} never came to ${user} in ${nameOfTarget(target)}, who was not told why`, from);
      }
    }
  }
}
