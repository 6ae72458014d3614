//! A client on strings: its clock, its sockets, its storage and its randomness are the test's.

import { StoaChat } from "../chat.js";
import { memoryStore } from "../platform.js";
import { DEFAULT_LIMITS } from "../protocol.js";

/** A clock that moves when it is told to. */
export class FakeClock {
  #now = 0;
  /** @type {{at: number, action: () => void}[]} */
  #timers = [];

  now = () => this.#now;

  setTimeout = (/** @type {() => void} */ action, /** @type {number} */ ms) => {
    const timer = { at: this.#now + ms, action };
    this.#timers.push(timer);
    return timer;
  };

  clearTimeout = (/** @type {any} */ timer) => {
    this.#timers = this.#timers.filter((other) => other !== timer);
  };

  /** @param {number} ms Runs what is due on the way, in its order. */
  async advance(ms) {
    const end = this.#now + ms;
    for (;;) {
      const next = this.#timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.#now = Math.max(this.#now, next.at);
      this.clearTimeout(next);
      next.action();
      await settle();
    }
    this.#now = end;
    await settle();
  }
}

/** The server's end of a socket. */
export class FakeSocket {
  /** @type {any[]} */
  sent = [];
  closedWith = /** @type {number | undefined} */ (undefined);
  protocol = "stoa.chat.v1";
  onopen = /** @type {((event: any) => void) | null} */ (null);
  onmessage = /** @type {((event: {data: any}) => void) | null} */ (null);
  onclose = /** @type {((event: {code: number, reason: string}) => void) | null} */ (null);
  onerror = null;

  /** @param {string} text */
  send(text) {
    this.sent.push(JSON.parse(text));
  }

  /** @param {number} [code] */
  close(code) {
    this.closedWith = code;
  }

  /** @param {object} message */
  say(message) {
    this.onmessage?.({ data: JSON.stringify(message) });
  }

  /** @param {number} code */
  drop(code) {
    this.onclose?.({ code, reason: "" });
  }

  /** @param {string} type @returns {any[]} what the client sent of it */
  of(type) {
    return this.sent.filter((message) => message.t === type);
  }
}

/** Lets promises that are settled run on. */
export async function settle() {
  for (let i = 0; i < 10; i++) await Promise.resolve();
}

/**
 * @param {Partial<import("../chat.js").StoaChatOptions>} [options]
 * @param {import("../platform.js").Store} [store] of an earlier page
 */
export function rig(options = {}, store = memoryStore()) {
  const clock = new FakeClock();
  const sockets = /** @type {FakeSocket[]} */ ([]);
  const log = /** @type {[string, any][]} */ ([]);
  let ids = 0;
  const random = { value: 0.5 };
  const chat = new StoaChat({
    url: "ws://test/v1/chat",
    name: "Ann",
    ...options,
    platform: {
      clock,
      store,
      random: () => random.value,
      newId: () => `id-${store.keys().length}-${(ids += 1)}`,
      openSocket: () => {
        const socket = new FakeSocket();
        sockets.push(socket);
        return socket;
      },
    },
  });
  for (const name of /** @type {const} */ (["state", "event", "restart", "sent", "expired"])) chat.on(name, (data) => log.push([name, data]));
  const socket = () => /** @type {FakeSocket} */ (sockets.at(-1));
  return {
    chat, clock, sockets, store, log, random, socket,
    /** @param {string} name @returns {any[]} what the client told of it */
    told: (name) => log.filter(([kind]) => kind === name).map(([, data]) => data),
    /** Brings the newest socket as far as the `welcome`. @param {object[]} [rooms] @param {object} [more] */
    async welcome(rooms = [], more = {}) {
      await settle();
      socket().onopen?.({});
      socket().say({ t: "welcome", user: "ann", name: "Ann", token: "token-1", epoch: "e1", time: 1, ping_ms: 25_000, rooms, limits: DEFAULT_LIMITS, ...more });
      await settle();
    },
  };
}

/** @param {number} head @param {object} [more] @returns {any} the lobby in a `welcome` */
export function lobby(head, more = {}) {
  return { room: "lobby", first: 1, head, read: head, unread: 0, ...more };
}

/** @param {number} seq @param {object} [more] @returns {any} a message of Bob in the lobby */
export function message(seq, more = {}) {
  return { t: "event", room: "lobby", seq, kind: "message", from: "bob", name: "Bob", at: 1000 + seq, id: `b${seq}`, body: `text ${seq}`, ...more };
}

/**
 * Answers the newest `resume` for the lobby.
 * @param {FakeSocket} socket @param {object} status
 */
export function resumed(socket, status) {
  const { id } = socket.of("resume").at(-1);
  socket.say({ t: "resumed", id, rooms: { lobby: { first: 1, read: 0, unread: 0, members: 2, online: 1, ...status } }, errors: {} });
}
