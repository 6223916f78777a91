import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Chat } from "../chat/chat.js";
import type { Conversation } from "../chat/conversation.js";
import { Avatar } from "./avatar.js";
import { Close } from "./icons.js";

interface Props {
  readonly chat: Chat;
  readonly conversation: Conversation;
  readonly isShown: boolean;
  readonly onClose: () => void;
}

/** How many, and how many of them are here, as far as that is known. */
export function membersText({ connection }: Chat, { people: { list } }: Conversation): string {
  if (list.length === 0) return "Members";
  const members = list.length === 1 ? "1 member" : `${list.length} members`;
  return connection === "online" ? `${members}, ${list.filter(({ online }) => online).length} online` : members;
}

/** A column where there is space, else a sheet over the messages. */
export function PeoplePanel({ chat, conversation, isShown, onClose }: Props): JSX.Element {
  const close = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (isShown) close.current?.focus();
  }, [isShown]);
  const people = [...conversation.people.list].sort((a, b) => Number(b.online) - Number(a.online) || a.user.localeCompare(b.user));
  return (
    <aside
      id="people"
      class={isShown ? "people shown" : "people"}
      aria-label="Members"
      onKeyDown={(event) => {
        if (event.key === "Escape") onClose();
      }}
    >
      <header>
        <h2>{membersText(chat, conversation)}</h2>
        <button ref={close} type="button" class="quiet" aria-label="Close members" onClick={onClose}>
          <Close />
        </button>
      </header>
      <ul>
        {people.map(({ user, online }) => (
          <li key={user} class={online && chat.connection === "online" ? "online" : "away"}>
            <Avatar user={user} />
            <span class="name">{user === chat.user ? `${user} (you)` : user}</span>
            {chat.connection === "online" && <span class="faint">{online ? "online" : "away"}</span>}
          </li>
        ))}
      </ul>
      <button type="button" class="link danger" onClick={() => void leave(chat, conversation)}>
        Leave {conversation.name}
      </button>
    </aside>
  );
}

async function leave(chat: Chat, conversation: Conversation): Promise<void> {
  if (!confirm(`Leave ${conversation.name}? Its messages are deleted from this browser, and you get no more of them.`)) return;
  location.hash = "#/";
  await chat.leave(conversation);
}
