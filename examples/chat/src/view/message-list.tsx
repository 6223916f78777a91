import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import type { Chat } from "../chat/chat.js";
import type { Conversation } from "../chat/conversation.js";
import { rowsOf } from "./rows.js";
import { RowView } from "./row-view.js";

/** How close to the end somebody is who wants to see what comes. */
const END_PIXELS = 80;

const isEndInView = (element: HTMLElement): boolean => element.scrollHeight - element.scrollTop - element.clientHeight < END_PIXELS;

interface Props {
  readonly chat: Chat;
  readonly conversation: Conversation;
}

/** The messages. The end stays in view while somebody is there, and whoever reads further up stays where they are. */
export function MessageList({ chat, conversation }: Props): JSX.Element {
  const scroller = useRef<HTMLElement>(null);
  const place = useRef({ isPlaced: false, isAtEnd: true, first: 0, height: 0 });
  const { entries, waiting } = conversation;
  const first = entries[0]?.sequence ?? 0;

  useLayoutEffect(() => {
    const element = scroller.current;
    if (element === null) return;
    const { isPlaced, isAtEnd, first: before, height } = place.current;
    if (!isPlaced && !conversation.isLoading) {
      // Whoever comes back begins with what is new, and else at the end.
      place.current.isPlaced = true;
      const mark = element.querySelector<HTMLElement>(".divider.new");
      element.scrollTop = mark === null ? element.scrollHeight : mark.offsetTop - END_PIXELS;
      place.current.isAtEnd = isEndInView(element);
    } else if (isAtEnd) element.scrollTop = element.scrollHeight;
    // Older ones came above: what was in view stays there.
    else if (first < before) element.scrollTop += element.scrollHeight - height;
    if (place.current.isAtEnd) conversation.trim();
    place.current.first = first;
    place.current.height = element.scrollHeight;
  });

  useEffect(() => {
    const element = scroller.current;
    if (element === null) return;
    // A keyboard that comes up on a phone takes the space of the messages.
    const observer = new ResizeObserver(() => {
      if (place.current.isAtEnd) element.scrollTop = element.scrollHeight;
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  // Whoever writes wants to see it.
  const written = useRef(waiting.length);
  if (waiting.length > written.current) place.current.isAtEnd = true;
  written.current = waiting.length;

  const onScroll = (): void => {
    const element = scroller.current;
    if (element === null) return;
    place.current.isAtEnd = isEndInView(element);
    if (element.scrollTop < END_PIXELS) void conversation.loadOlder();
  };

  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a part of the page that scrolls has to be reached by the keyboard.
    <section ref={scroller} class="messages" id="content" tabIndex={0} aria-label="Messages" onScroll={onScroll}>
      <Beginning chat={chat} conversation={conversation} />
      <ol>
        {rowsOf(conversation, chat.user).map((row) => (
          <RowView key={row.key} row={row} conversation={conversation} />
        ))}
      </ol>
    </section>
  );
}

function Beginning({ chat, conversation }: Props): JSX.Element {
  if (conversation.isAtBeginning) return <p class="beginning">This is the beginning of {conversation.name}.</p>;
  if (!conversation.isLoading) {
    return (
      <button type="button" class="small earlier" onClick={() => void conversation.loadOlder()}>
        Earlier messages
      </button>
    );
  }
  return (
    <p class="beginning">{chat.connection === "online" ? "Loading earlier messages" : "Earlier messages come when the server is back"}</p>
  );
}
