//! The messages of docs/classic-room.md, as far as the page needs them: what is made of a text, or nothing.

/** @typedef {{item: string, url: string, hp: number, user: string}} Item */
/** @typedef {{items: Item[], players: string[]}} Scene */
/**
 * @typedef {{cmd: "join", game: string, user: string, status?: string, players?: string[]}
 *   | {cmd: "hit", game: string, status: string}
 *   | {cmd: "hit", game: string, user: string, item: string, hp: number, status?: undefined}
 *   | {cmd: "leave", game: string, user: string, players: string[]}
 *   | {cmd: "reset", game: string, items: Item[], players: string[]}
 *   | {cmd: "error", code: string, message: string, retry_ms?: number}} Message
 */

/**
 * @param {string} text
 * @returns {Message | undefined} nothing for what this page does not know
 */
export function readMessage(text) {
  try {
    const message = JSON.parse(text);
    return typeof message?.cmd === "string" ? message : undefined;
  } catch {
    return undefined;
  }
}

/**
 * What to do after the server closed, in milliseconds until the next try.
 * @param {number} code
 * @param {number} tries how often it was tried since it last worked
 * @param {number} random 0 to 1
 * @returns {number | undefined} nothing: only somebody who does something should try again
 */
export function retryAfter(code, tries, random) {
  if (code >= 4400 && code <= 4999) return undefined;
  const base = code === 4003 || code === 1013 ? 10_000 : Math.min(8000, 400 * 2 ** tries);
  return base * (0.5 + random / 2);
}
