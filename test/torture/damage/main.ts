import { type Contents, contentsOf } from "./contents.js";
import { judgeDamaged, QUEUES } from "./judge.js";

/** What this process is asked: to read a store as it is before it is damaged, or to judge it afterwards. */
export type DamageQuestion = { readonly whole: string } | { readonly damaged: string };

let whole: Contents = { messages: new Map() };

async function answer(question: DamageQuestion): Promise<object> {
  if ("damaged" in question) return judgeDamaged(question.damaged, whole);
  const contents = await contentsOf(question.whole, QUEUES);
  if ("refused" in contents) throw new Error(`the store as it was does not open: ${contents.refused}`);
  whole = contents;
  return { outcome: "harmless" };
}

process.on("message", (question: DamageQuestion) => void answer(question).then((judgement) => process.send?.(judgement)));
