import { render } from "preact";
import { Page } from "./view/page.js";
import "./style/base.css";
import "./style/controls.css";
import "./style/rooms.css";
import "./style/conversation.css";
import "./style/messages.css";
import "./style/members.css";
import "./style/start.css";

const root = document.getElementById("page");
if (root !== null) render(<Page />, root);

// Where it cannot be had (no https, a private window), the chat works all the same, but not from a reload offline.
navigator.serviceWorker?.register("/sw.js").catch(() => undefined);
