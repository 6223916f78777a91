// The parcels, live. This page is a member of the vendors' rooms: closed for an hour, it gets what it missed when it is opened.
import { connect } from "holdfast-client";
import * as book from "./book.js";

const STORES = ["acme-widgets", "1-800-flowers"];
const STATES = { "in-transit": "in transit", delivered: "delivered" };
const SHOWN_MAX = 50; // parcels of a vendor
const byId = (id) => document.getElementById(id);

/** Shows the book: the latest parcels first, each in its last state. */
function show() {
  const parcels = new Map();
  for (const change of book.read()) parcels.set(change.orderId, change);
  for (const state of Object.keys(STATES))
    byId(state).textContent = [...parcels.values()].filter((parcel) => parcel.state === state).length;
  for (const list of document.querySelectorAll("[data-store]")) {
    const latest = [...parcels.values()].filter(({ store }) => store === list.dataset.store).slice(-SHOWN_MAX);
    const items = latest.reverse().map(item);
    // Those that are there already stay, so that a reader does not lose its place.
    for (const old of [...list.children]) if (!items.includes(old)) old.remove();
    for (const [at, element] of items.entries()) if (list.children[at] !== element) list.insertBefore(element, list.children[at] ?? null);
  }
}

function item({ orderId, customer, state, driver }) {
  const element = byId(orderId) ?? document.createElement("li");
  element.id = orderId;
  element.className = state;
  const [title, where, what] = ["strong", "small", "span"].map((name) => element.querySelector(name) ?? document.createElement(name));
  title.textContent = orderId;
  where.textContent = `to ${customer}, by ${driver}`;
  what.textContent = state === "delivered" ? "✓ delivered" : "→ in transit";
  if (element.childElementCount === 0) element.append(title, where, what);
  return element;
}

/** Connects; runs in one tab of this browser at a time, since a device is one connection. */
async function goLive() {
  const hub = connect(`${location.origin}/caps`, { auth: { user: "board", device: book.device() }, reconnectionDelayMax: 1_000 });
  const rooms = STORES.map((store) => hub.room(store));
  const say = (text, live) => {
    byId("connection").textContent = text;
    byId("connection").classList.toggle("live", live);
  };
  hub.socket.on("connect", () => say("live", true));
  hub.socket.on("disconnect", () => say("the hub is away; connecting again", false));

  // Nothing of a room is taken before its first handler is there, so the book can be made ready for it.
  const sequences = await Promise.all(rooms.map((room) => room.join({ from: "earliest" })));
  for (const [at, room] of rooms.entries()) {
    book.goOnFrom(room.name, sequences[at]);
    for (const state of Object.keys(STATES))
      room.on(state, ({ orderId, customer }, { sequence, headers }) => {
        const driver = headers?.driver ?? "somebody";
        book.add({ store: room.name, sequence, orderId, customer, state, driver });
        byId("news").textContent = `${orderId} is ${STATES[state]}`;
        show();
      }); // returns: acked
  }
  show();

  for (;;) {
    const counts = await hub
      .queue("pickup")
      .stats()
      .catch(() => undefined);
    if (counts !== undefined) byId("waiting").textContent = counts.ready;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
}

show();
book.onOtherTab(show);
byId("connection").textContent = "another tab is connected; this one shows what it hears";
navigator.locks.request("caps", goLive);
