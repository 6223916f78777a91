import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Check, Checks, Clock, Close } from "./icons.js";

export function HelpDialog({ onClose }: { readonly onClose: () => void }): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} class="help" aria-labelledby="help-title" onClose={onClose}>
      <header>
        <h2 id="help-title">How it works</h2>
        <button type="button" class="quiet" aria-label="Close" onClick={() => dialog.current?.close()}>
          <Close />
        </button>
      </header>
      <h3>What a message shows</h3>
      <dl>
        <dt>
          <Clock /> waiting
        </dt>
        <dd>It is on this device and not yet on the server. It survives a reload, and is sent when the server is there.</dd>
        <dt>
          <Check /> stored
        </dt>
        <dd>It is on the server's disk: it survives a crash and a power cut.</dd>
        <dt>
          <Checks /> 1 of 2
        </dt>
        <dd>A device of one of the two others in the room has it on its own disk.</dd>
        <dt>
          <span class="all">
            <Checks /> all
          </span>
        </dt>
        <dd>Everybody has it, on one device at least.</dd>
      </dl>
      <h3>What is kept, and what is not</h3>
      <p>
        Rooms are durable: who is away gets everything later, in order, each message once. Rooms keep messages for seven days; what was read
        here stays in this browser.
      </p>
      <p>
        That somebody is typing is not kept, on purpose: it is a plain Socket.IO event, sent at most once. A moment later nobody needs it.
      </p>
    </dialog>
  );
}
