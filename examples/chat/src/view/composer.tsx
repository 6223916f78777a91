import type { JSX } from "preact";
import { useRef } from "preact/hooks";
import type { Chat } from "../chat/chat.js";
import type { Conversation } from "../chat/conversation.js";
import { Send } from "./icons.js";

const CHARACTERS_MAX = 8_000;

/** Enter sends, with shift it makes a line. It is never locked: what cannot be sent now waits. */
export function Composer({ chat, conversation }: { readonly chat: Chat; readonly conversation: Conversation }): JSX.Element {
  const input = useRef<HTMLTextAreaElement>(null);
  const write = (): void => {
    const text = input.current?.value.trim() ?? "";
    if (input.current === null || text === "") return;
    input.current.value = "";
    conversation.draft = "";
    input.current.focus();
    void conversation.write(text);
  };
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        write();
      }}
    >
      <label class="visually-hidden" for="composer">
        Message to {conversation.name}
      </label>
      <textarea
        ref={input}
        id="composer"
        rows={1}
        maxLength={CHARACTERS_MAX}
        placeholder={`Message to ${conversation.name}`}
        enterkeyhint="send"
        defaultValue={conversation.draft}
        onInput={(event) => {
          conversation.draft = event.currentTarget.value;
          chat.typing();
        }}
        onKeyDown={(event) => {
          if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
          event.preventDefault();
          write();
        }}
      />
      <button type="submit" class="primary" aria-label="Send">
        <Send />
      </button>
    </form>
  );
}
