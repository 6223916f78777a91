import type { JSX } from "preact";
import type { Chat } from "../chat/chat.js";
import { Back, Logo } from "./icons.js";

interface Props {
  readonly chat: Chat;
  /** A room that the address names, and that this user is not in. */
  readonly room: string | undefined;
}

/** Before a room is open. On a phone the rooms have the screen then, unless the address names one. */
export function Welcome({ chat, room }: Props): JSX.Element {
  if (room !== undefined) return <Invitation chat={chat} room={room} />;
  return (
    <main class="welcome" id="content" tabIndex={-1}>
      <Logo />
      <h2>Hello {chat.user}</h2>
      <p>Open a room, and one more person: the link below the rooms does it in a second tab. Then try to lose a message.</p>
      <ul>
        <li>Close the tab of one of them, write from the other, open it again.</li>
        <li>Take the network away, write, reload the page, give the network back.</li>
        <li>
          Kill the server with <code>kill -9</code> while you both write, start it again.
        </li>
      </ul>
    </main>
  );
}

function Invitation({ chat, room }: { readonly chat: Chat; readonly room: string }): JSX.Element {
  return (
    <main class="welcome" id="content" tabIndex={-1}>
      <a href="#/" class="back" aria-label="Back to the rooms">
        <Back />
      </a>
      <Logo />
      <h2>{room}</h2>
      <p>You are not in this room. A member gets everything that is written from now on, and can read what was before.</p>
      <button type="button" class="primary" onClick={() => void chat.join(room).catch(() => undefined)}>
        Join {room}
      </button>
    </main>
  );
}
