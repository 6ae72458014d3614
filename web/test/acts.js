//! What test people do on the chat page, and what they look for.

import assert from "node:assert/strict";

/** @typedef {import("playwright-core").Page} Page */

/**
 * First visit: says a name.
 * @param {Page} page
 * @param {string} url
 * @param {string} name
 */
export async function arrive(page, url, name) {
  await page.goto(url);
  await page.waitForSelector("#name-dialog[open]");
  await page.keyboard.type(name);
  await page.keyboard.press("Enter");
  await page.waitForSelector('#my-state[data-phase="open"]', { state: "attached" });
}

/**
 * @param {Page} page
 * @param {string} room
 */
export async function goTo(page, room) {
  await page.evaluate((name) => void (location.hash = `#${name}`), room);
  await inRoom(page, room);
}

/**
 * @param {Page} page
 * @param {string} room
 */
export async function inRoom(page, room) {
  await page.waitForFunction((name) => !document.getElementById("room")?.hidden && document.getElementById("room-name")?.textContent === name, room);
}

/**
 * Writes and sends with the keyboard.
 * @param {Page} page
 * @param {string} text
 */
export async function write(page, text) {
  await page.focus("#text");
  await page.keyboard.type(text);
  await page.keyboard.press("Enter");
}

/**
 * Waits until a message is in the log.
 * @param {Page} page
 * @param {string} text
 */
export async function sees(page, text) {
  await page.waitForFunction((wanted) => [...document.querySelectorAll("#rows .message-text")].some((e) => e.textContent === wanted), text);
}

/**
 * Waits until an element's text matches.
 * @param {Page} page
 * @param {string} selector
 * @param {RegExp} pattern
 */
export async function reads(page, selector, pattern) {
  try {
    await page.waitForFunction(([where, source]) => new RegExp(source ?? "").test(document.querySelector(where ?? "")?.textContent ?? ""), [selector, pattern.source]);
  } catch (error) {
    throw new Error(`${selector} says “${await page.textContent(selector).catch(() => null)}”, not ${pattern}`, { cause: error });
  }
}

/**
 * @param {Page} page
 * @param {string} text
 * @returns {Promise<number>} how often the log has a message
 */
export function countOf(page, text) {
  return page.evaluate((wanted) => [...document.querySelectorAll("#rows .message-text")].filter((e) => e.textContent === wanted).length, text);
}

/** @param {Page} page @returns {Promise<string[]>} the texts of the rows in the log, in order */
export function texts(page) {
  return page.evaluate(() => [...document.querySelectorAll("#rows .message-text")].map((e) => e.textContent ?? ""));
}

/** @param {Page} page @returns {Promise<{rows: number, first: number, last: number, top: number, atBottom: boolean}>} */
export function logState(page) {
  return page.evaluate(() => {
    const rows = /** @type {HTMLElement[]} */ ([...document.querySelectorAll("#rows .row")]);
    const log = /** @type {HTMLElement} */ (document.getElementById("log"));
    const atBottom = log.scrollHeight - log.scrollTop - log.clientHeight < 2;
    return { rows: rows.length, first: Number(rows[0]?.dataset.seq), last: Number(rows.at(-1)?.dataset.seq), top: log.scrollTop, atBottom };
  });
}

/**
 * Scrolls up a little, and waits until older messages are there.
 * @param {Page} page
 * @returns {Promise<{moved: number, state: Awaited<ReturnType<typeof logState>>}>} by how many pixels a row that was in view
 *   moved although nobody scrolled it
 */
export async function readOlder(page) {
  const before = await page.evaluate(() => {
    const log = /** @type {HTMLElement} */ (document.getElementById("log"));
    log.scrollTop = 200;
    const top = log.getBoundingClientRect().top;
    const rows = /** @type {HTMLElement[]} */ ([...document.querySelectorAll("#rows .row")]);
    const row = rows.find((one) => one.getBoundingClientRect().bottom > top + 100);
    const text = row?.querySelector(".message-text, .notice");
    return { first: Number(rows[0]?.dataset.seq), seq: row?.dataset.seq, y: text?.getBoundingClientRect().top ?? 0 };
  });
  await page.waitForFunction((first) => Number(/** @type {HTMLElement} */ (document.querySelector("#rows .row"))?.dataset.seq) < first, before.first);
  const y = await page.evaluate((seq) => document.querySelector(`#rows .row[data-seq="${seq}"] :is(.message-text, .notice)`)?.getBoundingClientRect().top, before.seq);
  assert.notEqual(y, undefined, "the row that was read is still there");
  return { moved: Math.abs(Number(y) - before.y), state: await logState(page) };
}

/**
 * Types until somebody else sees it: the server ignores notices that come too soon after the last.
 * @param {Page} page
 * @param {Page} other
 * @param {RegExp} pattern what the other page shows then
 */
export async function typeUntilSeen(page, other, pattern) {
  await page.focus("#text");
  const deadline = performance.now() + 10_000;
  while (!pattern.test((await other.textContent("#typing")) ?? "")) {
    assert.ok(performance.now() < deadline, `nobody sees the typing: ${await other.textContent("#typing")}`);
    await page.keyboard.type(".", { delay: 20 });
  }
}
