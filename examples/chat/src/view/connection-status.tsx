import type { JSX } from "preact";
import type { Chat } from "../chat/chat.js";

const TEXTS = {
  connecting: "Connecting",
  online: "Online",
  offline: "Offline, trying again",
  elsewhere: "Open in another tab",
} as const;

/** Whether the server is there; told to screen readers when it changes. */
export function ConnectionStatus({ chat }: { readonly chat: Chat }): JSX.Element {
  return (
    <div class={`connection ${chat.connection}`}>
      <p role="status">
        <span class="dot" aria-hidden="true" />
        {TEXTS[chat.connection]}
      </p>
      {chat.connection === "elsewhere" && (
        <button type="button" class="small" onClick={() => chat.takeOver()}>
          Use it here
        </button>
      )}
      {chat.warning !== undefined && <p class="faint">{chat.warning}</p>}
    </div>
  );
}
