import { tell } from "../failure.js";
import type { MemberName } from "../room-history.js";
import { changeMember } from "../simulated-members.js";
import { chooseRoomSettings, FED_QUEUE, roomOptionsOf, USERS } from "../simulated-rooms.js";
import type { World } from "../world.js";
import type { Operation } from "./operation.js";

/** Sends a change of who is in a room. */
function sendMember(world: World, type: "member-add" | "member-remove", room: string, member: MemberName): void {
  const call = world.nextCall();
  world.record({ type, call, room, member });
  world.network.sendInLife(() => world.spawn(changeMember(world, type, call, room, member)));
}

/** A user, or the queue that rooms feed. */
const anyMember = ({ random, fed }: World): MemberName =>
  fed !== undefined && random.chance(0.2) ? { queue: FED_QUEUE } : { user: random.pick(USERS) };

const add: Operation = {
  name: "add a member",
  weight: 3,
  run(world) {
    const room = world.random.any(world.rooms);
    if (room === undefined) return false;
    sendMember(world, "member-add", room.name, anyMember(world));
    return true;
  },
};

const remove: Operation = {
  name: "remove a member",
  weight: 0.6,
  run(world) {
    const room = world.random.any(world.rooms);
    if (room === undefined) return false;
    sendMember(world, "member-remove", room.name, anyMember(world));
    return true;
  },
};

/** A room gets other options while it is used. */
const redefineRoom: Operation = {
  name: "redefine a room",
  weight: 0.2,
  run(world) {
    const { random, server } = world;
    const room = random.any(world.rooms);
    if (room === undefined || server.engine === undefined || !server.serves) return false;
    room.settings = chooseRoomSettings(random);
    world.record({ type: "define-room", room: room.name, options: room.settings });
    world.spawn(tell(server.engine.defineRoom({ namespace: "/", room: room.name }, roomOptionsOf(room.settings))));
    return true;
  },
};

/** Somebody looks at a room, its members, and what became of a message. */
const lookAtRoom: Operation = {
  name: "look at a room",
  weight: 0.5,
  run(world) {
    const { engine } = world.server;
    const room = world.random.any(world.rooms);
    if (engine === undefined || room === undefined) return false;
    const address = { namespace: "/", room: room.name };
    world.spawn(tell(engine.roomStats(address)));
    world.spawn(tell(engine.members(address, 0, world.random.between(1, 3))));
    world.spawn(tell(engine.ledger("/", { room: room.name }, { sequence: 1 + world.random.below(50) }, 0, 2)));
    return true;
  },
};

/** A room is made, used, removed and made again. */
const useBooth: Operation = {
  name: "use a room that comes and goes",
  weight: 6,
  run: (world) => world.rooms.length > 0 && world.booth.use(),
};

export const roomOperations = [add, remove, redefineRoom, lookAtRoom, useBooth];
