//! Tells people who listen to the page what came in, politely and not too much of it; and the title what is unread.

import { byId } from "./dom.js";
import { counted } from "./text.js";

/** @typedef {import("../sdk/index.js").StoaChat} StoaChat */

/** Messages are collected for this long: in a busy room the number is said instead of the words. */
const COLLECT_MS = 1_000;
/** Characters read out of one message. */
const SPOKEN_CHARS = 200;

/** The live region, and the document's title. */
export class Announcer {
  #chat;
  #current;
  /** @type {string[]} */
  #collected = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer = undefined;

  /**
   * @param {StoaChat} chat
   * @param {() => string} current the room that is shown, empty for none
   */
  constructor(chat, current) {
    this.#chat = chat;
    this.#current = current;
    chat.on("event", ({ room, event }) => {
      if (event.kind !== "message" || event.from === chat.user) return;
      const where = room.name === current() ? "" : ` in ${room.name}`;
      this.#collect(`${event.name}${where}: ${(event.body ?? "").slice(0, SPOKEN_CHARS)}`);
    });
    chat.on("room", () => this.paintTitle());
    chat.on("rooms", () => this.paintTitle());
  }

  /** @param {string} text something that happened, to be said now */
  say(text) {
    byId("announcer").textContent = text;
  }

  /** Shows the open room, and how many messages are unread in all rooms. */
  paintTitle() {
    const unread = this.#chat.rooms.reduce((sum, room) => sum + room.unread, 0);
    const room = this.#current();
    const title = `${unread > 0 ? `(${unread}) ` : ""}${room ? `${room} – ` : ""}Stoa`;
    if (document.title !== title) document.title = title;
  }

  /** @param {string} text */
  #collect(text) {
    this.#collected.push(text);
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      const [only] = this.#collected;
      this.say(this.#collected.length === 1 && only ? only : counted(this.#collected.length, "new message", "new messages"));
      this.#collected = [];
      this.#timer = undefined;
    }, COLLECT_MS);
  }
}
