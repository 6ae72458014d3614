//! A whole match: two browsers and a hundred bots from the first tick to the podium. One browser is cut off and returns, both
//! learn the same result, and the recording gives it again: natively, in WebAssembly, and in the page.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { ArenaModule } from "../../play/arena.js";
import { Recording } from "../../play/recording.js";
import { ReplayWorld } from "../../play/replay.js";
import { PATIENCE_MS, SHORT_MATCH_MS, arrive, begin, flies, until } from "../flying.js";
import { axeFindsNothing } from "./accessibility.mjs";

/** @typedef {import("playwright-core").Page} Page */
/** @typedef {import("../stage.js").Stage} Stage */
/** @typedef {import("../stage.js").Person} Person */
/** @typedef {{name: string, points: number}} Line of the scores */

const BOTS = 100;
const PEOPLE = 2;
const TICKS = 60 * 30;
const CUT_MS = 5_000;
const PRESS_MS = 150;
/** Less than a server sends in any second. */
const SECOND_BYTES_MIN = 500;
/** Longer than a recorder may take to close its file. */
const CLOSING_MS = 20_000;

/** @param {Stage} stage @param {Person} ann */
export async function checkWholeMatch(stage, ann) {
  const bea = await stage.person();
  bea.context.setDefaultTimeout(PATIENCE_MS);
  let id = "";
  await stage.check(`two browsers and ${BOTS} bots are in one match, and know of each other`, async () => {
    await arrive(bea, "Bea");
    id = await begin(ann, `private=1&minutes=1&places=${BOTS + PEOPLE}&bots=${BOTS + PEOPLE}`);
    const link = `play?match=${id}`;
    // Whoever has given a name comes in by the link alone.
    await bea.page.press("#name", "Tab");
    await Promise.all([ann, bea].map(async ({ page, proxy }) => {
      await page.goto(proxy.url + link);
      await flies(page);
    }));
    assert.ok(!(await (await ann.page.request.get(`${ann.proxy.url}v1/matches`)).text()).includes(id), "nobody else learns of it");
    await Promise.all([findInScores(ann.page, "Bea"), findInScores(bea.page, "Ann")]);
  });
  const pictures = watchForDeaths(stage, [ann.page, bea.page]);
  const hands = Promise.all([fly(ann.page), fly(bea.page)]);

  await stage.check("a browser that is cut off for five seconds returns into its drone", async () => {
    const { page, proxy } = bea;
    const before = await flies(page);
    proxy.cut();
    await page.waitForFunction(() => /lost/.test(document.getElementById("banner")?.textContent ?? ""));
    await page.waitForTimeout(CUT_MS);
    proxy.mend();
    const after = await until(page, (seen) => seen.tick > before.tick + CUT_MS / 40, "the match going on");
    assert.equal(after.slot, before.slot, "the same place");
    assert.ok(after.points >= before.points, `with its points: ${before.points}, ${after.points}`);
    await page.waitForFunction(() => document.getElementById("banner")?.textContent === "");
    // The page would go on by itself for a while: only what the server sends shows that it is back.
    const { received } = proxy;
    await until(page, (seen) => seen.tick > after.tick + 30, "another second of the match");
    assert.ok(proxy.received > received + SECOND_BYTES_MIN, `${proxy.received - received} bytes in a second`);
    assert.ok((await scores(ann.page, "score-rows")).some(({ name }) => name === "Bea"), "who is cut off is not gone");
  });

  /** @type {Line[]} */
  let result = [];
  await stage.check("the match has an end, which is the same in both browsers", async () => {
    const both = await Promise.all([ann.page, bea.page].map(async (page) => {
      await page.waitForSelector("#end[open]", { timeout: SHORT_MATCH_MS });
      assert.equal(await page.locator("#podium li").count(), 3);
      assert.match((await page.textContent("#end-text")) ?? "", new RegExp(`^You came in \\d+(st|nd|rd|th) of ${BOTS + PEOPLE}\\.$`));
      return scores(page, "end-rows");
    }));
    result = both[0] ?? [];
    assert.deepEqual(both[1], result);
    assert.equal(result.length, BOTS + PEOPLE);
    await axeFindsNothing(ann.page);
    await stage.picture(ann.page, "play-end");
  });
  await hands;
  await pictures;
  await bea.page.close();
  await checkRecording(stage, ann, id, result);
}

/** @param {Stage} stage @param {Person} ann @param {string} id @param {readonly Line[]} result */
async function checkRecording(stage, { page, proxy }, id, result) {
  const folder = mkdtempSync(join(tmpdir(), "stoa-recording-"));
  const file = join(folder, `${id}.stoaplay`);
  await stage.check("its recording is whole: natively every hash is right", async () => {
    writeFileSync(file, await fetchRecording(page, `${proxy.url}v1/matches/${id}/replay`));
    const { stdout } = await promisify(execFile)(process.env.STOA_BINARY ?? "stoa", ["replay", file, "--json"], { timeout: SHORT_MATCH_MS });
    const report = JSON.parse(stdout);
    assert.ok(report.verified && report.is_whole, stdout);
    assert.equal(report.ticks, TICKS);
    assert.ok(report.hashes >= TICKS / 100 && report.faults === 0, stdout);
  });

  await stage.check("in WebAssembly every hash is right, and the points are those that both browsers saw", async () => {
    const module = new ArenaModule(await WebAssembly.compile(readFileSync(new URL("../../play/arena.wasm", import.meta.url))));
    const replay = new ReplayWorld(module, new Recording(readFileSync(file)));
    while (replay.step());
    assert.equal(replay.tick, TICKS);
    assert.equal(replay.firstFault, 0, "the first tick that differs");
    assert.ok(replay.hashes >= TICKS / 100 - 1, `${replay.hashes} hashes`);
    const played = [...replay.world.players.values()].map(({ name, score }) => ({ name, points: score }));
    assert.deepEqual(byName(played), byName(result));
  });
  rmSync(folder, { recursive: true });

  await stage.check("the page plays it, and seeks both ways", async () => {
    await page.goto(`${proxy.url}play?replay=${id}`);
    await until(page, (seen) => seen.tick > 10 && seen.drones > 5, "the recording running");
    const seek = async (/** @type {number} */ tick) => {
      await page.evaluate((value) => {
        const bar = /** @type {HTMLInputElement} */ (document.getElementById("replay-seek"));
        bar.value = String(value);
        bar.dispatchEvent(new Event("input"));
      }, tick);
      await until(page, (seen) => Math.abs(seen.tick - tick) < 200, `tick ${tick}`);
      await page.waitForFunction(() => document.getElementById("replay-state")?.textContent === "verified", null, { timeout: PATIENCE_MS });
    };
    await seek(1500);
    await stage.picture(page, "play-replay");
    await seek(300);
    await axeFindsNothing(page);
  });
}

/** @param {Page} page @param {string} name somebody who must be in the table, with all others */
async function findInScores(page, name) {
  await page.keyboard.press("Tab");
  // Bots come in sixteen a tick, and the table is made anew twice a second.
  await page.waitForFunction(([wanted, count]) => {
    const rows = document.getElementById("score-rows");
    return rows?.childElementCount === count && rows?.textContent?.includes(String(wanted));
  }, /** @type {const} */ ([name, BOTS + PEOPLE]));
  await page.keyboard.press("Tab");
}

/** @param {readonly Line[]} lines */
const byName = (lines) => [...lines].sort((a, b) => (a.name < b.name ? -1 : 1));

/** @param {Page} page @param {string} table @returns {Promise<Line[]>} */
function scores(page, table) {
  return page.evaluate((rows) => [...(document.getElementById(rows)?.children ?? [])].map((row) => ({
    name: row.querySelector("td span")?.textContent ?? "", points: Number(row.children[2]?.textContent),
  })), table);
}

/** Flies about and shoots, until the match is over. @param {Page} page */
async function fly(page) {
  await page.mouse.move(900, 400);
  await page.mouse.down();
  const end = Date.now() + SHORT_MATCH_MS;
  for (let turn = 0; Date.now() < end && !(await page.isVisible("#end")); turn += 1) {
    await page.mouse.move(640 + 300 * Math.cos(turn / 3), 400 + 300 * Math.sin(turn / 3));
    await page.keyboard.press(["d", "s", "e", "a", "w", "k"][turn % 6] ?? "d", { delay: PRESS_MS });
  }
  await page.mouse.up();
}

/** Whoever flies so badly among a hundred bots is wrecked sooner or later: the page shows why. @param {Stage} stage @param {Page[]} pages */
async function watchForDeaths(stage, pages) {
  const wrecked = pages.map((page) => page.waitForSelector("#death:not([hidden])", { timeout: SHORT_MATCH_MS }).then(() => page));
  const first = await Promise.any(wrecked).catch(() => null);
  if (first) await stage.picture(first, "play-death");
  await Promise.allSettled(wrecked);
}

/** @param {Page} page @param {string} url @returns {Promise<Buffer>} once the match is over for the recorder, too */
async function fetchRecording(page, url) {
  const end = Date.now() + CLOSING_MS;
  for (;;) {
    const answer = await page.request.get(url);
    if (answer.ok()) return answer.body();
    if (answer.status() !== 409 || Date.now() > end) throw new Error(`${answer.status()} ${await answer.text()}`);
    await page.waitForTimeout(200);
  }
}
