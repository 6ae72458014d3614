//! Messages on their way: kept until the server says that they are stored, in order, across reconnects and reloads.
//!
//! Each message keeps its random `id` for life, so sending it again can never store it twice. Per room one message is
//! under way at a time: so the order holds even when the server refuses one and wants it again later.

/** @typedef {import("./platform.js").Platform} Platform */
/** @typedef {import("./protocol.js").ErrorMessage} ErrorMessage */

/** How long an `ack` may take before the message is sent again. */
export const ACK_MS_MAX = 10_000;
/** Messages that may wait. Beyond it `add` refuses: a person has not typed so many. */
export const OUTBOX_ITEMS_MAX = 500;

const KEY_PREFIX = "outbox:";

/**
 * @typedef {object} OutboxItem
 * @property {string} id
 * @property {string} room
 * @property {string} body
 * @property {string} user whose message it is; empty until the first `welcome` of a new guest
 * @property {number} at when it was written, milliseconds since 1970, by this machine's clock
 * @property {string} order sorts items in the order in which they were written
 * @property {"waiting" | "failed"} state `failed`: the server refused it for good, the user decides
 * @property {{code: string, message: string}} [error] why it failed
 */

/**
 * @typedef {object} OutboxHooks
 * @property {(item: OutboxItem) => boolean} transmit hands a message to the connection, if it is open
 * @property {(room: string) => void} onChange something about this room's waiting messages changed
 */

/** The messages of one user (and of the new guest that has no name yet) that are not acknowledged. */
export class Outbox {
  #platform;
  #hooks;
  /** @type {OutboxItem[]} in the order in which they were written */
  #items = [];
  /** @type {Map<string, {id: string, timer: unknown}>} by room: what was sent last, and waits for its answer */
  #underWay = new Map();
  /** @type {Map<string, unknown>} by room: a timer that ends a pause which the server asked for */
  #pauses = new Map();
  #online = false;
  #user = "";
  #written = 0;

  /**
   * @param {Platform} platform
   * @param {OutboxHooks} hooks
   */
  constructor(platform, hooks) {
    this.#platform = platform;
    this.#hooks = hooks;
    for (const key of platform.store.keys().filter((key) => key.startsWith(KEY_PREFIX)).sort()) {
      const item = parseItem(platform.store.get(key));
      if (item) this.#items.push(item);
    }
  }

  /**
   * @param {string} [room] only this room's
   * @returns {OutboxItem[]} of the current user, oldest first
   */
  items(room) {
    return this.#items.filter((item) => this.#mine(item) && (room === undefined || item.room === room));
  }

  /**
   * Takes a message and sends it as soon as that is possible.
   * @param {string} room
   * @param {string} body
   * @returns {OutboxItem | null} null if `OUTBOX_ITEMS_MAX` messages wait already
   */
  add(room, body) {
    if (this.#items.length >= OUTBOX_ITEMS_MAX) return null;
    const at = Date.now();
    this.#written += 1;
    const order = `${String(at).padStart(15, "0")}-${String(this.#written).padStart(6, "0")}`;
    /** @type {OutboxItem} */
    const item = { id: this.#platform.newId(), room, body, user: this.#user, at, order, state: "waiting" };
    this.#items.push(item);
    this.#save(item);
    this.#hooks.onChange(room);
    this.#pump(room);
    return item;
  }

  /**
   * Sends a failed message again. With its old id, so that it cannot be stored twice; only after `conflict`, which says
   * that the id is taken by another text, with a new one.
   * @param {string} id
   */
  retry(id) {
    const item = this.#items.find((item) => item.id === id && item.state === "failed");
    if (!item) return;
    if (item.error?.code === "conflict") {
      this.#forget(item);
      item.id = this.#platform.newId();
    }
    item.state = "waiting";
    delete item.error;
    this.#save(item);
    this.#hooks.onChange(item.room);
    this.#pump(item.room);
  }

  /**
   * @param {string} id
   * @returns {OutboxItem | undefined}
   */
  find(id) {
    return this.#items.find((item) => item.id === id);
  }

  /**
   * Lets go of a message: it is stored (its `ack` came, or the event itself), or the user does not want it any more. In
   * the second case it may be stored nevertheless, if it was under way.
   * @param {string} id
   */
  remove(id) {
    const item = this.find(id);
    if (!item) return;
    this.#items = this.#items.filter((other) => other !== item);
    this.#forget(item);
    this.#clearUnderWay(item.room, item.id);
    this.#hooks.onChange(item.room);
    this.#pump(item.room);
  }

  /**
   * After `welcome`: everything that waits is sent again, in order.
   * @param {string} user
   * @param {string} [formerGuest] a guest whose token is gone: the same person under a new id, so what waits is theirs
   */
  online(user, formerGuest) {
    this.#user = user;
    for (const item of this.#items) {
      if (item.user === "" || (formerGuest && item.user === formerGuest)) {
        item.user = user;
        this.#save(item);
      }
    }
    this.#online = true;
    for (const room of new Set(this.items().map((item) => item.room))) {
      this.#pump(room);
      this.#hooks.onChange(room);
    }
  }

  /** After a close: what was under way counts as not sent. */
  offline() {
    this.#online = false;
    const { clock } = this.#platform;
    for (const { timer } of this.#underWay.values()) clock.clearTimeout(timer);
    for (const timer of this.#pauses.values()) clock.clearTimeout(timer);
    this.#underWay.clear();
    this.#pauses.clear();
  }

  /**
   * An `error` with the id of a message.
   * @param {ErrorMessage} error
   * @returns {boolean} whether it was about one of these
   */
  refused(error) {
    const item = this.#items.find((item) => item.id === error.id);
    if (!item) return false;
    const { room } = item;
    this.#clearUnderWay(room, item.id);
    if (error.retry_ms !== undefined) {
      this.#pause(room, error.retry_ms);
      return true;
    }
    item.state = "failed";
    item.error = { code: error.code, message: error.message };
    this.#save(item);
    this.#hooks.onChange(room);
    this.#pump(room);
    return true;
  }

  /** @param {string} room Sends the room's next message, unless one is under way or the server asked for a pause. */
  #pump(room) {
    if (!this.#online || this.#underWay.has(room) || this.#pauses.has(room)) return;
    const item = this.#items.find((item) => item.room === room && item.state === "waiting" && item.user === this.#user);
    if (!item || !this.#hooks.transmit(item)) return;
    const timer = this.#platform.clock.setTimeout(() => {
      this.#underWay.delete(room);
      this.#pump(room);
    }, ACK_MS_MAX);
    this.#underWay.set(room, { id: item.id, timer });
  }

  /**
   * @param {string} room
   * @param {number} ms
   */
  #pause(room, ms) {
    const timer = this.#platform.clock.setTimeout(() => {
      this.#pauses.delete(room);
      this.#pump(room);
    }, ms);
    this.#pauses.set(room, timer);
  }

  /**
   * @param {string} room
   * @param {string} id
   */
  #clearUnderWay(room, id) {
    const underWay = this.#underWay.get(room);
    if (underWay?.id !== id) return;
    this.#platform.clock.clearTimeout(underWay.timer);
    this.#underWay.delete(room);
  }

  /** @param {OutboxItem} item */
  #mine(item) {
    return item.user === this.#user || item.user === "" || this.#user === "";
  }

  /** @param {OutboxItem} item One key per message, so that two tabs never overwrite each other's. */
  #save(item) {
    try {
      this.#platform.store.set(keyOf(item), JSON.stringify(item));
    } catch {
      // The store is full or forbidden: the message still goes out, it only does not survive a reload.
    }
  }

  /** @param {OutboxItem} item */
  #forget(item) {
    try {
      this.#platform.store.remove(keyOf(item));
    } catch {
      // As in `#save`.
    }
  }
}

/** @param {OutboxItem} item */
function keyOf(item) {
  return `${KEY_PREFIX}${item.order}:${item.id}`;
}

/**
 * @param {string | null} text
 * @returns {OutboxItem | null}
 */
function parseItem(text) {
  try {
    const item = JSON.parse(text ?? "null");
    const sound = item && ["id", "room", "body", "user", "order", "state"].every((key) => typeof item[key] === "string");
    return sound ? item : null;
  } catch {
    return null;
  }
}
