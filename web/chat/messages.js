//! The messages of the open room: a window of rows onto its log that follows the reader, in both directions, without ever
//! moving what is being read.

import { byId, setText } from "./dom.js";
import { eventRow, isShown } from "./rows.js";
import { Pending } from "./pending.js";
import { badge, counted } from "./text.js";

/** @typedef {import("../sdk/index.js").StoaChat} StoaChat */
/** @typedef {import("../sdk/index.js").Room} Room */
/** @typedef {import("../sdk/protocol.js").RoomEvent} RoomEvent */

/** Rows kept in the page. Beyond it, those farthest from the reader go, and come back from the log. */
const ROWS_MAX = 500;
/** Events loaded at a time. */
const PAGE_EVENTS = 60;
/** Distance from an edge, in pixels, at which more is loaded. */
const LOAD_PX = 800;
/** Distance from the bottom, in pixels, that still counts as being there. */
const BOTTOM_PX = 40;
/** With more unread messages than this, a room opens at the first of them instead of at the newest. */
const UNREAD_SHOWN_MAX = 50;

/** The view of the open room. */
export class MessageList {
  #chat;
  #log = byId("log");
  #rowsElement = byId("rows");
  #top = byId("log-top");
  #jump = byId("jump");
  #empty = byId("room-empty");
  #pending;
  /** @type {Room | null} */
  #room = null;
  /** @type {{event: RoomEvent, element: HTMLElement}[]} */
  #rows = [];
  /** The rows stand for the events from `#from` to `#to`, shown or not. */
  #from = 1;
  #to = 0;
  /** @type {RoomEvent[]} live events up to `#to` that get their rows in the next frame: one layout does for many */
  #waiting = [];
  #frame = 0;
  /** Grows with every change of room, so that answers for the former one are told. */
  #opened = 0;
  #stuck = true;
  #loadingOlder = false;
  #loadingNewer = false;
  #ready = false;
  #lostReason = "";
  /** @type {number | null} the last event before the "new messages" line */
  #dividerAfter = null;
  /** @type {number | null} the event that has it, once one does */
  #dividerSeq = null;

  /** @param {StoaChat} chat */
  constructor(chat) {
    this.#chat = chat;
    this.#pending = new Pending(chat, () => this.#stickToBottom());
    this.#log.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.#jump.addEventListener("click", () => {
      this.jumpToEnd();
      byId("text").focus();
    });
    const resized = new ResizeObserver(() => this.#stickToBottom());
    resized.observe(this.#log);
    resized.observe(byId("pending"));
    window.addEventListener("focus", () => this.#markRead());
    document.addEventListener("visibilitychange", () => {
      this.#flush();
      this.#markRead();
    });
    chat.on("event", ({ room, event }) => room === this.#room && this.#arrived(event));
    chat.on("restart", ({ room, reason }) => room === this.#room && void this.open(room, reason));
    chat.on("room", (room) => room === this.#room && this.#paintJump());
    chat.on("state", (state) => state.phase === "open" && this.#loadMore());
  }

  /** Whether the newest message is in view, in a window that has the user's attention. */
  get isReading() {
    return this.#stuck && this.#atEnd() && hasAttention();
  }

  /**
   * Shows a room, from the first unread message on if there are many, else its newest.
   * @param {Room} room
   * @param {string} [lostReason] why events before these cannot be had
   */
  async open(room, lostReason = "") {
    this.close();
    this.#room = room;
    this.#lostReason = lostReason;
    this.#dividerAfter = room.unread > 0 ? room.read : null;
    this.#pending.open(room);
    const opened = this.#opened;
    const around = room.unread > UNREAD_SHOWN_MAX;
    try {
      const events = around ? await this.#eventsAround(room) : await room.before(room.log.last + 1, PAGE_EVENTS);
      if (opened !== this.#opened) return;
      // What came while these were on their way was not for this view yet.
      if (!around) events.push(...room.log.after(events.at(-1)?.seq ?? room.log.last, ROWS_MAX));
      this.#from = events[0]?.seq ?? room.log.last + 1;
      this.#to = events.at(-1)?.seq ?? room.log.last;
      this.#append(events);
    } catch {
      if (opened !== this.#opened) return;
      this.#from = room.log.last + 1;
      this.#to = room.log.last;
    }
    this.#ready = true;
    this.#paintPending();
    this.#scrollToStart(around);
    this.#loadMore();
    this.#paint();
  }

  /** Shows nothing. */
  close() {
    this.#opened += 1;
    this.#room = null;
    this.#rows = [];
    this.#waiting = [];
    this.#rowsElement.replaceChildren();
    this.#pending.close();
    this.#stuck = true;
    this.#loadingOlder = this.#loadingNewer = this.#ready = false;
    this.#dividerAfter = this.#dividerSeq = null;
    this.#empty.hidden = true;
    this.#jump.hidden = true;
    setText(this.#top, "");
  }

  /** Goes to the newest message. */
  jumpToEnd() {
    if (!this.#room) return;
    if (!this.#atEnd()) {
      // What lies between counts as read: else the room would open at the first unread message again.
      this.#room.markRead(this.#room.log.last);
      void this.open(this.#room);
      return;
    }
    this.#stuck = true;
    this.#stickToBottom();
    this.#markRead();
    this.#paint();
  }

  /**
   * Scrolls by pages, for keys that are pressed in the message field.
   * @param {number} pages negative is up
   */
  scrollPages(pages) {
    this.#log.scrollBy({ top: pages * this.#log.clientHeight * 0.9 });
  }

  /** @param {Room} room */
  async #eventsAround(room) {
    const older = await room.before(room.read + 1, PAGE_EVENTS / 3);
    return [...older, ...(await room.after(room.read, PAGE_EVENTS))];
  }

  #atEnd() {
    return this.#ready && this.#room !== null && this.#to >= this.#room.log.last;
  }

  /** @param {RoomEvent} event the room's next one, live */
  #arrived(event) {
    const room = this.#room;
    if (!room || !this.#ready) return;
    this.#pending.arrived(event);
    const attached = this.#to === event.seq - 1;
    const wasReading = this.#stuck && attached && hasAttention();
    if (this.#isForeign(event) && room.unread === 1 && !wasReading) this.#moveDivider(event.seq - 1);
    // A full window stays with its reader; the end comes back when they scroll down.
    if (attached && (this.#stuck || this.#rows.length + this.#waiting.length < ROWS_MAX)) {
      this.#waiting.push(event);
      this.#to = event.seq;
    }
    this.#markRead();
    // A hidden page has no frames: its rows are made when it is seen again, or when there are too many of them.
    if (this.#waiting.length >= 2 * ROWS_MAX) this.#flush();
    if (this.#frame === 0) this.#frame = requestAnimationFrame(() => this.#flush());
  }

  /** Makes the rows of the events that wait for them. */
  #flush() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    if (!this.#room || !this.#ready) return;
    const events = this.#waiting;
    this.#waiting = [];
    if (events.length > ROWS_MAX) {
      // None of the old rows would be left: do not make those in between either.
      for (const { element } of this.#rows.splice(0)) element.remove();
      events.splice(0, events.length - ROWS_MAX);
      this.#from = events[0]?.seq ?? this.#from;
    }
    this.#append(events);
    if (this.#stuck) this.#dropRows("top");
    this.#paintPending();
    this.#stickToBottom();
    this.#paint();
  }

  /** @param {number} seq */
  #moveDivider(seq) {
    this.#flush();
    const index = this.#rows.findIndex((row) => row.event.seq === this.#dividerSeq);
    this.#dividerAfter = seq;
    this.#dividerSeq = null;
    if (index >= 0) this.#keepPosition(() => this.#repaintRow(index));
  }

  /** @param {RoomEvent[]} events after the last row */
  #append(events) {
    const fragment = document.createDocumentFragment();
    for (const event of events.filter(isShown)) {
      const element = this.#makeRow(event, this.#rows.at(-1)?.event);
      this.#rows.push({ event, element });
      fragment.append(element);
    }
    this.#rowsElement.append(fragment);
  }

  /** @param {RoomEvent[]} events before the first row */
  #prepend(events) {
    const oldDivider = this.#dividerSeq;
    const fragment = document.createDocumentFragment();
    const rows = /** @type {{event: RoomEvent, element: HTMLElement}[]} */ ([]);
    for (const event of events.filter(isShown)) {
      const element = this.#makeRow(event, rows.at(-1)?.event);
      rows.push({ event, element });
      fragment.append(element);
    }
    this.#rowsElement.prepend(fragment);
    this.#rows = [...rows, ...this.#rows];
    // What was the first row has somebody before it now: its name and day may be said already.
    if (rows.length > 0) this.#repaintRow(rows.length);
    if (oldDivider !== this.#dividerSeq) this.#repaintRow(this.#rows.findIndex((row) => row.event.seq === oldDivider));
  }

  /**
   * @param {RoomEvent} event
   * @param {RoomEvent | undefined} previous
   */
  #makeRow(event, previous) {
    const isNew = this.#dividerAfter !== null && event.seq > this.#dividerAfter && this.#isForeign(event);
    const divider = isNew && (this.#dividerSeq === null || event.seq <= this.#dividerSeq);
    if (divider) this.#dividerSeq = event.seq;
    return eventRow(event, { me: this.#chat.user, now: Date.now(), previous, divider });
  }

  /** @param {RoomEvent} event */
  #isForeign(event) {
    return event.kind === "message" && event.from !== this.#chat.user;
  }

  /** @param {number} index */
  #repaintRow(index) {
    const row = this.#rows[index];
    if (!row) return;
    const element = this.#makeRow(row.event, this.#rows[index - 1]?.event);
    row.element.replaceWith(element);
    row.element = element;
  }

  /** @param {"top" | "bottom"} edge Drops rows beyond the limit there. */
  #dropRows(edge) {
    const extra = this.#rows.length - ROWS_MAX;
    if (extra <= 0) return;
    const dropped = edge === "top" ? this.#rows.splice(0, extra) : this.#rows.splice(-extra);
    for (const { element } of dropped) element.remove();
    if (edge === "top") {
      this.#from = this.#rows[0]?.event.seq ?? this.#from;
      this.#repaintRow(0);
    } else {
      this.#to = this.#rows.at(-1)?.event.seq ?? this.#to;
    }
  }

  /** @param {() => void} change Makes a change above or below the reader without moving the row that they read. */
  #keepPosition(change) {
    const top = this.#log.getBoundingClientRect().top;
    const anchor = this.#rows.find(({ element }) => element.getBoundingClientRect().bottom > top + 1);
    // The lower edge is held: a row may lose its name or day line when another comes before it.
    const before = anchor?.element.getBoundingClientRect().bottom ?? 0;
    change();
    const after = anchor?.element.getBoundingClientRect().bottom ?? 0;
    if (after !== before) this.#log.scrollTop += after - before;
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.#log;
    this.#stuck = scrollHeight - scrollTop - clientHeight < BOTTOM_PX;
    this.#loadMore();
    this.#markRead();
    this.#paintJump();
  }

  #loadMore() {
    if (!this.#ready) return;
    const { scrollTop, scrollHeight, clientHeight } = this.#log;
    if (scrollTop < LOAD_PX) void this.#loadOlder();
    if (scrollHeight - scrollTop - clientHeight < LOAD_PX) void this.#loadNewer();
  }

  async #loadOlder() {
    const room = this.#room;
    if (!room || this.#loadingOlder || this.#from <= room.first || this.#from <= 1) return;
    const opened = this.#opened;
    this.#loadingOlder = true;
    this.#paint();
    try {
      const events = await room.before(this.#from, PAGE_EVENTS);
      if (opened !== this.#opened) return;
      this.#loadingOlder = false;
      this.#flush();
      this.#keepPosition(() => {
        this.#from = events[0]?.seq ?? room.first;
        this.#prepend(events);
        if (!this.#stuck) this.#dropRows("bottom");
      });
      this.#paintPending();
      this.#loadMore();
    } catch {
      // Offline: the next scroll, or the return of the connection, tries again.
      if (opened === this.#opened) this.#loadingOlder = false;
    }
    this.#stickToBottom();
    this.#paint();
  }

  async #loadNewer() {
    const room = this.#room;
    if (!room || this.#loadingNewer || this.#atEnd()) return;
    const opened = this.#opened;
    this.#loadingNewer = true;
    try {
      const events = await room.after(this.#to, PAGE_EVENTS);
      if (opened !== this.#opened) return;
      this.#loadingNewer = false;
      this.#flush();
      this.#stuck = false;
      this.#keepPosition(() => {
        this.#append(events);
        this.#to = events.at(-1)?.seq ?? this.#to;
        this.#dropRows("top");
      });
      this.#paintPending();
      if (events.length > 0) this.#scrolled();
    } catch {
      if (opened === this.#opened) this.#loadingNewer = false;
    }
    this.#paint();
  }

  /** @param {boolean} atDivider */
  #scrollToStart(atDivider) {
    const divider = this.#rowsElement.querySelector(".divider");
    this.#log.scrollTop = this.#log.scrollHeight;
    if (divider) {
      const gap = divider.getBoundingClientRect().top - this.#log.getBoundingClientRect().top;
      if (atDivider || gap < 0) this.#log.scrollTop += gap - this.#log.clientHeight / 4;
    }
    const { scrollTop, scrollHeight, clientHeight } = this.#log;
    this.#stuck = scrollHeight - scrollTop - clientHeight < BOTTOM_PX;
    this.#markRead();
  }

  #stickToBottom() {
    if (this.#stuck && this.#ready) this.#log.scrollTop = this.#log.scrollHeight;
  }

  #markRead() {
    if (this.#room && this.isReading) this.#room.markRead(this.#room.log.last);
  }

  #paintPending() {
    this.#pending.paint(this.#atEnd(), this.#rows.at(-1)?.event);
  }

  #paint() {
    const room = this.#room;
    if (!room) return;
    const atStart = this.#from <= room.first || this.#from <= 1;
    const lost = room.first > 1 || this.#lostReason === "retention";
    if (this.#loadingOlder) setText(this.#top, "Loading older messages…");
    else if (!atStart) setText(this.#top, "");
    else if (lost) setText(this.#top, "Older messages are no longer kept.");
    else setText(this.#top, `This is where ${room.name} begins.`);
    const spoken = this.#rows.some(({ event }) => event.kind === "message") || this.#pending.size > 0;
    this.#empty.hidden = !this.#ready || spoken || !atStart || !this.#atEnd();
    this.#paintJump();
  }

  #paintJump() {
    const room = this.#room;
    if (!room) return;
    this.#jump.hidden = !this.#ready || (this.#stuck && this.#atEnd());
    const text = room.unread > 0 ? `${badge(room.unread)} new` : "Newest";
    setText(byId("jump-text"), text);
    const label = room.unread > 0 ? `Jump to the newest, ${counted(room.unread, "new message", "new messages")}` : "Jump to the newest";
    this.#jump.setAttribute("aria-label", label);
  }

  /**
   * The user sent something: it must be in view.
   */
  sent() {
    if (!this.#atEnd()) return this.jumpToEnd();
    this.#stuck = true;
    this.#flush();
  }
}

function hasAttention() {
  return document.visibilityState === "visible" && document.hasFocus();
}
