import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import type { Chat } from "../chat/chat.js";
import type { Conversation } from "../chat/conversation.js";
import { Composer } from "./composer.js";
import { Back, People as PeopleIcon } from "./icons.js";
import { MessageList } from "./message-list.js";
import { membersText, PeoplePanel } from "./people-panel.js";

interface Props {
  readonly chat: Chat;
  readonly conversation: Conversation;
}

export function ConversationView({ chat, conversation }: Props): JSX.Element {
  const [showsPeople, setShowsPeople] = useState(false);
  const peopleButton = useRef<HTMLButtonElement>(null);
  const closePeople = (): void => {
    setShowsPeople(false);
    peopleButton.current?.focus();
  };
  return (
    <>
      <main class="conversation" aria-label={`Room ${conversation.name}`}>
        <header class="conversation-head">
          <a href="#/" class="back" aria-label="Back to the rooms">
            <Back />
          </a>
          <h2>{conversation.name}</h2>
          <button
            ref={peopleButton}
            type="button"
            class="quiet people-button"
            aria-expanded={showsPeople}
            aria-controls="people"
            onClick={() => setShowsPeople(!showsPeople)}
          >
            <PeopleIcon />
            {membersText(chat, conversation)}
          </button>
        </header>
        <Banner chat={chat} />
        <MessageList chat={chat} conversation={conversation} />
        <Typing names={conversation.typists.names} />
        <Composer chat={chat} conversation={conversation} />
      </main>
      <PeoplePanel chat={chat} conversation={conversation} isShown={showsPeople} onClose={closePeople} />
      <Announcer conversation={conversation} />
    </>
  );
}

/** There at all times, so that a screen reader hears when it changes. */
function Banner({ chat }: { readonly chat: Chat }): JSX.Element {
  return (
    <div class="banner" role="status">
      {chat.connection === "offline" && "Offline. What you write waits here, and is sent when the server is back."}
      {chat.connection === "elsewhere" && (
        <>
          This chat is open in another tab.{" "}
          <button type="button" class="link" onClick={() => chat.takeOver()}>
            Use it here
          </button>
        </>
      )}
    </div>
  );
}

function Typing({ names }: { readonly names: readonly string[] }): JSX.Element {
  const text = names.length > 3 ? "Several people are typing" : `${names.join(", ")} ${names.length === 1 ? "is" : "are"} typing`;
  return (
    <p class="typing">
      {names.length > 0 && (
        <>
          <span class="dots" aria-hidden="true">
            <i />
            <i />
            <i />
          </span>
          {text}
        </>
      )}
    </p>
  );
}

/** Reads out what others write while the room is open, and nothing else: not old messages that are scrolled to. */
function Announcer({ conversation: { latest } }: { readonly conversation: Conversation }): JSX.Element {
  const [before] = useState(latest);
  return (
    <p class="visually-hidden" role="status">
      {latest !== undefined && latest !== before && `${latest.sender}: ${latest.text}`}
    </p>
  );
}
