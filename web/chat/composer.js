//! The field to write in: grows with the text, keeps a draft per room, says how long is too long.

import { byId, setText } from "./dom.js";
import { bytesOf } from "../sdk/index.js";

/** @typedef {import("../sdk/index.js").StoaChat} StoaChat */
/** @typedef {import("../sdk/index.js").Room} Room */

/** Share of the allowed length from which on the rest is counted. */
const WARN_SHARE = 0.9;

/** The message field of the open room. */
export class Composer {
  #chat;
  #sent;
  #text = /** @type {HTMLTextAreaElement} */ (byId("text"));
  #send = /** @type {HTMLButtonElement} */ (byId("send"));
  /** @type {Room | null} */
  #room = null;
  /** @type {Map<string, string>} */
  #drafts = new Map();

  /**
   * @param {StoaChat} chat
   * @param {() => void} sent called after a message was taken
   */
  constructor(chat, sent) {
    this.#chat = chat;
    this.#sent = sent;
    byId("composer").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#text.addEventListener("input", () => {
      if (this.#text.value.trim()) this.#room?.sayTyping();
      this.#paint();
    });
    this.#text.addEventListener("keydown", (event) => {
      // While an input method composes, Enter chooses a word.
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#submit();
    });
  }

  /** @param {Room | null} room the room that is written to now */
  open(room) {
    if (this.#room) this.#drafts.set(this.#room.name, this.#text.value);
    this.#room = room;
    this.#text.value = room ? (this.#drafts.get(room.name) ?? "") : "";
    this.#text.setAttribute("aria-label", room ? `Message to ${room.name}` : "Message");
    this.#paint();
  }

  /** Puts the keyboard into the field. */
  focus() {
    this.#text.focus({ preventScroll: true });
  }

  #submit() {
    const body = this.#text.value.trim();
    if (!this.#room || !body || !this.#chat.fits(body)) return;
    if (this.#room.send(body) === null) {
      setText(byId("composer-note"), "Too many messages wait to be sent. Go on when you are online again.");
      return;
    }
    this.#text.value = "";
    this.#paint();
    this.#sent();
    this.focus();
  }

  #paint() {
    const body = this.#text.value.trim();
    const max = this.#chat.limits.body_bytes_max;
    const bytes = bytesOf(body);
    this.#send.disabled = body === "" || bytes > max;
    const note = bytes > max ? `Too long by ${bytes - max} bytes.` : bytes > max * WARN_SHARE ? `${max - bytes} bytes left.` : "";
    setText(byId("composer-note"), note);
    this.#text.setAttribute("aria-invalid", String(bytes > max));
    // Measured from a collapsed field, so that it also shrinks.
    this.#text.style.height = "0";
    this.#text.style.height = `${this.#text.scrollHeight}px`;
  }
}
