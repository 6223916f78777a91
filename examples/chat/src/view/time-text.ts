const DAY_MS = 86_400_000;

const time = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });

export const timeText = (at: number): string => time.format(at);

export function dayText(at: number): string {
  const text = new Date(at).toDateString();
  if (text === new Date().toDateString()) return "Today";
  if (text === new Date(Date.now() - DAY_MS).toDateString()) return "Yesterday";
  return day.format(at);
}
