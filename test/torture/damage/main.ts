import { type Contents, contentsOf } from "./contents.js";
import { judgeDamaged, QUEUES } from "./judge.js";

/**
 * What this process is asked: to read a store as it is before it is damaged, to read it as it was one commit before, or to judge it
 * afterwards.
 */
export type DamageQuestion = { readonly whole: string } | { readonly unfinished: string } | { readonly damaged: string };

let whole: Contents = { messages: new Map() };
let unfinished: Contents | undefined;

async function answer(question: DamageQuestion): Promise<object> {
  if ("damaged" in question) return judgeDamaged(question.damaged, whole, unfinished);
  if ("unfinished" in question) unfinished = await read(question.unfinished);
  else whole = await read(question.whole);
  return { outcome: "harmless" };
}

async function read(directory: string): Promise<Contents> {
  const contents = await contentsOf(directory, QUEUES);
  if ("refused" in contents) throw new Error(`the store as it was does not open: ${contents.refused}`);
  return contents;
}

process.on("message", (question: DamageQuestion) => void answer(question).then((judgement) => process.send?.(judgement)));
