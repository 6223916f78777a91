import { basename, dirname } from "node:path";
import { type CallText, parseCall, textsOf } from "../../crash/strace-log.js";

/** What a server did to its directory, or sent to a client; names are of files in the directory. */
export type DiskCall = { readonly begun: number; readonly ended: number } & (
  | { readonly kind: "create"; readonly name: string; readonly truncates: boolean }
  | { readonly kind: "write"; readonly name: string; readonly bytes: Buffer; readonly at: number | undefined }
  | { readonly kind: "sync"; readonly name: string }
  | { readonly kind: "sync-directory" }
  | { readonly kind: "rename"; readonly name: string; readonly to: string }
  | { readonly kind: "unlink"; readonly name: string }
  | { readonly kind: "truncate"; readonly name: string; readonly length: number }
  | { readonly kind: "send"; readonly text: string }
);

/** A call, and the time in ms since 1970 at which it began. */
export interface TimedCall {
  readonly call: DiskCall;
  readonly atMs: number;
}

/** What the recorder asks `strace` for. */
export const RECORDED =
  "open,openat,creat,write,pwrite64,writev,pwritev,fdatasync,fsync,rename,renameat,renameat2,unlink,unlinkat,ftruncate,fallocate,sendmsg,sendto";

const SOCKET = /^(socket|TCP|UNIX)/;

/** What the log of a server has about its directory and its sockets, in the order of the ends of the calls. */
export async function* diskCallsOf(log: string, directory: string): AsyncGenerator<TimedCall> {
  for await (const text of textsOf(log)) {
    const call = diskCall(text, directory);
    if (call !== undefined) yield { call, atMs: text.at * 1_000 };
  }
}

function diskCall(text: CallText, directory: string): DiskCall | undefined {
  const name = text.text.slice(0, text.text.indexOf("("));
  const moment = { begun: text.begun, ended: text.ended };
  if (name.startsWith("open") || name === "creat") return opened(text.text, moment, directory);
  if (name.startsWith("rename") || name.startsWith("unlink")) return named(name, text.text, moment, directory);
  const call = parseCall(text);
  if (call === undefined) return undefined;
  if (SOCKET.test(call.file)) return { ...moment, kind: "send", text: call.bytes.subarray(0, call.result).toString("latin1") };
  if (call.file === directory) return name.endsWith("sync") ? { ...moment, kind: "sync-directory" } : undefined;
  if (dirname(call.file) !== directory || call.file.endsWith(" (deleted)")) return undefined;
  const file = basename(call.file);
  switch (name) {
    case "fdatasync":
    case "fsync":
      return { ...moment, kind: "sync", name: file };
    case "ftruncate":
      return { ...moment, kind: "truncate", name: file, length: Number(/, (\d+) *\) += /.exec(text.text)?.[1]) };
    case "write":
    case "writev":
      return { ...moment, kind: "write", name: file, bytes: call.bytes.subarray(0, call.result), at: undefined };
    case "pwrite64":
      return { ...moment, kind: "write", name: file, bytes: call.bytes.subarray(0, call.result), at: positionOf(text.text) };
    default:
      throw new Error(`the recorder does not know what ${name} does to ${file}`);
  }
}

const positionOf = (text: string): number => Number(/, (\d+) *\) += \d+$/.exec(text.slice(-60))?.[1]);

type At = Pick<DiskCall, "begun" | "ended">;

function opened(text: string, moment: At, directory: string): DiskCall | undefined {
  const [, path = "", flags = ""] = /"([^"]*)", ([A-Z_|]+)/.exec(text) ?? [];
  if (!flags.includes("O_CREAT") || dirname(path) !== directory || / = -1 /.test(text)) return undefined;
  return { ...moment, kind: "create", name: basename(path), truncates: flags.includes("O_TRUNC") };
}

function named(call: string, text: string, moment: At, directory: string): DiskCall | undefined {
  const [from = "", to = ""] = Array.from(text.matchAll(/"([^"]*)"/g), ([, path]) => path);
  if (!/ = 0$/.test(text) || dirname(from) !== directory) return undefined;
  if (call.startsWith("rename")) return { ...moment, kind: "rename", name: basename(from), to: basename(to) };
  return { ...moment, kind: "unlink", name: basename(from) };
}
