//! Messages of this user that are not in the log yet, below it: on their way, stored and about to come, or refused.

import { byId } from "./dom.js";
import { hasPlace, markPending, pendingRow } from "./rows.js";

/** @typedef {import("../sdk/index.js").StoaChat} StoaChat */
/** @typedef {import("../sdk/index.js").Room} Room */
/** @typedef {import("../sdk/protocol.js").RoomEvent} RoomEvent */
/** @typedef {{id: string, body: string, at: number, order: string, state: "sending" | "sent" | "failed", reason?: string}} Entry */

/** What to say about the refusals that users can meet. The server's own sentence stands for all others. */
const REASONS = /** @type {Record<string, string>} */ ({
  not_member: "You are not in this room any more.",
  too_large: "It is too long.",
});

/** The unconfirmed messages of the open room. */
export class Pending {
  #chat;
  #changed;
  #element = byId("pending");
  /** @type {Room | null} */
  #room = null;
  /** @type {Map<string, HTMLElement>} */
  #rows = new Map();
  /** Stored, but the event has not come: shown until it does, so that nothing blinks. @type {Map<string, Entry>} */
  #stored = new Map();
  #shown = false;
  /** @type {RoomEvent | undefined} */
  #previous = undefined;

  /**
   * @param {StoaChat} chat
   * @param {() => void} changed called after rows came or went
   */
  constructor(chat, changed) {
    this.#chat = chat;
    this.#changed = changed;
    chat.on("sent", (item) => {
      if (item.room !== this.#room?.name || item.seq <= this.#room.log.last) return;
      this.#stored.set(item.id, { ...item, state: "sent" });
    });
    chat.on("outbox", (room) => room === this.#room?.name && this.paint(this.#shown, this.#previous));
    this.#element.addEventListener("click", (event) => this.#clicked(event));
  }

  /** @returns {number} how many there are */
  get size() {
    return this.#rows.size;
  }

  /** @param {Room} room */
  open(room) {
    this.#room = room;
  }

  /** Shows none. */
  close() {
    this.#room = null;
    this.#rows.clear();
    this.#stored.clear();
    this.#element.replaceChildren();
    this.#shown = false;
  }

  /** @param {RoomEvent} event The log has it now. */
  arrived(event) {
    if (event.id !== undefined && event.from === this.#chat.user) this.#stored.delete(event.id);
  }

  /**
   * @param {boolean} shown whether the end of the log is in the window
   * @param {RoomEvent | undefined} previous the last shown entry of the log
   */
  paint(shown, previous) {
    this.#shown = shown;
    this.#previous = previous;
    const entries = this.#room && shown ? this.#entries(this.#room.name) : [];
    const wanted = new Set(entries.map((entry) => entry.id));
    for (const [id, row] of this.#rows) {
      if (wanted.has(id)) continue;
      row.remove();
      this.#rows.delete(id);
    }
    let before = previous;
    /** @type {HTMLElement | null} */
    let above = null;
    for (const entry of entries) {
      const event = { seq: 0, kind: "message", from: this.#chat.user, name: this.#chat.name, at: entry.at, id: entry.id, body: entry.body };
      const old = this.#rows.get(entry.id);
      const row = old && hasPlace(old, event, before) ? old : pendingRow(event, before, Date.now());
      if (row !== old) {
        old?.remove();
        if (above) above.after(row);
        else this.#element.prepend(row);
        this.#rows.set(entry.id, row);
      }
      markPending(row, entry.state, entry.reason);
      above = row;
      before = event;
    }
    this.#changed();
  }

  /**
   * @param {string} room
   * @returns {Entry[]}
   */
  #entries(room) {
    const waiting = this.#chat.outbox(room).map((item) => {
      const reason = item.error && (REASONS[item.error.code] ?? item.error.message);
      return { ...item, state: /** @type {Entry["state"]} */ (item.state === "failed" ? "failed" : "sending"), reason };
    });
    const inOrder = [...this.#stored.values(), ...waiting.filter(({ id }) => !this.#stored.has(id))];
    return inOrder.sort((a, b) => (a.order < b.order ? -1 : 1));
  }

  /** @param {MouseEvent} event */
  #clicked(event) {
    const button = event.target instanceof Element ? event.target.closest("button") : null;
    const id = /** @type {HTMLElement | null | undefined} */ (button?.closest(".row"))?.dataset.id;
    if (!id) return;
    if (button?.dataset.action === "retry") this.#chat.retry(id);
    if (button?.dataset.action === "delete") this.#chat.discard(id);
    byId("text").focus();
  }
}
