//! The messages of `stoa.chat.v1` as types, and what a close code asks a client to do. `docs/protocol.md` decides.

/** The WebSocket subprotocol that this client speaks. */
export const SUBPROTOCOL = "stoa.chat.v1";

/**
 * @typedef {object} Limits The limits in force, as `welcome` gives them. Sizes in bytes, times in milliseconds.
 * @property {number} body_bytes_max
 * @property {number} message_bytes_max
 * @property {number} history_events_max
 * @property {number} rooms_per_user_max
 * @property {number} name_bytes_max
 * @property {number} room_bytes_max
 * @property {number} id_bytes_max
 * @property {number} sends_per_second
 * @property {number} sends_burst
 * @property {number} requests_per_second
 * @property {number} requests_burst
 * @property {number} typing_interval_ms
 * @property {number} presence_users_max
 */

/**
 * The limits that a server has unless it says otherwise: what holds before the first `welcome`.
 * @type {Limits}
 */
export const DEFAULT_LIMITS = {
  body_bytes_max: 8192,
  message_bytes_max: 65536,
  history_events_max: 200,
  rooms_per_user_max: 1000,
  name_bytes_max: 64,
  room_bytes_max: 64,
  id_bytes_max: 64,
  sends_per_second: 20,
  sends_burst: 100,
  requests_per_second: 50,
  requests_burst: 200,
  typing_interval_ms: 2000,
  presence_users_max: 1000,
};

/**
 * @typedef {{room: string, first: number, head: number, read: number, unread: number}} RoomSummary
 * @typedef {{user: string, name: string, devices: number}} OnlineUser
 * @typedef {{user: string, name: string, read: number, devices: number}} Member
 * @typedef {{t: "welcome", user: string, name: string, token?: string, epoch: string, time: number, ping_ms: number, rooms: RoomSummary[], limits: Limits}} Welcome
 * @typedef {{t: "joined", id: string, room: string, first: number, head: number, read: number, unread: number, members: number, online: number, users: OnlineUser[]}} Joined
 * @typedef {{from: number, first: number, head: number, read: number, unread: number, members: number, online: number, truncated?: string}} ResumedRoom
 * @typedef {{t: "resumed", id: string, rooms: Record<string, ResumedRoom>, errors: Record<string, string>}} Resumed
 * @typedef {{t: "left", id: string, room: string, seq: number}} Left
 * @typedef {{t: "rooms", id: string, rooms: RoomSummary[]}} Rooms
 * @typedef {{t: "ack", id: string, room: string, seq: number, at: number, dup?: boolean}} Ack
 */

/**
 * @typedef {object} RoomEvent One entry of a room's log.
 * @property {number} seq Its place: 1, 2, 3, … without gaps.
 * @property {"message" | "join" | "leave" | (string & {})} kind Kinds that a client does not know are ignored but counted.
 * @property {string} from The user who did it.
 * @property {string} name What that user was called then.
 * @property {number} at When the server stored it, milliseconds since 1970.
 * @property {string} [id] Of a message: the sender's id for it.
 * @property {string} [body] Of a message: the text.
 */

/**
 * @typedef {RoomEvent & {t: "event", room: string}} EventMessage
 * @typedef {{t: "page", id: string, room: string, first: number, head: number, more: boolean, events: RoomEvent[]}} Page
 * @typedef {{t: "members", id: string, room: string, count: number, more: boolean, members: Member[]}} Members
 * @typedef {{t: "presence", room: string, online: number, users?: OnlineUser[], full?: boolean}} Presence
 * @typedef {{t: "typing", room: string, user: string, name: string}} Typing
 * @typedef {{t: "read", room: string, user: string, seq: number, unread: number}} Read
 * @typedef {{t: "pong", id: string, time: number}} Pong
 * @typedef {{t: "behind", room: string, next: number, head: number, truncated?: string}} Behind
 * @typedef {{t: "bye", reason: string, reconnect_ms_min: number, reconnect_ms_max: number}} Bye
 * @typedef {{t: "error", id?: string, room?: string, code: string, message: string, retry_ms?: number}} ErrorMessage
 * @typedef {Welcome | Joined | Resumed | Left | Rooms | Ack | EventMessage | Page | Members | Presence | Typing | Read | Pong | Behind | Bye | ErrorMessage} ServerMessage
 */

/**
 * @typedef {{t: "hello", name?: string, token?: string}} Hello
 * @typedef {{t: "join" | "leave", id: string, room: string}} JoinOrLeave
 * @typedef {{t: "resume", id: string, epoch?: string, rooms: Record<string, number>}} Resume
 * @typedef {{t: "rooms", id: string}} AskRooms
 * @typedef {{t: "send", id: string, room: string, body: string}} Send
 * @typedef {{t: "history", id: string, room: string, before?: number, after?: number, limit?: number}} History
 * @typedef {{t: "members", id: string, room: string, after?: string, limit?: number}} AskMembers
 * @typedef {{t: "typing", room: string}} SayTyping
 * @typedef {{t: "read", room: string, seq: number}} SayRead
 * @typedef {{t: "ping", id: string}} Ping
 * @typedef {Hello | JoinOrLeave | Resume | AskRooms | Send | History | AskMembers | SayTyping | SayRead | Ping} ClientMessage
 */

/**
 * @typedef {object} CloseRule What to do after a close.
 * @property {"wait" | "backoff" | "token" | "stop"} action
 *   `wait`: reconnect after a random time between the two numbers. `backoff`: reconnect with the growing backoff.
 *   `token`: get a new token first. `stop`: do not reconnect before something has changed.
 * @property {number} [minMs]
 * @property {number} [maxMs]
 */

/** @type {Record<number, CloseRule>} */
const CLOSE_RULES = {
  1000: { action: "stop" },
  1001: { action: "wait", minMs: 200, maxMs: 5_000 },
  1002: { action: "stop" },
  1003: { action: "stop" },
  1007: { action: "stop" },
  1008: { action: "stop" },
  1009: { action: "stop" },
  1011: { action: "wait", minMs: 1_000, maxMs: 30_000 },
  1012: { action: "wait", minMs: 200, maxMs: 5_000 },
  1013: { action: "wait", minMs: 5_000, maxMs: 30_000 },
  4003: { action: "wait", minMs: 10_000, maxMs: 60_000 },
  4401: { action: "token" },
  4402: { action: "token" },
};

/**
 * Looks a close code up in the protocol's table.
 * @param {number} code as the browser reports it; 1005 and 1006 mean that no code came.
 * @returns {CloseRule}
 */
export function closeRule(code) {
  const rule = CLOSE_RULES[code];
  if (rule) return rule;
  if (code >= 4400 && code <= 4999) return { action: "stop" };
  return { action: "backoff" };
}

/** A failed request: the server's `error`, or a condition of this client (`timeout`, `closed`, `too_many_requests`). */
export class StoaError extends Error {
  /**
   * @param {string} code an error code of the protocol, or one of this client's
   * @param {string} message a sentence for people
   */
  constructor(code, message) {
    super(message);
    this.name = "StoaError";
    this.code = code;
  }
}

/**
 * The size of a text on the wire, which is what the limits count.
 * @param {string} text
 * @returns {number} bytes of UTF-8
 */
export function bytesOf(text) {
  return new TextEncoder().encode(text).length;
}

/**
 * @param {string} name
 * @returns {boolean} whether it is a room's name: 1 to 64 ASCII letters, digits, `-`, `_`, `.`, `:`.
 */
export function isRoomName(name) {
  return /^[A-Za-z0-9\-_.:]{1,64}$/.test(name);
}
