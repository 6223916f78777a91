import { engineName } from "./engine-name.js";
import { failureOf } from "./failure.js";
import type { MemberName } from "./room-history.js";
import type { World } from "./world.js";

/** Changes who is in a room, as a call that is in the history already. */
export async function changeMember(
  world: World,
  type: "member-add" | "member-remove",
  call: number,
  room: string,
  member: MemberName,
): Promise<void> {
  const { engine } = world.server;
  if (engine === undefined) return;
  const address = { namespace: "/", room: engineName(room) };
  try {
    const since = type === "member-add" ? await engine.addMember(address, member) : await engine.removeMember(address, member);
    world.network.answer(() => world.record({ type: "member-done", call, outcome: "ok", ...(since === undefined ? {} : { since }) }));
  } catch (error) {
    const code = failureOf(error);
    if (code !== undefined) world.record({ type: "member-done", call, outcome: "fail", code });
  }
}
