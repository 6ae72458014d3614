//! A long room: reading back without losing the place, a bounded page, news that come meanwhile.

import assert from "node:assert/strict";
import { arrive, goTo, inRoom, logState, readOlder, reads, sees, write } from "../acts.js";
import { say } from "../stage.js";

/** Writers, and messages of each: a burst of one user is at most 100. */
const WRITERS = 8;
const MESSAGES_EACH = 90;
/** Rows that the page keeps. */
const ROWS_MAX = 500;

/**
 * @param {import("../stage.js").Stage} stage
 * @param {string} tag
 */
export async function history(stage, tag) {
  const room = `long-${tag}`;
  const other = `other-${tag}`;
  const dora = await stage.person();
  const { page } = dora;
  const total = WRITERS * MESSAGES_EACH;
  const guests = await Promise.all(Array.from({ length: WRITERS }, (_, i) => stage.guest(`Writer ${i + 1}`)));
  const [first] = guests;
  if (!first) throw new Error("no writers");
  await arrive(page, dora.proxy.url, "Dora");
  await goTo(page, room);
  await goTo(page, other);
  await Promise.all(guests.map((guest, i) => say(guest, room, messagesOf(i + 1))));
  await unread(stage, page, room, total);
  await readingBack(stage, page, room, first);
  await readingOn(stage, page, room, first, total);
  for (const guest of guests) guest.close();
}

/** @param {number} writer @returns {string[]} */
function messagesOf(writer) {
  const more = ", which says a little more than the others do, so that not all rows are equally high on any screen";
  return Array.from({ length: MESSAGES_EACH }, (_, n) => `message ${n + 1} of writer ${writer}${n % 7 === 3 ? more : ""}`);
}

/** @typedef {import("../stage.js").Stage} Stage */
/** @typedef {import("playwright-core").Page} Page */
/** @typedef {import("../../sdk/index.js").StoaChat} StoaChat */

/**
 * @param {Stage} stage
 * @param {Page} page
 * @param {string} room
 * @param {number} total
 */
async function unread(stage, page, room, total) {
  await stage.check("a room with many unread messages opens at the first of them", async () => {
    await reads(page, `[data-room="${room}"] .badge`, /^99\+$/);
    await page.waitForFunction((count) => document.title.startsWith(`(${count})`), total);
    await goTo(page, room);
    await reads(page, ".divider", /New messages/);
    const y = await page.evaluate(() => {
      const log = document.getElementById("log")?.getBoundingClientRect();
      const divider = document.querySelector(".divider")?.getBoundingClientRect();
      return log && divider ? (divider.top - log.top) / log.height : -1;
    });
    assert.ok(y > 0 && y < 0.5, `the line is in view, at ${y}`);
    assert.equal(await page.isVisible("#jump"), true);
    await stage.picture(page, "desktop-light-history");
  });

  await stage.check("the button leads to the newest message, and everything is read", async () => {
    await page.click("#jump");
    await page.waitForFunction(() => !document.title.startsWith("("));
    await page.waitForFunction(() => document.getElementById("jump")?.hidden);
    assert.equal((await logState(page)).atBottom, true);
  });
}

/**
 * @param {Stage} stage
 * @param {Page} page
 * @param {string} room
 * @param {StoaChat} first
 */
async function readingBack(stage, page, room, first) {
  await stage.check("reading back keeps the place to the pixel, down to where the room begins", async () => {
    let worst = 0;
    for (let pages = 0; pages < 60; pages++) {
      const { moved, state } = await readOlder(page);
      worst = Math.max(worst, moved);
      assert.ok(state.rows <= ROWS_MAX, `${state.rows} rows`);
      if (state.first === 1) break;
    }
    await reads(page, "#log-top", new RegExp(`^This is where ${room} begins`));
    assert.ok(worst <= 1, `a row moved by ${worst} px`);
    const seqs = await page.evaluate(() => [...document.querySelectorAll("#rows .row")].map((row) => Number(/** @type {HTMLElement} */ (row).dataset.seq)));
    assert.deepEqual(seqs, Array.from({ length: seqs.length }, (_, i) => i + 1), "no hole, no repeat");
  });

  await stage.check("news do not move who reads back, and are counted", async () => {
    const before = await logState(page);
    await say(first, room, ["news one", "news two"]);
    await reads(page, "#jump-text", /^2 new$/);
    assert.equal((await logState(page)).top, before.top);
  });
}

/**
 * @param {Stage} stage
 * @param {Page} page
 * @param {string} room
 * @param {StoaChat} first
 * @param {number} total
 */
async function readingOn(stage, page, room, first, total) {
  await stage.check("scrolling down again comes to the end without a hole", async () => {
    const end = await page.evaluate(async () => {
      const log = /** @type {HTMLElement} */ (document.getElementById("log"));
      const seen = new Set();
      const deadline = performance.now() + 10_000;
      while (performance.now() < deadline) {
        for (const row of document.querySelectorAll("#rows .row")) seen.add(Number(/** @type {HTMLElement} */ (row).dataset.seq));
        if ([...document.querySelectorAll("#rows .message-text")].at(-1)?.textContent === "news two") break;
        log.scrollTop = log.scrollHeight - log.clientHeight - 300;
        await new Promise((resolve) => requestAnimationFrame(resolve));
      }
      const seqs = [...seen].sort((a, b) => a - b);
      return { holes: seqs.filter((seq, i) => seq !== i + 1).length, count: seqs.length };
    });
    assert.equal(end.holes, 0);
    assert.ok(end.count >= total + 2, `${end.count} events seen`);
    assert.ok((await logState(page)).rows <= ROWS_MAX);
  });

  await stage.check("writing leads to the end", async () => {
    await page.evaluate(() => /** @type {HTMLElement} */ (document.getElementById("log")).scrollTo(0, 0));
    await write(page, "back to the present");
    await sees(page, "back to the present");
    await page.waitForFunction(() => {
      const log = /** @type {HTMLElement} */ (document.getElementById("log"));
      return log.scrollHeight - log.scrollTop - log.clientHeight < 2;
    });
  });

  await stage.check("a full room stays at its end while messages pour in", async () => {
    await say(first, room, Array.from({ length: 8 }, (_, i) => `pour ${i}`));
    await sees(page, "pour 7");
    const state = await logState(page);
    assert.ok(state.rows <= ROWS_MAX);
    assert.equal(state.atBottom, true);
    await page.reload();
    await inRoom(page, room);
    await sees(page, "pour 7");
    assert.equal((await logState(page)).atBottom, true);
  });
}
