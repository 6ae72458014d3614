//! What test people do on the match page, and how they look at it: the page tells of its drone in the data of its canvas.

import assert from "node:assert/strict";

/** @typedef {import("playwright-core").Page} Page */
/** @typedef {import("./stage.js").Person} Person */
/** @typedef {{tick: number, slot: number, x: number, y: number, hp: number, points: number, dark: boolean, drones: number}} Seen */

/** What anything may take on a machine without graphics. */
export const PATIENCE_MS = 40_000;
/** The shortest match that there is, and some time to draw it. */
export const SHORT_MATCH_MS = 100_000;

/** @param {Page} page @returns {Promise<Seen>} what the page says of its drone */
export async function look(page) {
  const data = await page.evaluate(() => ({ .../** @type {HTMLElement} */ (document.getElementById("picture")).dataset }));
  const number = (/** @type {string | undefined} */ text) => Number(text ?? NaN);
  return {
    tick: number(data.tick), slot: number(data.slot), x: number(data.x), y: number(data.y), hp: number(data.hp), points: number(data.points),
    dark: data.dark === "true", drones: number(data.drones),
  };
}

/** @param {Page} page @param {(seen: Seen) => boolean} isIt @param {string} what @param {number} [patience] @returns {Promise<Seen>} */
export async function until(page, isIt, what, patience = PATIENCE_MS) {
  const end = Date.now() + patience;
  for (;;) {
    const seen = await look(page);
    if (isIt(seen)) return seen;
    if (Date.now() > end) throw new Error(`${what} did not happen: ${JSON.stringify(seen)}`);
    await page.waitForTimeout(50);
  }
}

/** @param {Person} person @param {string} name @param {string} [search] */
export async function arrive({ page, proxy }, name, search = "") {
  await page.goto(`${proxy.url}play${search}`);
  await page.waitForSelector("#lobby:not([hidden])");
  await page.fill("#name", name);
}

/** @param {Page} page @returns {Promise<Seen>} once a drone is there */
export const flies = (page) => until(page, (seen) => seen.slot >= 0 && seen.hp > 0 && seen.tick > 0, "a drone of one's own");

/** @param {Person} person @param {string} query @returns {Promise<string>} the id of a new match */
export async function begin({ page, proxy }, query) {
  const answer = await page.request.post(`${proxy.url}v1/matches?game=wreckroom&${query}`, { headers: { origin: new URL(proxy.url).origin } });
  assert.equal(answer.status(), 201, await answer.text());
  return (await answer.json()).id;
}
