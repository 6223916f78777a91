import { makeDirectory, removeDirectory } from "./directory.js";
import { describeMachine } from "./report.js";
import { benchCatchUp, benchReturn } from "./rooms/catching-up.js";
import { benchAway, benchFanOut, type RoomsBench } from "./rooms/fan-out.js";

const PARTS: readonly (readonly [name: string, run: (options: RoomsBench, path: string) => Promise<string>])[] = [
  ["fan-out", benchFanOut],
  ["catch-up", benchCatchUp],
  ["return", benchReturn],
  ["away", benchAway],
];

export const ROOM_PARTS: readonly string[] = PARTS.map(([name]) => name);

/** Durable rooms against Socket.IO's own: live, catching up, coming back all at once, and with most members away. */
export async function benchRooms(options: RoomsBench): Promise<void> {
  const { path, fileSystem } = makeDirectory(options.directory);
  try {
    const reports: string[] = [];
    for (const [name, run] of PARTS) if (options.parts.includes(name)) reports.push(await run(options, path));
    console.log([describeMachine(fileSystem), ...reports].join("\n\n"));
  } finally {
    removeDirectory(path);
  }
}
