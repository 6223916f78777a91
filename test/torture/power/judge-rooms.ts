import type { Engine } from "../../../packages/server/src/engine.js";
import { readShared } from "../../../packages/server/src/read-message.js";
import type { RoomLedger } from "../../../packages/server/src/room-engine.js";
import { type CrashMoment, NAMESPACE, PAGE, SLACK_MS } from "./crash-moment.js";
import type { RoomMessageLife, RoomPromises } from "./room-promises.js";

/** Where a message was found: its sequence in each room that has it. */
type Places = Map<string, number>;

/** Compares what rooms have after a crash with what must be kept; gives what is wrong, each a line: P1 to P3, S1, S3, C1. */
export async function judgeRooms(engine: Engine, promises: RoomPromises, moment: CrashMoment): Promise<string[]> {
  const wrong: string[] = [];
  const places = new Map<string, Places>();
  const { items: rooms } = await engine.listRooms(NAMESPACE, undefined, PAGE);
  for (const [room, members] of promises.members) {
    const isMade = [...members.values()].some((ms) => ms + SLACK_MS < moment.atMs);
    if (!isMade) continue;
    if (rooms.includes(room)) wrong.push(...(await lookAt(engine, room, promises, moment, places)));
    else wrong.push(`lost: ${room} had members, and is gone`);
  }
  for (const life of promises.lives.values()) wrong.push(...judgeLife(life, places.get(life.id), moment));
  return wrong;
}

async function lookAt(
  engine: Engine,
  room: string,
  promises: RoomPromises,
  moment: CrashMoment,
  places: Map<string, Places>,
): Promise<string[]> {
  const address = { namespace: NAMESPACE, room };
  const { published, expired, head, next, messages } = await engine.roomStats(address);
  const wrong: string[] = [];
  if (head !== 1 || expired !== 0 || published !== next - 1 || messages !== next - 1)
    wrong.push(`counts: ${room} counts ${published} published, ${messages} there and ${expired} expired, from ${head} to ${next - 1}`);
  const { items } = await engine.members(address, 0, PAGE);
  for (const [user, ms] of promises.members.get(room) ?? [])
    if (ms + SLACK_MS < moment.atMs && !items.some(({ member }) => member.user === user))
      wrong.push(`lost: ${user} is no member of ${room} any more`);
  for (let sequence = 1; sequence < next; sequence++) {
    const ledger = await engine.ledger(NAMESPACE, { room }, { sequence }, 0, PAGE);
    if (ledger.record === undefined) {
      wrong.push(`lost: ${room} has no message ${sequence}`);
      continue;
    }
    const { id, body, key } = readShared(ledger.record).content;
    const found: Places = places.get(id) ?? new Map();
    places.set(id, found);
    if (found.has(room)) wrong.push(`two places: ${room} has ${id} as ${found.get(room)} and as ${sequence}`);
    found.set(room, sequence);
    const life = promises.lives.get(id);
    if (life === undefined || life.emittedMs > moment.atMs + SLACK_MS) wrong.push(`unexpected: ${room} ${id} was not emitted`);
    else if (JSON.stringify(body) !== JSON.stringify([life.body]) || key !== life.key)
      wrong.push(`altered: ${room} ${id} is not what was emitted`);
    else wrong.push(...judgeLedger(room, ledger, life, promises, moment));
  }
  return wrong;
}

/** Who was a member before it was emitted is in its ledger, unless excepted or served through an earlier one of its rooms; as served only who acknowledged it. */
function judgeLedger(
  room: string,
  { sequence, delivered, pending, failed }: RoomLedger,
  { id, rooms, except, emittedMs }: RoomMessageLife,
  promises: RoomPromises,
  { atMs }: CrashMoment,
): string[] {
  const wrong: string[] = [];
  const wereIn = (one: string, user: string): boolean => (promises.members.get(one)?.get(user) ?? Number.POSITIVE_INFINITY) < emittedMs;
  for (const [user] of promises.members.get(room) ?? []) {
    const listed = [delivered, pending, failed].filter((users) => users.includes(user)).length;
    const isServedElsewhere = rooms.slice(0, rooms.indexOf(room)).some((one) => wereIn(one, user));
    const isFor = wereIn(room, user) && !except.includes(user) && !isServedElsewhere;
    if (listed !== (isFor ? 1 : 0)) wrong.push(`ledger: ${room} ${id} lists ${user} ${listed} times, expected ${isFor ? 1 : 0}`);
    if (delivered.includes(user) && promises.ackedMs(room, sequence, user) > atMs + SLACK_MS)
      wrong.push(`skipped: ${room} ${id} counts as delivered to ${user}, who did not acknowledge it`);
  }
  return wrong;
}

function judgeLife({ id, rooms, sequences, sentLine }: RoomMessageLife, found: Places | undefined, { line }: CrashMoment): string[] {
  const there = rooms.filter((room) => found?.has(room));
  if (there.length > 0 && there.length < rooms.length)
    return [`torn: ${id} is in ${there.join(", ")}, and was emitted to ${rooms.join(", ")}`];
  if (there.length === 0)
    return sentLine < line ? [`lost: ${id} was confirmed in line ${sentLine}, and is in none of ${rooms.join(", ")}`] : [];
  return rooms.flatMap((room, index) => {
    const told = sequences?.[index];
    return told === undefined || told === found?.get(room)
      ? []
      : [`moved: ${room} ${id} has sequence ${found?.get(room)}, and was told to have ${told}`];
  });
}
