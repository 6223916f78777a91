import type { JSX, TargetedSubmitEvent } from "preact";
import { useState } from "preact/hooks";
import type { Chat } from "../chat/chat.js";
import type { Conversation } from "../chat/conversation.js";
import { forgetUser } from "../chat/identity.js";
import { Avatar } from "./avatar.js";
import { ConnectionStatus } from "./connection-status.js";
import { Help, Logo, Plus } from "./icons.js";

export function RoomList({ chat, onHelp }: { readonly chat: Chat; readonly onHelp: () => void }): JSX.Element {
  const signOut = async (): Promise<void> => {
    await chat.end();
    forgetUser();
    location.assign(location.pathname + location.search);
  };
  return (
    <div class="sidebar">
      <header class="sidebar-head">
        <Logo />
        <h1>Holdfast chat</h1>
        <button type="button" class="quiet" onClick={onHelp} aria-label="How it works" title="How it works">
          <Help />
        </button>
      </header>
      <nav aria-label="Rooms">
        <ConnectionStatus chat={chat} />
        <NewRoom chat={chat} />
        <h2>Your rooms</h2>
        {chat.conversations.length === 0 && <p class="faint hint">None yet. Make one, or join one below.</p>}
        <ul class="rooms">
          {chat.conversations.map((conversation) => (
            <RoomLink key={conversation.name} conversation={conversation} isOpen={conversation === chat.opened} />
          ))}
        </ul>
        {chat.others.length > 0 && <h2>Other rooms</h2>}
        <ul class="rooms">
          {chat.others.map((name) => (
            <OtherRoom key={name} chat={chat} name={name} />
          ))}
        </ul>
      </nav>
      <footer class="sidebar-foot">
        <Avatar user={chat.user} />
        <span class="name" title={chat.user}>
          {chat.user}
        </span>
        <span class="foot-links">
          <a href="/?guest" target="_blank" rel="noopener" title="A second person, in a tab of its own">
            Second person
          </a>
          <button type="button" class="link" onClick={() => void signOut()}>
            Sign out
          </button>
        </span>
      </footer>
    </div>
  );
}

function RoomLink({ conversation, isOpen }: { readonly conversation: Conversation; readonly isOpen: boolean }): JSX.Element {
  const { name, unread, waiting } = conversation;
  const last = conversation.entries.at(-1);
  return (
    <li>
      <a href={`#/${encodeURIComponent(name)}`} aria-current={isOpen ? "page" : undefined}>
        <span class="room-name">{name}</span>
        {waiting.length > 0 && <span class="faint">{waiting.length} waiting</span>}
        {unread > 0 && (
          <span class="badge">
            {unread > 999 ? "999+" : unread}
            <span class="visually-hidden"> unread</span>
          </span>
        )}
        {last?.kind === "message" && (
          <span class="preview">
            {last.sender}: {last.text.slice(0, 80)}
          </span>
        )}
      </a>
    </li>
  );
}

function OtherRoom({ chat, name }: { readonly chat: Chat; readonly name: string }): JSX.Element {
  return (
    <li class="other">
      <span class="room-name">{name}</span>
      <button type="button" class="small" onClick={() => void join(chat, name)}>
        Join<span class="visually-hidden"> {name}</span>
      </button>
    </li>
  );
}

/** Resolves to why it was not joined. */
async function join(chat: Chat, name: string): Promise<string | undefined> {
  try {
    await chat.join(name);
    location.hash = `#/${encodeURIComponent(name)}`;
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function NewRoom({ chat }: { readonly chat: Chat }): JSX.Element {
  const [failure, setFailure] = useState<string>();
  const onSubmit = async (event: TargetedSubmitEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault();
    const form = event.currentTarget;
    // Names of rooms have no spaces.
    const name = String(new FormData(form).get("room")).trim().replace(/\s+/g, "-");
    if (name === "") return;
    const why = await join(chat, name);
    setFailure(why);
    if (why === undefined) form.reset();
  };
  return (
    <form class="new-room" onSubmit={(event) => void onSubmit(event)}>
      <label class="visually-hidden" for="new-room">
        Make or join a room
      </label>
      <input
        id="new-room"
        name="room"
        required
        maxLength={60}
        placeholder="Make or join a room"
        autoComplete="off"
        autoCapitalize="off"
        pattern="[A-Za-z0-9._: \-]+"
        title="Letters, digits, and . _ : -"
        aria-describedby={failure === undefined ? undefined : "new-room-failure"}
      />
      <button type="submit" class="small" aria-label="Make or join">
        <Plus />
      </button>
      {failure !== undefined && (
        <p id="new-room-failure" class="failure" role="alert">
          {failure}
        </p>
      )}
    </form>
  );
}
