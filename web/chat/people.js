//! Who is in the open room: the count in its head, and the panel with all members, beside the room or over it.

import { byId, make, paintAvatar, setText } from "./dom.js";
import { counted } from "./text.js";

/** @typedef {import("../sdk/index.js").StoaChat} StoaChat */
/** @typedef {import("../sdk/index.js").Room} Room */
/** @typedef {import("../sdk/protocol.js").Member} Member */

/** Members per page of the panel. */
const PAGE_MEMBERS = 100;
/** How long to collect comings and goings before the list is asked for again. */
const RELOAD_MS = 500;

/** The people of the open room. */
export class People {
  #chat;
  #panel = byId("people");
  #shade = byId("people-shade");
  #list = byId("people-list");
  #more = byId("people-more");
  #toggle = byId("toggle-people");
  #narrow = window.matchMedia("(max-width: 1099px)");
  /** @type {Room | null} */
  #room = null;
  /** @type {Member[]} */
  #members = [];
  #hasMore = false;
  #open = false;
  #asked = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #reload = undefined;

  /** @param {StoaChat} chat */
  constructor(chat) {
    this.#chat = chat;
    this.#toggle.addEventListener("click", () => this.toggle());
    byId("close-people").addEventListener("click", () => this.hide());
    this.#shade.addEventListener("click", () => this.hide());
    this.#more.addEventListener("click", () => void this.#load(this.#members.at(-1)?.user));
    chat.on("room", (room) => room === this.#room && this.#paint());
    chat.on("event", ({ room, event }) => {
      if (room === this.#room && event.kind !== "message") this.#loadSoon();
    });
    chat.on("welcome", () => this.#loadSoon());
    this.#narrow.addEventListener("change", () => this.#paintPanel());
  }

  /** @returns {boolean} whether the panel lies over the room, and Escape should close it */
  get covers() {
    return this.#open && this.#narrow.matches;
  }

  /** @param {Room | null} room */
  show(room) {
    this.#room = room;
    this.#members = [];
    this.#hasMore = false;
    this.#list.replaceChildren();
    if (this.#narrow.matches || !room) this.#open = false;
    this.#paintPanel();
    this.#paint();
    if (this.#open) void this.#load();
  }

  toggle() {
    if (this.#open) return this.hide();
    if (!this.#room) return;
    this.#open = true;
    this.#paintPanel();
    void this.#load();
    if (this.#narrow.matches) byId("close-people").focus();
  }

  hide() {
    if (!this.#open) return;
    this.#open = false;
    this.#paintPanel();
    this.#toggle.focus();
  }

  #paintPanel() {
    this.#panel.hidden = !this.#open;
    this.#shade.hidden = !this.covers;
    this.#toggle.setAttribute("aria-expanded", String(this.#open));
    byId("app").classList.toggle("with-people", this.#open);
    // What lies under the drawer must not be reached by Tab.
    for (const id of ["main", "sidebar"]) byId(id).inert = this.covers;
  }

  #loadSoon() {
    clearTimeout(this.#reload);
    this.#reload = setTimeout(() => this.#open && void this.#load(), RELOAD_MS);
  }

  /** @param {string} [after] go on after this user; without it, start again */
  async #load(after) {
    const room = this.#room;
    if (!room) return;
    this.#asked += 1;
    const asked = this.#asked;
    try {
      const page = await room.listMembers(after, PAGE_MEMBERS);
      if (asked !== this.#asked || room !== this.#room) return;
      this.#members = after ? [...this.#members, ...page.members] : page.members;
      this.#hasMore = page.more;
      this.#paint();
    } catch {
      // Offline: the list is asked for again after the next welcome.
    }
  }

  #paint() {
    const room = this.#room;
    if (!room) return;
    const count = room.members > 0 ? counted(room.members, "member", "members") : "";
    const online = room.receiving ? `${room.online.toLocaleString()} online` : "";
    setText(byId("room-count"), [count, online].filter(Boolean).join(" · ") || " ");
    this.#toggle.setAttribute("aria-label", `People: ${count}, ${online}`);
    if (this.#open) this.#paintList(room);
  }

  /** @param {Room} room */
  #paintList(room) {
    // Only if everyone online is known by name, a name that is missing means offline.
    const complete = room.users.size >= room.online;
    const people = this.#members.map((member) => {
      const now = room.users.get(member.user);
      return { ...member, name: now?.name ?? member.name, devices: now?.devices ?? (complete ? 0 : member.devices) };
    });
    people.sort((a, b) => Number(b.devices > 0) - Number(a.devices > 0) || a.name.localeCompare(b.name) || (a.user < b.user ? -1 : 1));
    this.#list.replaceChildren(...people.map((person) => this.#personItem(person)));
    this.#more.hidden = !this.#hasMore;
  }

  /** @param {Member} person */
  #personItem(person) {
    const avatar = make("span", { class: "avatar small", "aria-hidden": "true" });
    paintAvatar(avatar, person.user, person.name);
    const you = person.user === this.#chat.user ? " (you)" : "";
    const devices = person.devices > 1 ? `online on ${person.devices} devices` : person.devices === 1 ? "online" : "offline";
    const text = make("span", { class: "person-text" }, make("span", { class: "person-name" }, make("bdi", { text: person.name }), you), make("span", { class: "person-state", text: devices }));
    const item = make("li", { class: person.devices > 0 ? "person on" : "person" }, avatar, text);
    return item;
  }
}
