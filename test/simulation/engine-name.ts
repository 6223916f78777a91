/** Between a name and which of that name it is, in a history. */
export const SEPARATOR = "#";

/** What the engine calls a queue, room or schedule of the history, where one that is made anew has a name of its own. */
export const engineName = (name: string): string => name.split(SEPARATOR)[0] ?? name;
