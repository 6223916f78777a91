import { nameOfTarget, type Target } from "../../simulation/room-history.js";
import type { HistoryLine } from "../history-file.js";

/** What clients know of one message that was emitted to rooms. */
export interface RoomMessageLife {
  readonly id: string;
  readonly rooms: readonly string[];
  /** Users. */
  readonly except: readonly string[];
  readonly body: string;
  readonly key: string | undefined;
  readonly emittedMs: number;
  /** When the server sent something about it for the first time: it is durable from there on. */
  sentLine: number;
  /** In each of its rooms, in that order. */
  sequences: readonly number[] | undefined;
}

const NEVER = Number.POSITIVE_INFINITY;

/** What the server must keep of durable rooms, by what it sent and what its clients asked for. */
export class RoomPromises {
  readonly lives = new Map<string, RoomMessageLife>();
  /** By room, the users who are its members, and when they surely were. */
  readonly members = new Map<string, Map<string, number>>();
  /** By room, sequence and user: when a device first acknowledged it. */
  readonly #acked = new Map<string, number>();

  /** @param msOf when a line was written, in ms since 1970 */
  constructor(lines: readonly HistoryLine[], msOf: (line: HistoryLine) => number) {
    const emitted = new Map<number, string>();
    const added = new Map<number, { readonly room: string; readonly user: string }>();
    const users = new Map<string, string>();
    for (const line of lines) {
      switch (line.type) {
        case "emit":
          emitted.set(line.call, line.id);
          if (!this.lives.has(line.id)) this.lives.set(line.id, newLife(line, msOf(line)));
          break;
        case "emit-done": {
          const life = this.lives.get(emitted.get(line.call) ?? "");
          if (life !== undefined && line.outcome === "ok") life.sequences ??= line.receipts.map(({ sequence }) => sequence);
          break;
        }
        case "member-add":
          if (line.member.user !== undefined) added.set(line.call, { room: line.room, user: line.member.user });
          break;
        case "member-done": {
          const { room, user } = added.get(line.call) ?? {};
          if (room !== undefined && user !== undefined && line.outcome === "ok") this.#add(room, user, msOf(line));
          break;
        }
        case "session":
          users.set(line.session, line.user);
          break;
        case "settle-heard":
          if (line.verb === "ack") this.#ack(line.target, line.first, users.get(line.session) ?? "", msOf(line));
          break;
      }
    }
  }

  /** When a device of the user first acknowledged the message; Infinity: never. */
  ackedMs(room: string, sequence: number, user: string): number {
    return this.#acked.get(nameOf({ room }, sequence, user)) ?? NEVER;
  }

  #add(room: string, user: string, ms: number): void {
    this.members.set(room, (this.members.get(room) ?? new Map<string, number>()).set(user, ms));
  }

  #ack(target: Target, sequence: number, user: string, ms: number): void {
    const name = nameOf(target, sequence, user);
    this.#acked.set(name, Math.min(ms, this.#acked.get(name) ?? NEVER));
  }
}

const nameOf = (target: Target, sequence: number, user: string): string => `${nameOfTarget(target)}/${sequence}/${user}`;

const newLife = ({ id, to, except, body, key }: Extract<HistoryLine, { readonly type: "emit" }>, emittedMs: number): RoomMessageLife => ({
  id,
  rooms: to.flatMap(({ room }) => room ?? []),
  except: except.flatMap(({ user }) => user ?? []),
  body,
  key,
  emittedMs,
  sentLine: NEVER,
  sequences: undefined,
});
