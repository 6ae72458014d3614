//! One lasting connection made of many sockets: opens, says hello, watches that the server lives, comes back as the
//! protocol's close codes say.

import { SUBPROTOCOL, closeRule } from "./protocol.js";

/** @typedef {import("./protocol.js").ServerMessage} ServerMessage */
/** @typedef {import("./protocol.js").ClientMessage} ClientMessage */
/** @typedef {import("./protocol.js").Welcome} Welcome */
/** @typedef {import("./platform.js").Platform} Platform */
/** @typedef {import("./platform.js").Socket} Socket */

/** How long the socket and the `welcome` may take, together. */
export const OPEN_MS_MAX = 15_000;
/** How long the answer to a `ping` may take. */
export const PONG_MS_MAX = 10_000;
/** The longest backoff. */
export const BACKOFF_MS_MAX = 30_000;
/** The base of the backoff. */
const BACKOFF_MS_BASE = 500;
/** How long to wait after the server broke its promises (a hole in a room), so that a bug does not become a storm. */
const BROKEN_WAIT = { minMs: 1_000, maxMs: 5_000 };

/**
 * @typedef {object} ConnectionState
 * @property {"idle" | "connecting" | "open" | "waiting" | "stopped"} phase
 *   `idle`: not started. `connecting`: a socket opens or waits for `welcome`. `open`: usable. `waiting`: for the next try.
 *   `stopped`: will not come back by itself; `code` says why.
 * @property {number} [retryAt] of `waiting`: when the next try is, on the platform's clock
 * @property {number} [code] the close code that led here
 * @property {string} [reason] the close reason that led here
 */

/**
 * @typedef {object} ConnectionHooks
 * @property {() => Promise<{name?: string, token?: string}> | {name?: string, token?: string}} hello what to say first
 * @property {(welcome: Welcome) => void} onWelcome
 * @property {(message: ServerMessage) => void} onMessage everything after `welcome`, except what is handled here
 * @property {(state: ConnectionState) => void} onState
 * @property {(code: number) => boolean} onTokenRefused the server refused or outlived the token (4401, 4402): returns
 *   whether another try, with what `hello` gives then, makes sense
 */

/**
 * The wait before the next try, after the n-th failure in a row: full jitter over an exponentially growing range.
 * @param {number} failures 1 after the first failure
 * @param {number} random from 0 up to 1
 * @returns {number} milliseconds
 */
export function backoffMs(failures, random) {
  // Past 2^10 the minimum decides anyway; the clamp keeps the power finite.
  return random * Math.min(BACKOFF_MS_MAX, BACKOFF_MS_BASE * 2 ** Math.min(failures, 10));
}

/** Keeps one connection to the server for as long as it is started. */
export class Connection {
  #url;
  #platform;
  #hooks;
  /** @type {Socket | null} */
  #socket = null;
  /** @type {ConnectionState} */
  #state = { phase: "idle" };
  #failures = 0;
  #tokenFailures = 0;
  #pings = 0;
  #pingMs = 25_000;
  #heardAt = 0;
  #heard = 0;
  /** @type {{minMs: number, maxMs: number} | null} */
  #bye = null;
  /** @type {unknown} */
  #timer = null;

  /**
   * @param {string} url `ws:` or `wss:`
   * @param {Platform} platform
   * @param {ConnectionHooks} hooks
   */
  constructor(url, platform, hooks) {
    this.#url = url;
    this.#platform = platform;
    this.#hooks = hooks;
  }

  /** @returns {ConnectionState} */
  get state() {
    return this.#state;
  }

  /** Connects now, unless it is connected or on the way. Also ends a wait and leaves `stopped`. */
  start() {
    if (this.#state.phase === "open" || this.#state.phase === "connecting") return;
    void this.#open();
  }

  /** Closes for good (until `start`). */
  stop() {
    this.#dropSocket(1000);
    this.#setState({ phase: "idle" });
  }

  /**
   * Gives this socket up and opens another at once, as after a change of name or token.
   */
  restart() {
    if (this.#state.phase === "idle") return;
    this.#dropSocket(1000);
    void this.#open();
  }

  /** The server broke a promise that this client relies on: come back a little later, and resume. */
  reconnect() {
    if (this.#state.phase !== "open") return;
    this.#dropSocket(1000);
    this.#wait(this.#between(BROKEN_WAIT), 1000, "resume");
  }

  /**
   * Asks the server for a sign of life now, as after a sleep of the machine or a change of network, when the socket may be
   * dead without knowing it.
   */
  check() {
    if (this.#state.phase === "waiting") this.start();
    else if (this.#state.phase === "open") this.#ping();
  }

  /**
   * @param {ClientMessage} message
   * @returns {boolean} whether it was handed to an open connection; it may still be lost with it
   */
  send(message) {
    if (this.#state.phase !== "open" || !this.#socket) return false;
    return this.#transmit(this.#socket, message);
  }

  async #open() {
    this.#setState({ phase: "connecting" });
    const attempt = this.#state;
    this.#setTimer(() => this.#closed(1006, "no welcome in time"), OPEN_MS_MAX);
    let hello;
    try {
      hello = await this.#hooks.hello();
    } catch {
      if (this.#state === attempt) this.#closed(1006, "no token");
      return;
    }
    // While the token was fetched the application may have stopped or restarted this connection.
    if (this.#state !== attempt) return;
    let socket;
    try {
      socket = this.#platform.openSocket(this.#url, SUBPROTOCOL);
    } catch {
      this.#closed(1006, "the socket cannot be opened");
      return;
    }
    this.#socket = socket;
    socket.onopen = () => void this.#transmit(socket, { t: "hello", ...hello });
    socket.onmessage = (event) => this.#received(event.data);
    socket.onclose = (event) => this.#closed(event.code, event.reason);
    socket.onerror = null;
  }

  /** @param {unknown} data */
  #received(data) {
    this.#heardAt = this.#platform.clock.now();
    this.#heard += 1;
    /** @type {ServerMessage} */
    let message;
    try {
      message = JSON.parse(String(data));
    } catch {
      return;
    }
    if (typeof message !== "object" || message === null || typeof message.t !== "string") return;
    if (message.t === "welcome") this.#welcomed(message);
    else if (message.t === "bye") this.#bye = { minMs: message.reconnect_ms_min, maxMs: message.reconnect_ms_max };
    else if (message.t !== "pong" && this.#state.phase === "open") this.#hooks.onMessage(message);
  }

  /** @param {Welcome} welcome */
  #welcomed(welcome) {
    if (this.#state.phase !== "connecting") return;
    this.#failures = 0;
    this.#tokenFailures = 0;
    this.#pingMs = welcome.ping_ms;
    this.#watch();
    // The state changes before the hooks run, so that they can send.
    this.#state = { phase: "open" };
    this.#hooks.onWelcome(welcome);
    if (this.#state.phase === "open") this.#hooks.onState(this.#state);
  }

  /** Wakes up when nothing came for `ping_ms`. One timer that is set again when it fires, not one per message. */
  #watch() {
    const quiet = this.#platform.clock.now() - this.#heardAt;
    if (quiet >= this.#pingMs) this.#ping();
    else this.#setTimer(() => this.#watch(), this.#pingMs - quiet);
  }

  #ping() {
    this.#pings += 1;
    const heard = this.#heard;
    this.send({ t: "ping", id: `ping-${this.#pings}` });
    this.#setTimer(() => {
      // Whatever came since then is as good as the pong.
      if (this.#heard > heard) this.#watch();
      else this.#closed(1006, "the server is silent");
    }, PONG_MS_MAX);
  }

  /**
   * @param {number} code
   * @param {string} reason
   */
  #closed(code, reason) {
    this.#dropSocket(1000);
    this.#failures += 1;
    const rule = this.#bye ? { action: "wait", ...this.#bye } : closeRule(code);
    this.#bye = null;
    switch (rule.action) {
      case "wait":
        return this.#wait(this.#between(rule), code, reason);
      case "backoff":
        return this.#wait(backoffMs(this.#failures, this.#platform.random()), code, reason);
      case "token":
        return this.#tokenRefused(code, reason);
      default:
        return this.#setState({ phase: "stopped", code, reason });
    }
  }

  /**
   * @param {number} code
   * @param {string} reason
   */
  #tokenRefused(code, reason) {
    this.#tokenFailures += 1;
    const again = this.#hooks.onTokenRefused(code);
    // A second refusal in a row means that new tokens do not help: that must not become a loop.
    if (!again || this.#tokenFailures > 1) return this.#setState({ phase: "stopped", code, reason });
    this.#wait(backoffMs(this.#failures, this.#platform.random()), code, reason);
  }

  /**
   * @param {number} ms
   * @param {number} code
   * @param {string} reason
   */
  #wait(ms, code, reason) {
    this.#setTimer(() => void this.#open(), ms);
    this.#setState({ phase: "waiting", retryAt: this.#platform.clock.now() + ms, code, reason });
  }

  /** @param {{minMs?: number, maxMs?: number}} range */
  #between({ minMs = 0, maxMs = BACKOFF_MS_MAX }) {
    return minMs + this.#platform.random() * Math.max(0, maxMs - minMs);
  }

  /** @param {number} code Lets go of the socket without waiting for its close, which on a dead network takes minutes. */
  #dropSocket(code) {
    this.#setTimer(null, 0);
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    try {
      socket.close(code);
    } catch {
      // It was closed already.
    }
  }

  /**
   * @param {Socket} socket
   * @param {ClientMessage} message
   */
  #transmit(socket, message) {
    try {
      socket.send(JSON.stringify(message));
      return true;
    } catch {
      // The socket is closing; its close event follows.
      return false;
    }
  }

  /**
   * @param {(() => void) | null} action
   * @param {number} ms
   */
  #setTimer(action, ms) {
    const { clock } = this.#platform;
    if (this.#timer !== null) clock.clearTimeout(this.#timer);
    this.#timer = action && clock.setTimeout(action, ms);
  }

  /** @param {ConnectionState} state */
  #setState(state) {
    this.#state = state;
    this.#hooks.onState(state);
  }
}
