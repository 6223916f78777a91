import type { ErrorReply } from "holdfast-client/protocol";
import type { EngineEvents, QueueAddress } from "../../engine.js";
import type { RoomAddress } from "../../room-engine.js";
import type { RoomNews } from "../../room-watching.js";

/** Everything an engine told, in order. */
export class EventLog implements EngineEvents {
  readonly work: QueueAddress[] = [];
  readonly expired: { readonly consumer: number; readonly leases: readonly number[]; readonly inARow: number }[] = [];
  readonly capacity: number[] = [];
  readonly revoked: { readonly consumer: number; readonly leases: readonly number[] }[] = [];
  readonly detached: { readonly consumer: number; readonly reason: "deleted" | "engine-restarted" }[] = [];
  readonly removed: QueueAddress[] = [];
  readonly skipped: { readonly queue: string; readonly schedule: string; readonly error: ErrorReply }[] = [];
  readonly overtaken: { readonly room: string; readonly queue: string; readonly from: number; readonly to: number }[] = [];
  readonly roomWork: number[] = [];
  readonly sessionsEnded: { readonly session: number; readonly reason: "replaced" | "engine-restarted" }[] = [];
  readonly roomNews: RoomNews[] = [];
  readonly states: (Error | undefined)[] = [];

  onWork({ namespace, queue }: QueueAddress): void {
    this.work.push({ namespace, queue });
  }

  onExpired(consumer: number, leases: readonly number[], inARow: number): void {
    this.expired.push({ consumer, leases: [...leases], inARow });
  }

  onCapacity(consumer: number): void {
    this.capacity.push(consumer);
  }

  onRevoked(consumer: number, leases: readonly number[]): void {
    this.revoked.push({ consumer, leases: [...leases] });
  }

  onDetached(consumer: number, reason: "deleted" | "engine-restarted"): void {
    this.detached.push({ consumer, reason });
  }

  onRemoved({ namespace, queue }: QueueAddress): void {
    this.removed.push({ namespace, queue });
  }

  onSkipped({ queue }: QueueAddress, schedule: string, error: ErrorReply): void {
    this.skipped.push({ queue, schedule, error });
  }

  onOvertaken({ room }: RoomAddress, queue: string, from: number, to: number): void {
    this.overtaken.push({ room, queue, from, to });
  }

  onRoomWork(sessions: readonly number[]): void {
    this.roomWork.push(...sessions);
  }

  onRoomNews(news: readonly RoomNews[]): void {
    this.roomNews.push(...news);
  }

  onSessionEnded(session: number, reason: "replaced" | "engine-restarted"): void {
    this.sessionsEnded.push({ session, reason });
  }

  onState(error: Error | undefined): void {
    this.states.push(error);
  }

  /** Forgets what was told so far. */
  clear(): void {
    const lists = [this.work, this.expired, this.capacity, this.revoked, this.detached, this.removed, this.skipped, this.states];
    for (const list of [...lists, this.overtaken, this.roomWork, this.roomNews, this.sessionsEnded]) list.length = 0;
  }
}

/** Passes events on until `end`: an abandoned engine has nobody left to tell. */
export function eventsOfOneLife(target: EngineEvents): { readonly events: EngineEvents; end(): void } {
  let over = false;
  return {
    events: {
      onWork: (address) => over || target.onWork(address),
      onExpired: (consumer, leases, inARow) => over || target.onExpired(consumer, leases, inARow),
      onCapacity: (consumer) => over || target.onCapacity(consumer),
      onRevoked: (consumer, leases) => over || target.onRevoked(consumer, leases),
      onDetached: (consumer, reason) => over || target.onDetached(consumer, reason),
      onRemoved: (address) => over || target.onRemoved(address),
      onSkipped: (address, schedule, error) => over || target.onSkipped(address, schedule, error),
      onOvertaken: (room, queue, from, to) => over || target.onOvertaken(room, queue, from, to),
      onRoomWork: (sessions) => over || target.onRoomWork(sessions),
      onRoomNews: (news) => over || target.onRoomNews(news),
      onSessionEnded: (session, reason) => over || target.onSessionEnded(session, reason),
      onState: (error) => over || target.onState(error),
    },
    end: () => {
      over = true;
    },
  };
}
