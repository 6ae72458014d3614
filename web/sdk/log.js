//! What this client holds of one room's log: a stretch without holes that ends at the newest event that arrived.

/** @typedef {import("./protocol.js").RoomEvent} RoomEvent */

/** Events held per room. Older ones are dropped and come back by `history`. */
export const EVENTS_HELD_MAX = 1_000;
/** How far the stretch may outgrow that before it is cut, so that not every event moves the whole list. */
const CUT_SLACK = 200;

/** A room's newest events, dense by `seq`. */
export class RoomLog {
  /** @type {RoomEvent[]} */
  #events = [];
  #last;
  #restarts = 0;

  /** @param {number} last the event before the first one that will come */
  constructor(last) {
    this.#last = last;
  }

  /** @returns {number} the last event that was applied; 0 if none ever was. */
  get last() {
    return this.#last;
  }

  /** @returns {number} the oldest event held; `last` + 1 if none is. */
  get oldest() {
    return this.#events[0]?.seq ?? this.#last + 1;
  }

  /** @returns {number} grows when the log starts anew, so that an answer asked for before can be told. */
  get restarts() {
    return this.#restarts;
  }

  /** @returns {RoomEvent | undefined} the newest message held. */
  get lastMessage() {
    return this.#events.findLast((event) => event.kind === "message");
  }

  /**
   * Forgets everything: events start after `last` from now on.
   * @param {number} last
   */
  restart(last) {
    this.#events = [];
    this.#last = last;
    this.#restarts += 1;
  }

  /**
   * @param {RoomEvent} event the next one, as it came from the connection
   * @returns {"applied" | "duplicate" | "gap"} `gap`: something is missing before it, so it was not taken
   */
  apply(event) {
    if (event.seq <= this.#last) return "duplicate";
    if (event.seq !== this.#last + 1) return "gap";
    this.#events.push(event);
    this.#last = event.seq;
    if (this.#events.length > EVENTS_HELD_MAX + CUT_SLACK) this.#events.splice(0, this.#events.length - EVENTS_HELD_MAX);
    return "applied";
  }

  /**
   * Takes a page of history, if it joins on to what is held and there is room for it.
   * @param {RoomEvent[]} page ascending
   */
  prepend(page) {
    const fits = this.#events.length + page.length <= EVENTS_HELD_MAX;
    if (fits && page.at(-1)?.seq === this.oldest - 1) this.#events = [...page, ...this.#events];
  }

  /**
   * @param {number} seq
   * @param {number} limit
   * @returns {RoomEvent[]} the newest held events before `seq`, at most `limit`, ascending
   */
  before(seq, limit) {
    const end = Math.max(0, Math.min(this.#events.length, seq - this.oldest));
    return this.#events.slice(Math.max(0, end - limit), end);
  }

  /**
   * @param {number} seq
   * @param {number} limit
   * @returns {RoomEvent[]} the oldest held events after `seq`, at most `limit`, ascending; none if there is a hole between
   */
  after(seq, limit) {
    const start = seq + 1 - this.oldest;
    return start < 0 ? [] : this.#events.slice(start, start + limit);
  }
}
