//! The client: signs in, keeps the rooms in step with the server, sends, and tells the application what happens.

import { Connection } from "./connection.js";
import { Emitter } from "./emitter.js";
import { Outbox } from "./outbox.js";
import { browserPlatform } from "./platform.js";
import { DEFAULT_LIMITS, StoaError, bytesOf, isRoomName } from "./protocol.js";
import { Requests } from "./requests.js";
import { Room } from "./room.js";

/** @typedef {import("./protocol.js").ServerMessage} ServerMessage */
/** @typedef {import("./protocol.js").Welcome} Welcome */
/** @typedef {import("./protocol.js").RoomEvent} RoomEvent */
/** @typedef {import("./outbox.js").OutboxItem} OutboxItem */

/** Rooms in one `resume`. */
const RESUME_ROOMS_MAX = 1_000;
/** How long to wait before asking again for a room that the server could not resume right now. */
const RESUME_AGAIN_MS = 2_000;

/**
 * @typedef {object} StoaChatOptions
 * @property {string} url the server's `/v1/chat`, as `ws:` or `wss:`
 * @property {string} [name] what a new guest is called
 * @property {() => Promise<string>} [getToken] for users of your own login system: fetches a fresh JWT for each connection
 * @property {Record<string, number>} [positions] the last `seq` per room that the application keeps, to get exactly the rest
 * @property {string} [epoch] the store that those positions belong to
 * @property {number} [resumeEventsMax] a room that missed more events than this starts anew at its newest event, with a
 *   `restart`; without it every missed event comes, however many
 * @property {Partial<import("./platform.js").Platform>} [platform] other time, sockets, storage
 */

/**
 * @typedef {object} ChatEvents What `on` can listen to.
 * @property {import("./connection.js").ConnectionState} state the connection's state changed
 * @property {Welcome} welcome signed in (again)
 * @property {null} rooms the set of rooms changed
 * @property {Room} room something about this room changed: counts, people, typing, read position
 * @property {{room: Room, event: RoomEvent}} event a room's next event, in order, each exactly once
 * @property {{room: Room, reason: string}} restart the room's events do not go on from the last one: start anew from
 *   `room.before(room.log.last + 1)`
 * @property {string} outbox the messages of this room that wait or failed changed
 * @property {OutboxItem & {seq: number, storedAt: number}} sent a message was stored, at this `seq` and time. It leaves the
 *   outbox right after this, and comes as an `event` before or after it
 * @property {null} expired the guest's token was refused: the user goes on as a new guest
 */

/** @extends {Emitter<ChatEvents>} */
export class StoaChat extends Emitter {
  #options;
  #platform;
  #connection;
  #outbox;
  #requests;
  /** @type {Map<string, Room>} */
  #rooms = new Map();
  /** @type {Set<string>} */
  #shown = new Set();
  #user;
  #name;
  #epoch;
  /** @type {string | undefined} */
  #formerGuest = undefined;

  /** @param {StoaChatOptions} options */
  constructor(options) {
    super();
    this.#options = options;
    this.#platform = browserPlatform(options.platform);
    this.limits = DEFAULT_LIMITS;
    this.#user = this.#recall("user") ?? "";
    this.#name = options.name ?? this.#recall("name") ?? "";
    this.#epoch = options.epoch ?? "";
    this.#connection = new Connection(options.url, this.#platform, {
      hello: () => this.#hello(),
      onWelcome: (welcome) => this.#welcomed(welcome),
      onMessage: (message) => this.#received(message),
      onState: (state) => this.#stateChanged(state),
      onTokenRefused: () => this.#tokenRefused(),
    });
    this.#requests = new Requests(this.#platform, (message) => this.#connection.send(message));
    this.#outbox = new Outbox(this.#platform, {
      transmit: ({ id, room, body }) => this.#connection.send({ t: "send", id, room, body }),
      onChange: (room) => this.emit("outbox", room),
    });
    for (const [name, last] of Object.entries(options.positions ?? {})) this.#addRoom(name, last);
  }

  /** @returns {string} this user's id; empty before the first `welcome`. */
  get user() {
    return this.#user;
  }

  /** @returns {string} what this user is called. */
  get name() {
    return this.#name;
  }

  /** @returns {string} the store that the rooms' `seq`s belong to. */
  get epoch() {
    return this.#epoch;
  }

  /** @returns {import("./connection.js").ConnectionState} */
  get state() {
    return this.#connection.state;
  }

  /** @returns {Room[]} the rooms of which the user is a member, sorted by name. */
  get rooms() {
    return [...this.#rooms.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** @returns {number} this client's time, on which `state.retryAt` lies. */
  get now() {
    return this.#platform.clock.now();
  }

  /** @returns {boolean} whether a guest who was here before will be the same user again. */
  get known() {
    return Boolean(this.#options.getToken ?? this.#recall("token"));
  }

  /** Connects, and stays connected. Also tries at once when it waits for the next try, or has given up. */
  connect() {
    this.#connection.start();
  }

  /** Disconnects. What waits in the outbox stays there. */
  close() {
    this.#connection.stop();
    this.#requests.close();
    for (const room of this.#rooms.values()) room.close();
  }

  /** Makes sure that the connection lives: call it when the network or the machine came back. */
  check() {
    this.#connection.check();
  }

  /** Sends what is held back for a moment (read positions): call it before the page goes. */
  flush() {
    for (const room of this.#rooms.values()) room.flushRead();
  }

  /**
   * Gives a guest another name, by a new connection.
   * @param {string} name at most `limits.name_bytes_max` bytes
   */
  rename(name) {
    this.#name = name;
    this.#remember("name", name);
    this.#connection.restart();
  }

  /** Forgets who this guest was, and what still waits to be sent. The next `connect` comes as somebody else. */
  forget() {
    this.close();
    for (const item of this.#outbox.items()) this.#outbox.remove(item.id);
    for (const key of ["token", "user", "name"]) this.#platform.store.remove(key);
    this.#user = this.#name = this.#epoch = "";
    this.#rooms.clear();
    this.emit("rooms", null);
  }

  /**
   * @param {string} name
   * @returns {Room | undefined} the room, if the user is a member
   */
  room(name) {
    return this.#rooms.get(name);
  }

  /**
   * Joins a room, which creates a missing one, or confirms that the user is a member.
   * @param {string} name
   * @returns {Promise<Room>}
   * @throws {StoaError} `bad_request` for a name that is none, or what the server answers
   */
  async join(name) {
    if (!isRoomName(name)) throw new StoaError("bad_request", "A room's name has 1 to 64 letters, digits, -, _, . or :");
    await this.#requests.ask({ t: "join", room: name });
    const room = this.#rooms.get(name);
    if (!room) throw new StoaError("not_member", "The room was left in the meantime.");
    return room;
  }

  /**
   * Leaves a room. Its history cannot be read any more.
   * @param {string} name
   * @throws {StoaError}
   */
  async leave(name) {
    try {
      await this.#requests.ask({ t: "leave", room: name });
    } catch (error) {
      // Asked twice over a reconnect, the second answer says that the first one worked.
      if (!(error instanceof StoaError) || error.code !== "not_member") throw error;
      this.#removeRoom(name);
    }
  }

  /**
   * Says that the application shows a room, so that who is online there is kept up to date across reconnects.
   * @param {string} name
   */
  show(name) {
    this.#shown.add(name);
    const room = this.#rooms.get(name);
    if (room?.receiving) this.#askPeople(name);
  }

  /** @param {string} name The application does not show this room any more. */
  hide(name) {
    this.#shown.delete(name);
  }

  /** Asks for the rooms again: one may have been joined on another device. */
  async refresh() {
    const answer = await this.#requests.ask({ t: "rooms" });
    this.#takeRooms(answer.rooms);
    this.#resume();
  }

  /**
   * @param {string} [room]
   * @returns {OutboxItem[]} messages that the server has not confirmed, oldest first
   */
  outbox(room) {
    return this.#outbox.items(room);
  }

  /**
   * Sends a failed message again.
   * @param {string} id
   */
  retry(id) {
    this.#outbox.retry(id);
  }

  /**
   * Drops a message from the outbox.
   * @param {string} id
   */
  discard(id) {
    this.#outbox.remove(id);
  }

  /**
   * @param {string} body
   * @returns {boolean} whether a message of this text is short enough
   */
  fits(body) {
    return bytesOf(body) <= this.limits.body_bytes_max;
  }

  async #hello() {
    const name = this.#name ? { name: this.#name } : {};
    if (this.#options.getToken) return { token: await this.#options.getToken(), ...name };
    const token = this.#recall("token");
    return token ? { token, ...name } : name;
  }

  #tokenRefused() {
    if (this.#options.getToken) return true;
    if (!this.#recall("token")) return false;
    this.#formerGuest = this.#user;
    this.#platform.store.remove("token");
    this.emit("expired", null);
    return this.#name !== "";
  }

  /** @param {Welcome} welcome */
  #welcomed(welcome) {
    const restored = this.#epoch !== "" && this.#epoch !== welcome.epoch;
    this.limits = { ...DEFAULT_LIMITS, ...welcome.limits };
    this.#user = welcome.user;
    this.#name = welcome.name;
    this.#epoch = welcome.epoch;
    this.#remember("user", welcome.user);
    this.#remember("name", welcome.name);
    if (welcome.token) this.#remember("token", welcome.token);
    this.#takeRooms(welcome.rooms, restored ? "epoch" : undefined);
    this.#resume();
    this.#requests.askAgain();
    this.#outbox.online(welcome.user, this.#formerGuest);
    this.#formerGuest = undefined;
    this.emit("welcome", welcome);
  }

  /**
   * Makes the rooms those that the server lists.
   * @param {import("./protocol.js").RoomSummary[]} summaries
   * @param {string} [restartReason] the held events are of no use any more, and why
   */
  #takeRooms(summaries, restartReason) {
    const listed = new Set(summaries.map((summary) => summary.room));
    for (const name of [...this.#rooms.keys()]) if (!listed.has(name)) this.#removeRoom(name);
    for (const summary of summaries) {
      // A room that is new to this client starts at its head; what is older is a matter of history.
      const room = this.#rooms.get(summary.room) ?? this.#addRoom(summary.room, summary.head);
      if (room.receiving) continue;
      const missed = summary.head - room.log.last;
      const tooMany = missed > (this.#options.resumeEventsMax ?? Infinity);
      if (restartReason || tooMany) this.#restart(room, summary.head, restartReason ?? "missed");
      room.takeStatus(summary);
    }
    this.emit("rooms", null);
  }

  /** Asks for the events of all rooms that this connection does not bring yet, after the last one held of each. */
  #resume() {
    const waiting = this.rooms.filter((room) => !room.receiving);
    for (let i = 0; i < waiting.length; i += RESUME_ROOMS_MAX) {
      const slice = waiting.slice(i, i + RESUME_ROOMS_MAX);
      const rooms = Object.fromEntries(slice.map((room) => [room.name, room.log.last]));
      this.#requests.ask({ t: "resume", epoch: this.#epoch, rooms }).catch((error) => {
        // Without its rooms a connection is of no use. If it broke, the next one resumes by itself.
        if (error.code !== "closed") this.#connection.reconnect();
      });
    }
  }

  /** @param {ServerMessage} message */
  #received(message) {
    switch (message.t) {
      case "event":
        return this.#tookEvent(message);
      case "ack":
        return this.#tookAck(message);
      case "joined":
        this.#tookJoined(message);
        break;
      case "resumed":
        this.#tookResumed(message);
        break;
      case "left":
        this.#removeRoom(message.room);
        break;
      case "error":
        if (this.#outbox.refused(message)) return;
        break;
      case "behind":
        return this.#tookBehind(message);
      case "presence":
      case "typing":
      case "read":
        return this.#tookNotice(message);
      default:
        break;
    }
    // State is applied above, at once, and not when a promise's turn comes: the next message may already rely on it.
    this.#requests.answered(message);
  }

  /** @param {import("./protocol.js").EventMessage} message */
  #tookEvent(message) {
    const room = this.#rooms.get(message.room);
    if (!room?.receiving) return;
    const taken = room.takeEvent(message);
    if (taken === "gap") return this.#connection.reconnect();
    if (taken === "duplicate") return;
    const mine = message.from === this.#user;
    if (mine && message.id) this.#outbox.remove(message.id);
    this.emit("event", { room, event: message });
    this.emit("room", room);
    // The last event that comes of a room that was left, here or on another device.
    if (mine && message.kind === "leave") this.#removeRoom(room.name);
  }

  /** @param {import("./protocol.js").Ack} ack */
  #tookAck(ack) {
    const item = this.#outbox.find(ack.id);
    if (!item) return;
    this.emit("sent", { ...item, seq: ack.seq, storedAt: ack.at });
    this.#outbox.remove(ack.id);
  }

  /** @param {import("./protocol.js").Joined} joined */
  #tookJoined(joined) {
    const known = this.#rooms.get(joined.room);
    const room = known ?? this.#addRoom(joined.room, joined.head);
    if (known && !known.receiving && known.log.last !== joined.head) this.#restart(known, joined.head, "joined");
    room.receiving = true;
    room.takeStatus(joined);
    if (known) this.emit("room", room);
    else this.emit("rooms", null);
  }

  /** @param {import("./protocol.js").Resumed} resumed */
  #tookResumed(resumed) {
    for (const [name, status] of Object.entries(resumed.rooms)) {
      const room = this.#rooms.get(name);
      if (!room) continue;
      if (status.truncated || status.from !== room.log.last + 1) {
        this.#restart(room, status.from - 1, status.truncated ?? "resumed");
      }
      room.receiving = true;
      room.takeStatus(status);
      if (this.#shown.has(name)) this.#askPeople(name);
      this.emit("room", room);
    }
    let again = false;
    for (const [name, code] of Object.entries(resumed.errors)) {
      if (code === "not_member" || code === "not_found") this.#removeRoom(name);
      else again = true;
    }
    if (again) this.#platform.clock.setTimeout(() => this.state.phase === "open" && this.#resume(), RESUME_AGAIN_MS);
  }

  /** @param {import("./protocol.js").Behind} behind The server feeds on from its log; only a loss is of interest. */
  #tookBehind(behind) {
    const room = this.#rooms.get(behind.room);
    if (!room?.receiving || !behind.truncated || behind.next <= room.log.last + 1) return;
    this.#restart(room, behind.next - 1, behind.truncated);
    room.first = behind.next;
    this.emit("room", room);
  }

  /** @param {import("./protocol.js").Presence | import("./protocol.js").Typing | import("./protocol.js").Read} notice */
  #tookNotice(notice) {
    const room = this.#rooms.get(notice.room);
    if (!room) return;
    if (notice.t === "presence") room.takePresence(notice);
    else if (notice.t === "typing") room.takeTyping(notice);
    else room.takeRead(notice);
    this.emit("room", room);
  }

  /** @param {string} name Joining again changes nothing, and answers with who is online. */
  #askPeople(name) {
    this.#requests.ask({ t: "join", room: name }).catch(() => {
      // The counts are known without it, and the next reconnect asks again.
    });
  }

  /** @param {import("./connection.js").ConnectionState} state */
  #stateChanged(state) {
    this.emit("state", state);
    if (state.phase === "open") return;
    this.#outbox.offline();
    for (const room of this.#rooms.values()) {
      if (!room.receiving) continue;
      room.takeDisconnect();
      this.emit("room", room);
    }
  }

  /**
   * @param {string} name
   * @param {number} last
   */
  #addRoom(name, last) {
    const room = new Room(name, last, {
      me: () => this.#user,
      clock: this.#platform.clock,
      limits: () => this.limits,
      ask: (question) => this.#requests.ask(question),
      tell: (message) => this.#connection.send(message),
      send: (to, body) => this.#outbox.add(to, body),
      changed: (changed) => this.emit("room", changed),
    });
    this.#rooms.set(name, room);
    return room;
  }

  /** @param {string} name */
  #removeRoom(name) {
    const room = this.#rooms.get(name);
    if (!room) return;
    room.close();
    this.#rooms.delete(name);
    this.emit("rooms", null);
  }

  /**
   * @param {Room} room
   * @param {number} last
   * @param {string} reason
   */
  #restart(room, last, reason) {
    room.restart(last, reason);
    this.emit("restart", { room, reason });
  }

  /** @param {string} key */
  #recall(key) {
    try {
      return this.#platform.store.get(key);
    } catch {
      return null;
    }
  }

  /**
   * @param {string} key
   * @param {string} value
   */
  #remember(key, value) {
    try {
      this.#platform.store.set(key, value);
    } catch {
      // The store is full or forbidden: this user is a new guest after a reload, nothing else breaks.
    }
  }
}
