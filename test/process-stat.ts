import { readFileSync } from "node:fs";

const NUMBERS = { parent: 1, userTicks: 11, systemTicks: 12, threads: 17 } as const;

export type ProcessStat = { readonly state: string } & { readonly [name in keyof typeof NUMBERS]: number };

/** What Linux tells of a process; undefined when it is not there, or not any more. */
export function statOf(pid: number): ProcessStat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return undefined;
  }
  // Behind the name, which may have anything in it.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const number = (name: keyof typeof NUMBERS): number => Number(fields[NUMBERS[name]]);
  const [userTicks, systemTicks] = [number("userTicks"), number("systemTicks")];
  return { state: fields[0] ?? "", parent: number("parent"), userTicks, systemTicks, threads: number("threads") };
}
