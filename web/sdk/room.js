//! One room as this user sees it: its newest events, the counts, who is online, who is typing, what was read.

import { RoomLog } from "./log.js";

/** @typedef {import("./protocol.js").RoomEvent} RoomEvent */
/** @typedef {import("./protocol.js").Member} Member */
/** @typedef {import("./protocol.js").OnlineUser} OnlineUser */
/** @typedef {import("./platform.js").Clock} Clock */
/** @typedef {import("./outbox.js").OutboxItem} OutboxItem */

/** How long "is typing" is shown after the last notice. */
export const TYPING_SHOWN_MS = 5_000;
/** How often to say that this user is typing. */
export const TYPING_EVERY_MS = 3_000;
/** Names remembered as typing in one room; nobody reads more. */
const TYPING_USERS_MAX = 20;
/** How often to say how far this user has read, at most. */
export const READ_EVERY_MS = 1_000;
/** Events per page of history. */
const PAGE_EVENTS = 100;

/**
 * What a room needs of its client.
 * @typedef {object} RoomClient
 * @property {() => string} me this user's id
 * @property {Clock} clock
 * @property {() => import("./protocol.js").Limits} limits
 * @property {(question: import("./requests.js").Question) => Promise<any>} ask
 * @property {(message: import("./protocol.js").ClientMessage) => boolean} tell
 * @property {(room: string, body: string) => OutboxItem | null} send
 * @property {(room: Room) => void} changed
 */

/** A room of which the user is a member. Read its fields; change it by its methods. */
export class Room {
  #client;
  /** @type {Map<string, {name: string, timer: unknown}>} */
  #typing = new Map();
  #saidTypingAt = -Infinity;
  #typingAgainAt = -Infinity;
  #saidReadAt = -Infinity;
  /** @type {unknown} */
  #readTimer = null;
  #readToSay = 0;
  #countedTo = 0;

  /**
   * @param {string} name
   * @param {number} last the event before the first one that will come
   * @param {RoomClient} client
   */
  constructor(name, last, client) {
    this.name = name;
    this.log = new RoomLog(last);
    this.#client = client;
    /** The oldest event that the server keeps. */
    this.first = 1;
    /** The newest event that is known of. */
    this.head = last;
    /** This user's read position. */
    this.read = 0;
    /** Messages of others after it. */
    this.unread = 0;
    /** How many members the room has; 0 while that is not known. */
    this.members = 0;
    /** How many of them are online. */
    this.online = 0;
    /** @type {Map<string, OnlineUser>} who is online, as far as the server told */
    this.users = new Map();
    /** Whether the connection brings this room's events. */
    this.receiving = false;
    // What came with `last` is counted in `unread`.
    this.#countedTo = last;
  }

  /** @returns {string[]} names of others who are typing now. */
  get typingNames() {
    return [...this.#typing.values()].map((entry) => entry.name);
  }

  /**
   * Sends a message. It is kept until the server has it, also across reloads; see `StoaChat.outbox`.
   * @param {string} body at most `limits.body_bytes_max` bytes
   * @returns {string | null} the message's id; null if too many messages wait already
   */
  send(body) {
    // The others take this user for done: the next key is news, as soon as the server listens again.
    this.#typingAgainAt = Math.min(this.#typingAgainAt, this.#saidTypingAt + this.#client.limits().typing_interval_ms);
    return this.#client.send(this.name, body)?.id ?? null;
  }

  /**
   * Events before `seq`, from memory or from the server.
   * @param {number} seq
   * @param {number} [limit]
   * @returns {Promise<RoomEvent[]>} ascending, ending right before `seq`; empty if the room has none
   */
  async before(seq, limit = PAGE_EVENTS) {
    const end = Math.min(seq, this.log.last + 1);
    const held = this.log.before(end, limit);
    if (held.length > 0 || end <= this.first) return held;
    const { restarts } = this.log;
    const page = await this.#client.ask({ t: "history", room: this.name, before: end, limit });
    this.first = page.first;
    if (this.log.restarts === restarts) this.log.prepend(page.events);
    return page.events;
  }

  /**
   * Events after `seq`, from memory or from the server.
   * @param {number} seq
   * @param {number} [limit]
   * @returns {Promise<RoomEvent[]>} ascending; empty if no newer ones have arrived
   */
  async after(seq, limit = PAGE_EVENTS) {
    const held = this.log.after(seq, limit);
    if (held.length > 0 || seq >= this.log.last) return held;
    const page = await this.#client.ask({ t: "history", room: this.name, after: seq, limit });
    // Newer ones than the log has will come as live events; a reader must not get them twice.
    return page.events.filter((/** @type {RoomEvent} */ event) => event.seq <= this.log.last);
  }

  /**
   * @param {string} [after] go on after this user
   * @param {number} [limit] at most 200
   * @returns {Promise<{members: Member[], count: number, more: boolean}>} sorted by user id
   */
  async listMembers(after, limit = PAGE_EVENTS) {
    const answer = await this.#client.ask({ t: "members", room: this.name, limit, ...(after ? { after } : {}) });
    this.members = answer.count;
    return answer;
  }

  /** Tells the others that this user is typing. Call it on every key: it is sent every 3 seconds. */
  sayTyping() {
    const now = this.#client.clock.now();
    if (now < this.#typingAgainAt || !this.#client.tell({ t: "typing", room: this.name })) return;
    this.#saidTypingAt = now;
    this.#typingAgainAt = now + TYPING_EVERY_MS;
  }

  /**
   * Tells how far this user has read. Call it as often as you like: it is sent once a second at most, and again after a
   * reconnect if it was lost.
   * @param {number} seq
   */
  markRead(seq) {
    const position = Math.min(seq, this.log.last);
    if (position <= this.read) return;
    this.read = position;
    if (position >= this.head) this.unread = 0;
    this.#readToSay = position;
    this.#readSoon();
    this.#client.changed(this);
  }

  /** Sends the read position now if one waits, as before the page goes. */
  flushRead() {
    if (this.#readToSay > 0 && this.#client.tell({ t: "read", room: this.name, seq: this.#readToSay })) this.#readToSay = 0;
  }

  #readSoon() {
    const { clock } = this.#client;
    if (this.#readTimer !== null || this.#readToSay === 0) return;
    const wait = READ_EVERY_MS - (clock.now() - this.#saidReadAt);
    if (wait > 0) {
      this.#readTimer = clock.setTimeout(() => {
        this.#readTimer = null;
        this.#readSoon();
      }, wait);
      return;
    }
    this.flushRead();
    if (this.#readToSay === 0) this.#saidReadAt = clock.now();
  }

  /**
   * What the server says of this room in `welcome`, `joined`, `resumed` or `rooms`.
   * @param {{first: number, head: number, read: number, unread: number, members?: number, online?: number, users?: OnlineUser[]}} status
   */
  takeStatus(status) {
    this.first = status.first;
    this.head = Math.max(status.head, this.log.last);
    this.unread = status.unread;
    this.#countedTo = status.head;
    this.members = status.members ?? this.members;
    this.online = status.online ?? this.online;
    if (status.users) this.users = new Map(status.users.map((user) => [user.user, user]));
    if (this.read > status.read) {
      // This user read further while the connection was away: say it again, the count follows.
      this.#readToSay = this.read;
      if (this.read >= this.head) this.unread = 0;
      if (this.receiving) this.#readSoon();
    } else {
      this.read = status.read;
    }
  }

  /**
   * @param {RoomEvent} event
   * @returns {"applied" | "duplicate" | "gap"} what the log made of it
   */
  takeEvent(event) {
    const taken = this.log.apply(event);
    if (taken !== "applied") return taken;
    this.head = Math.max(this.head, event.seq);
    const isNew = event.seq > this.#countedTo;
    if (isNew) this.#countedTo = event.seq;
    if (event.kind === "message") {
      this.#stopTyping(event.from);
      if (event.from === this.#client.me()) {
        this.read = Math.max(this.read, event.seq);
        this.unread = 0;
      } else if (isNew && event.seq > this.read) this.unread += 1;
    }
    if (isNew && event.kind === "join") this.members += 1;
    if (isNew && event.kind === "leave") this.members = Math.max(0, this.members - 1);
    return taken;
  }

  /** @param {import("./protocol.js").Presence} presence */
  takePresence(presence) {
    this.online = presence.online;
    // Without names the room has outgrown them, and with all of them the old ones are of no use.
    if (!presence.users || presence.full) this.users.clear();
    for (const user of presence.users ?? []) {
      if (user.devices > 0) this.users.set(user.user, user);
      else this.users.delete(user.user);
    }
  }

  /** @param {import("./protocol.js").Typing} typing */
  takeTyping({ user, name }) {
    if (user === this.#client.me()) return;
    this.#stopTyping(user);
    if (this.#typing.size >= TYPING_USERS_MAX) return;
    const timer = this.#client.clock.setTimeout(() => {
      this.#typing.delete(user);
      this.#client.changed(this);
    }, TYPING_SHOWN_MS);
    this.#typing.set(user, { name, timer });
  }

  /** @param {import("./protocol.js").Read} read */
  takeRead(read) {
    if (read.user !== this.#client.me() || read.seq < this.read) return;
    this.read = read.seq;
    this.unread = read.unread;
  }

  /** The connection is gone: what it told about people is no longer true. */
  takeDisconnect() {
    this.receiving = false;
    this.users.clear();
    for (const user of [...this.#typing.keys()]) this.#stopTyping(user);
  }

  /**
   * The log does not go on from what is held: starts anew after `last`.
   * @param {number} last
   * @param {string} reason
   */
  restart(last, reason) {
    this.log.restart(last);
    this.head = Math.max(last, reason === "retention" ? this.head : 0);
    this.#countedTo = last;
    // After a loss the numbers still mean the same events; in all other cases the server knows better.
    if (reason === "retention") return;
    this.read = 0;
    this.#readToSay = 0;
  }

  /** The user is no longer a member: no timer may outlive that. */
  close() {
    this.takeDisconnect();
    if (this.#readTimer !== null) this.#client.clock.clearTimeout(this.#readTimer);
    this.#readTimer = null;
    this.#readToSay = 0;
  }

  /** @param {string} user */
  #stopTyping(user) {
    const entry = this.#typing.get(user);
    if (!entry) return;
    this.#client.clock.clearTimeout(entry.timer);
    this.#typing.delete(user);
  }
}
