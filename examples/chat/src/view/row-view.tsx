import type { JSX } from "preact";
import type { Conversation } from "../chat/conversation.js";
import type { Gap, Waiting } from "../chat/entry.js";
import { Avatar } from "./avatar.js";
import { Check, Checks, Clock, Warning } from "./icons.js";
import type { Fate, Row } from "./rows.js";
import { dayText, timeText } from "./time-text.js";

export function RowView({ row, conversation }: { readonly row: Row; readonly conversation: Conversation }): JSX.Element {
  switch (row.kind) {
    case "message":
      return <MessageView row={row} />;
    case "failed":
      return <FailedView waiting={row.waiting} conversation={conversation} />;
    case "gap":
      return <GapView gap={row.gap} />;
    case "day":
      return (
        <li class="divider">
          <span>{dayText(row.at)}</span>
        </li>
      );
    case "new":
      return (
        <li class="divider new">
          <span>New</span>
        </li>
      );
    default:
      return row satisfies never;
  }
}

/** The text is put in as text: whatever somebody writes, none of it becomes part of the page. */
function MessageView({ row }: { readonly row: Row & { readonly kind: "message" } }): JSX.Element {
  const { message, isOwn, isFirst, fate } = row;
  return (
    <li class={`message${isOwn ? " own" : " theirs"}${isFirst ? " first" : ""}${fate?.state === "waiting" ? " waiting" : ""}`}>
      {!isOwn && isFirst && <Avatar user={message.sender} />}
      <div class="bubble">
        <span class={isFirst && !isOwn ? "sender" : "visually-hidden"}>{isOwn ? "You" : message.sender}</span>
        <div class="line">
          <p class="text" dir="auto">
            {message.text}
          </p>
          <span class="about">
            <time dateTime={new Date(message.writtenAt).toISOString()}>{timeText(message.writtenAt)}</time>
            <FateView fate={fate} />
          </span>
        </div>
      </div>
    </li>
  );
}

function FateView({ fate }: { readonly fate: Fate }): JSX.Element | null {
  if (fate === undefined) return null;
  if (fate.state === "waiting") {
    return (
      <span class="fate" title="On this device: sent when the server is there">
        <Clock /> waiting
      </span>
    );
  }
  if (fate.state === "stored") {
    return (
      <span class="fate" title="On the server's disk">
        <Check /> stored
      </span>
    );
  }
  const { delivered, of } = fate.counts;
  return (
    <span class={delivered === of ? "fate all" : "fate"} title={`Delivered to ${delivered} of ${of}`}>
      <Checks /> <span class="visually-hidden">delivered to </span>
      {delivered === of ? "all" : `${delivered} of ${of}`}
    </span>
  );
}

function FailedView({ waiting, conversation }: { readonly waiting: Waiting; readonly conversation: Conversation }): JSX.Element {
  return (
    <li class="message own first failed">
      <div class="bubble">
        <p class="text" dir="auto">
          {waiting.text}
        </p>
        <p class="failure">
          <Warning /> Not sent: {waiting.failure}
        </p>
        <span class="about">
          <button type="button" class="link" onClick={() => void conversation.writeAgain(waiting)}>
            Send again
          </button>
          <button type="button" class="link" onClick={() => conversation.discard(waiting)}>
            Delete
          </button>
        </span>
      </div>
    </li>
  );
}

const REASONS: Readonly<Record<string, string>> = {
  retention: "the room does not keep them any more",
  expired: "their time was over",
  attempts: "this device did not take them",
};

function GapView({ gap: { from, sequence, reason } }: { readonly gap: Gap }): JSX.Element {
  const count = sequence - from + 1;
  return (
    <li class="divider">
      <span>
        {count === 1 ? "A message is" : `${count} messages are`} missing here: {REASONS[reason] ?? reason}
      </span>
    </li>
  );
}
