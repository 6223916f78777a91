import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Chat } from "../chat/chat.js";
import { ConversationView } from "./conversation-view.js";
import { HelpDialog } from "./help-dialog.js";
import { RoomList } from "./room-list.js";
import { useChanges } from "./use-changes.js";
import { Welcome } from "./welcome.js";

/** The address says which room is open, so that back, reload and links work: `#/kitchen`. */
function roomInAddress(): string {
  try {
    return decodeURIComponent(location.hash.slice(2));
  } catch {
    return "";
  }
}

export function ChatView({ chat }: { readonly chat: Chat }): JSX.Element {
  useChanges(chat);
  const [isHelping, setHelping] = useState(false);
  useEffect(() => {
    const follow = (): void => void chat.open(roomInAddress());
    follow();
    // A room that another device joined appears some time after the page.
    const unobserve = chat.observe(() => {
      if (chat.opened === undefined) follow();
    });
    addEventListener("hashchange", follow);
    return () => {
      unobserve();
      removeEventListener("hashchange", follow);
    };
  }, [chat]);
  const { opened } = chat;
  // Somebody sent the address of a room that this user is not in.
  const invited = chat.others.find((name) => name === roomInAddress());
  useEffect(() => {
    const unread = chat.conversations.reduce((sum, each) => sum + each.unread, 0);
    document.title = `${unread > 0 ? `(${unread}) ` : ""}${opened === undefined ? "Holdfast chat" : `${opened.name} - Holdfast chat`}`;
  });
  return (
    <div class={`app${opened === undefined ? "" : " has-room"}${opened === undefined && invited === undefined ? "" : " has-main"}`}>
      <button type="button" class="skip" onClick={() => document.getElementById("content")?.focus()}>
        Skip to the messages
      </button>
      <RoomList chat={chat} onHelp={() => setHelping(true)} />
      {opened === undefined ? (
        <Welcome chat={chat} room={invited} />
      ) : (
        <ConversationView key={opened.name} chat={chat} conversation={opened} />
      )}
      {isHelping && <HelpDialog onClose={() => setHelping(false)} />}
    </div>
  );
}
