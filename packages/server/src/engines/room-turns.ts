import type { Clock } from "../clock.js";
import type { Core } from "../core/core.js";
import type { EngineEvents } from "../engine.js";
import type { Store } from "../store.js";
import { takeAll } from "../take-all.js";
import { RoomReader } from "./room-reader.js";

/** The life whose rooms these are. */
export interface RoomsLife {
  readonly core: Core;
  readonly events: EngineEvents;
  readonly isOver: boolean;
  attempt<Result>(step: () => Result): Result;
  arm(): void;
  guard(read: Promise<void>): Promise<void>;
}

/** What the rooms of a life may ask for after every change: to feed queues, to read, to hint and to tell. */
export class RoomTurns {
  readonly #life: RoomsLife;
  readonly #clock: Clock;
  readonly #reader: RoomReader;
  /** Sessions are to be hinted at soon, and news to be told. */
  #isHinting = false;
  #isTelling = false;

  constructor(life: RoomsLife, store: Store, clock: Clock) {
    this.#life = life;
    this.#clock = clock;
    this.#reader = new RoomReader(store, life.core.rooms, (read) => void life.guard(read));
  }

  /** Queues may have room again for what is to be fed to them. */
  feed(): void {
    try {
      this.#life.attempt(() => this.#life.core.rooms.feed(this.#clock.now()));
    } catch {
      return; // The engine stopped and said why.
    }
    for (const { room, queue, from, to } of this.#life.core.rooms.takeOvertaken()) {
      const address = { namespace: room.namespace, room: room.name };
      this.#clock.soon(() => this.#life.isOver || this.#life.events.onOvertaken(address, queue, from, to));
    }
  }

  /** What devices and those who watch may ask for; it is enough after a step that concerns rooms alone. */
  look(): void {
    if (this.#life.core.rooms.deliveries.wanting.size > 0) this.#reader.pump();
    this.#life.arm();
    this.#hint();
    this.#tell();
  }

  #hint(): void {
    const { work } = this.#life.core.rooms.deliveries;
    if (work.size === 0 || this.#isHinting) return;
    this.#isHinting = true;
    queueMicrotask(() => {
      this.#isHinting = false;
      if (this.#life.isOver) return;
      const sessions = takeAll(work);
      if (sessions.length > 0) this.#life.events.onRoomWork(sessions);
    });
  }

  /** What watched rooms have news of is told together. */
  #tell(): void {
    const { news } = this.#life.core.rooms;
    if (news.isEmpty || this.#isTelling) return;
    this.#isTelling = true;
    queueMicrotask(() => {
      this.#isTelling = false;
      if (!this.#life.isOver) this.#life.events.onRoomNews(news.take());
    });
  }
}
