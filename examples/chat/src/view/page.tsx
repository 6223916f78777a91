import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Chat } from "../chat/chat.js";
import { currentIdentity, type Identity } from "../chat/identity.js";
import { ChatView } from "./chat-view.js";
import { SignIn } from "./sign-in.js";

/** Asks who sits here, then shows the chat. */
export function Page(): JSX.Element {
  const [identity, setIdentity] = useState<Identity | undefined>(currentIdentity);
  const [chat, setChat] = useState<Chat>();
  const [failure, setFailure] = useState<string>();
  useEffect(() => {
    if (identity === undefined) return;
    Chat.start(identity).then(setChat, (error: unknown) => setFailure(String(error)));
  }, [identity]);
  if (identity === undefined) return <SignIn onName={() => setIdentity(currentIdentity())} />;
  if (failure !== undefined) return <p class="failure">This browser cannot keep messages here: {failure}</p>;
  return chat === undefined ? <p class="visually-hidden">Loading</p> : <ChatView chat={chat} />;
}
