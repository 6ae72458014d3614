//! The WebSocket of a match: says hello, comes back after it broke, and knows when not to. It knows nothing of the game.

import { SUBPROTOCOL, WireError, encodeHello, encodeLeave, encodePace, encodePing, readMessage } from "./wire.js";

/** @typedef {import("./wire.js").ServerMessage} ServerMessage */
/** @typedef {"connecting" | "open" | "waiting" | "closed"} Phase */
/** @typedef {{name: string, colour: number | null, spectate: boolean, token?: string, resume?: Uint8Array}} Hello */

/** The first wait before coming back; it doubles up to the longest, with chance, so that not all come at once. */
const WAIT_MS_MIN = 250;
const WAIT_MS_MAX = 8_000;
/** What the server closes with if all places are taken, or it has no time for more players; and how long to leave it alone then. */
const FULL = 1013;
const FULL_WAIT_MS = 5_000;
/** A server that says nothing at all for so long is not there any more. */
const SILENCE_MS = 6_000;
const PING_MS = 1_000;
/** Attempts in a row after which it gives up: a match that never let one in does not run, and places are kept for 30 seconds only. */
const ATTEMPTS_MAX = 4;
const RETURNS_MAX = 12;
/** Close codes after which it makes no sense to come back, and what they mean. After all others it comes back. */
const FINAL = /** @type {Readonly<Record<number, string>>} */ (Object.freeze({
  1000: "The match is over.",
  4400: "The server does not understand this page. Reload it, it may be old.",
  4401: "You are not signed in, or not any more.",
  4403: "This match is for those who were invited.",
  4406: "The match does not take you.",
  4408: "You went on in another window.",
  4410: "The match was closed.",
}));

export class Connection {
  #url;
  #hello;
  /** @type {WebSocket | null} */
  #socket = null;
  /** The latest snapshot of this socket: the next one tells what differs. @type {import("./wire.js").Snapshot | null} */
  #before = null;
  #attempts = 0;
  #wasIn = false;
  #heardAt = 0;
  #hasEnded = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer = undefined;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #pulse = undefined;
  /** @type {Phase} */
  phase = "connecting";
  /** Bytes received since the beginning. */
  received = 0;
  /** @param {ServerMessage} _message @param {number} _now */
  onMessage = (_message, _now) => {};
  /** @param {Phase} _phase @param {string} _reason a sentence if it waits or is over */
  onPhase = (_phase, _reason) => {};

  /** @param {string} url @param {Hello} hello */
  constructor(url, hello) {
    this.#url = url;
    this.#hello = hello;
    document.addEventListener("visibilitychange", this.#onVisibility);
    window.addEventListener("online", this.#onOnline);
  }

  open() {
    clearTimeout(this.#timer);
    this.#enter("connecting");
    const socket = new WebSocket(this.#url, SUBPROTOCOL);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    this.#before = null;
    this.#heardAt = performance.now();
    socket.onopen = () => {
      socket.send(encodeHello(this.#hello));
      this.#onVisibility();
    };
    socket.onmessage = ({ data }) => {
      if (socket === this.#socket) this.#hear(data);
    };
    socket.onclose = ({ code, reason }) => {
      if (socket === this.#socket) this.#lost(code, reason);
    };
    clearInterval(this.#pulse);
    this.#pulse = setInterval(() => this.#beat(), PING_MS);
  }

  /** @param {Uint8Array<ArrayBuffer>} bytes Nothing is kept for later: what cannot go now is old when it could. */
  send(bytes) {
    if (this.phase === "open" && this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(bytes);
  }

  /** @param {boolean} givesUp whether the place is given up too; without it, it is kept for 30 seconds */
  close(givesUp) {
    if (givesUp) this.send(encodeLeave());
    document.removeEventListener("visibilitychange", this.#onVisibility);
    window.removeEventListener("online", this.#onOnline);
    this.#hasEnded = true;
    clearTimeout(this.#timer);
    clearInterval(this.#pulse);
    this.#socket?.close(1000);
    this.#socket = null;
    this.phase = "closed";
  }

  /** @param {unknown} data */
  #hear(data) {
    const now = performance.now();
    this.#heardAt = now;
    if (!(data instanceof ArrayBuffer)) return;
    this.received += data.byteLength;
    try {
      const message = readMessage(new Uint8Array(data), this.#before);
      if (message.type === "snapshot") this.#before = message;
      if (message.type === "welcome") {
        this.#hello = { ...this.#hello, resume: message.resume };
        this.#attempts = 0;
        this.#wasIn = true;
        this.#enter("open");
        this.#ping();
      }
      if (message.type === "end") this.#hasEnded = true;
      this.onMessage(message, now);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      // What was built on this connection's messages is of no use any more: a new one starts from nothing.
      console.warn("The server said something that nobody understands.", error);
      this.#socket?.close(4002);
      this.#lost(4002, "");
    }
  }

  #beat() {
    if (performance.now() - this.#heardAt > SILENCE_MS) {
      this.#socket?.close();
      this.#lost(1006, "");
    } else {
      this.#ping();
    }
  }

  /** The time goes along in tenths of a millisecond, modulo 2³², and comes back. */
  #ping() {
    this.send(encodePing(Math.round(performance.now() * 10) >>> 0));
  }

  /** @param {number} code @param {string} reason */
  #lost(code, reason) {
    this.#socket = null;
    clearInterval(this.#pulse);
    clearTimeout(this.#timer);
    if (this.#hasEnded || code in FINAL) return this.#enter("closed", reason || (FINAL[code] ?? "The match is over."));
    this.#attempts += 1;
    if (this.#attempts > (this.#wasIn ? RETURNS_MAX : ATTEMPTS_MAX)) {
      return this.#enter("closed", this.#wasIn ? "The connection is lost, and the match may be over by now." : "This match does not run, or is full, or the server does not answer.");
    }
    const usual = Math.min(WAIT_MS_MAX, WAIT_MS_MIN * 2 ** (this.#attempts - 1)) * (0.5 + Math.random() / 2);
    this.#timer = setTimeout(() => this.open(), code === FULL ? FULL_WAIT_MS * (1 + Math.random()) : usual);
    this.#enter("waiting", code === FULL ? "The match takes nobody in at the moment. Trying again…" : "The connection is lost. Coming back…");
  }

  /** @param {Phase} phase @param {string} [reason] */
  #enter(phase, reason = "") {
    this.phase = phase;
    this.onPhase(phase, reason);
  }

  #onVisibility = () => {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(encodePace(document.hidden));
  };

  #onOnline = () => {
    if (this.phase === "waiting") this.open();
  };
}

/** @param {number} time what a ping took along @param {number} now @returns {number} when it was sent, on our clock */
export function sentAt(time, now) {
  const behind = ((Math.round(now * 10) >>> 0) - time) >>> 0;
  return now - behind / 10;
}
