//! The list of rooms: names, the newest message of each, who is there, what is unread; and this user's own corner.

import { byId, make, paintAvatar, setText } from "./dom.js";
import { badge, counted, shortTime } from "./text.js";

/** @typedef {import("../sdk/index.js").StoaChat} StoaChat */
/** @typedef {import("../sdk/index.js").Room} Room */

/** Rooms whose newest message is fetched for the list. For the others it shows up when something is said there. */
const PREVIEWS_MAX = 60;
/** Previews fetched at the same time. */
const PREVIEWS_AT_ONCE = 4;
/** Events looked through for a message to preview. */
const PREVIEW_EVENTS = 20;
/** Characters of a preview: more cannot be seen. */
const PREVIEW_CHARS = 120;

/** The list of rooms. */
export class Sidebar {
  #chat;
  #list = byId("rooms");
  /** @type {Map<string, HTMLElement>} */
  #items = new Map();
  /** @type {Set<string>} rooms whose preview was asked for */
  #asked = new Set();
  /** @type {Set<string>} rooms whose newest events have been looked through */
  #looked = new Set();
  #asking = 0;
  #current = "";

  /**
   * @param {StoaChat} chat
   * @param {(room: string) => void} choose the user chose a room
   */
  constructor(chat, choose) {
    this.#chat = chat;
    this.#list.addEventListener("click", (event) => {
      const item = event.target instanceof Element ? event.target.closest("button") : null;
      if (item?.dataset.room) choose(item.dataset.room);
    });
    chat.on("welcome", () => {
      byId("no-rooms").hidden = chat.rooms.length > 0;
      this.paintMe();
    });
    chat.on("state", () => this.paintMe());
    chat.on("rooms", () => this.#paintAll());
    chat.on("room", (room) => this.#paint(room));
  }

  /** @param {string} name the room that is shown, empty for none */
  setCurrent(name) {
    this.#current = name;
    for (const [room, item] of this.#items) item.querySelector("button")?.setAttribute("aria-current", room === name ? "page" : "false");
    this.#items.get(name)?.scrollIntoView({ block: "nearest" });
  }

  /** Puts the keyboard on the current room, or the first. */
  focus() {
    const item = this.#items.get(this.#current) ?? this.#items.values().next().value;
    item?.querySelector("button")?.focus();
  }

  /** Shows who the user is, and whether the connection is there. */
  paintMe() {
    const { name, user, state } = this.#chat;
    setText(byId("my-name"), name || "Guest");
    paintAvatar(byId("my-avatar"), user, name || "?");
    const words = { idle: "Not connected", connecting: "Connecting…", open: "Online", waiting: "Offline", stopped: "Disconnected" };
    setText(byId("my-state"), words[state.phase]);
    byId("my-state").dataset.phase = state.phase;
  }

  #paintAll() {
    const rooms = this.#chat.rooms;
    for (const [name, item] of this.#items) {
      if (this.#chat.room(name)) continue;
      item.remove();
      this.#items.delete(name);
      this.#asked.delete(name);
      this.#looked.delete(name);
    }
    /** @type {HTMLElement | null} */
    let above = null;
    for (const room of rooms) {
      let item = this.#items.get(room.name);
      if (!item) {
        item = this.#makeItem(room.name);
        this.#items.set(room.name, item);
        if (above) above.after(item);
        else this.#list.prepend(item);
      }
      above = item;
      this.#paint(room);
    }
    if (rooms.length > 0) byId("no-rooms").hidden = true;
    this.#askPreviews();
  }

  /** @param {string} name */
  #makeItem(name) {
    const button = make("button", { class: "room-item", type: "button", "aria-current": name === this.#current ? "page" : "false" });
    button.dataset.room = name;
    const first = make("span", { class: "room-line" });
    const parts = ["dot", "room-item-name", "sr-only online", "room-time"];
    first.append(...parts.map((part) => make("span", { class: part, text: part === "room-item-name" ? name : "" })));
    const second = make("span", { class: "room-line" }, make("span", { class: "room-preview" }), make("span", { class: "badge" }), make("span", { class: "sr-only unread" }));
    button.append(first, second);
    return make("li", {}, button);
  }

  /** @param {Room} room */
  #paint(room) {
    const button = this.#items.get(room.name)?.querySelector("button");
    if (!button) return;
    const part = (/** @type {string} */ name) => /** @type {HTMLElement} */ (button.querySelector(name));
    const message = room.log.lastMessage;
    const typing = room.typingNames[0];
    paintPreview(part(".room-preview"), {
      who: typing ?? (message ? (message.from === this.#chat.user ? "You" : message.name) : ""),
      what: typing ? " is typing…" : message ? (message.body ?? "").slice(0, PREVIEW_CHARS) : this.#looked.has(room.name) ? "Nothing said yet" : "",
      between: message && !typing ? ": " : "",
    });
    setText(part(".room-time"), message ? shortTime(message.at, Date.now()) : "");
    setText(part(".badge"), room.unread > 0 ? badge(room.unread) : "");
    const others = room.receiving ? Math.max(0, room.online - 1) : 0;
    part(".dot").classList.toggle("on", others > 0);
    const online = others > 0 ? `${counted(others, "other", "others")} online` : "";
    part(".dot").title = online;
    setText(part(".online"), online);
    setText(part(".unread"), room.unread === 0 ? "" : room.unread === 1 ? "unread message" : "unread messages");
  }

  /** Fetches newest messages for the list, a few at a time, so that hundreds of rooms do not make a burst. */
  #askPreviews() {
    for (const room of this.#chat.rooms.slice(0, PREVIEWS_MAX)) {
      if (this.#asking >= PREVIEWS_AT_ONCE) return;
      if (this.#asked.has(room.name)) continue;
      this.#asked.add(room.name);
      if (room.head === 0) this.#looked.add(room.name);
      if (room.log.lastMessage || room.head === 0) continue;
      this.#asking += 1;
      room
        .before(room.log.last + 1, PREVIEW_EVENTS)
        .then(() => void this.#looked.add(room.name))
        .catch(() => void this.#asked.delete(room.name))
        .finally(() => {
          this.#asking -= 1;
          this.#paint(room);
          if (this.#asked.has(room.name)) this.#askPreviews();
        });
    }
  }
}

/**
 * Names and texts are kept apart, so that one written from right to left does not turn the other around.
 * @param {HTMLElement} element
 * @param {{who: string, between: string, what: string}} preview
 */
function paintPreview(element, { who, between, what }) {
  if (element.textContent === `${who}${between}${what}`) return;
  element.replaceChildren(make("bdi", { text: who }), between, make("bdi", { text: what }));
}
