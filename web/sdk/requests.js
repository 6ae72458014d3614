//! Questions that get exactly one answer: matched by `id`, asked again after a reconnect, given up after a deadline.

import { StoaError } from "./protocol.js";

/** @typedef {import("./protocol.js").ServerMessage} ServerMessage */
/** @typedef {import("./protocol.js").ErrorMessage} ErrorMessage */
/** @typedef {import("./platform.js").Platform} Platform */
/**
 * @typedef {{t: "join" | "leave", room: string}
 *   | {t: "rooms"}
 *   | {t: "history", room: string, before?: number, after?: number, limit?: number}
 *   | {t: "members", room: string, after?: string, limit?: number}
 *   | {t: "resume", epoch?: string, rooms: Record<string, number>}} Question what a client can ask
 */

/** How long a question may go without an answer, however often it is asked. */
export const ANSWER_MS_MAX = 20_000;
/** Questions that may wait for answers. */
export const QUESTIONS_MAX = 256;

/**
 * @typedef {object} Waiting
 * @property {Question & {id: string}} message
 * @property {(answer: any) => void} resolve
 * @property {(error: StoaError) => void} reject
 * @property {unknown} deadline
 * @property {unknown} retry
 */

/** The open questions of a client. All of them may be asked twice without harm. */
export class Requests {
  #platform;
  #transmit;
  #asked = 0;
  /** @type {Map<string, Waiting>} in the order in which they were asked */
  #waiting = new Map();

  /**
   * @param {Platform} platform
   * @param {(message: any) => boolean} transmit hands a message to the connection, if it is open
   */
  constructor(platform, transmit) {
    this.#platform = platform;
    this.#transmit = transmit;
  }

  /**
   * Asks as soon as the connection is open.
   * @param {Question} question
   * @returns {Promise<any>} the answer
   * @throws {StoaError} the server's error, or `timeout`, `closed`, `too_many_requests`
   */
  ask(question) {
    if (this.#waiting.size >= QUESTIONS_MAX) {
      return Promise.reject(new StoaError("too_many_requests", "Too many questions wait for answers."));
    }
    this.#asked += 1;
    const id = String(this.#asked);
    return new Promise((resolve, reject) => {
      const deadline = this.#platform.clock.setTimeout(() => {
        this.#take(id)?.reject(new StoaError("timeout", "The server did not answer in time."));
      }, ANSWER_MS_MAX);
      const waiting = { message: { ...question, id }, resolve, reject, deadline, retry: null };
      this.#waiting.set(id, waiting);
      this.#transmit(waiting.message);
    });
  }

  /** After a `welcome`: asks everything again that has no answer. */
  askAgain() {
    // A resume belongs to the connection that it was asked on: the new one makes its own.
    for (const waiting of [...this.#waiting.values()]) {
      if (waiting.message.t === "resume") this.#take(waiting.message.id)?.reject(new StoaError("closed", "The connection broke."));
      else this.#transmit(waiting.message);
    }
  }

  /**
   * @param {ServerMessage} message
   * @returns {boolean} whether it was the answer to one of these
   */
  answered(message) {
    if (!("id" in message) || message.id === undefined || !this.#waiting.has(message.id)) return false;
    if (message.t === "error") this.#refused(message.id, message);
    else this.#take(message.id)?.resolve(message);
    return true;
  }

  /** The client is closed for good: nobody will answer. */
  close() {
    for (const id of [...this.#waiting.keys()]) this.#take(id)?.reject(new StoaError("closed", "The client was closed."));
  }

  /**
   * @param {string} id
   * @param {ErrorMessage} error
   */
  #refused(id, error) {
    const waiting = this.#waiting.get(id);
    if (waiting && error.retry_ms !== undefined) {
      waiting.retry = this.#platform.clock.setTimeout(() => this.#transmit(waiting.message), error.retry_ms);
    } else {
      this.#take(id)?.reject(new StoaError(error.code, error.message));
    }
  }

  /** @param {string} id */
  #take(id) {
    const waiting = this.#waiting.get(id);
    if (!waiting) return undefined;
    this.#waiting.delete(id);
    this.#platform.clock.clearTimeout(waiting.deadline);
    if (waiting.retry !== null) this.#platform.clock.clearTimeout(waiting.retry);
    return waiting;
  }
}
