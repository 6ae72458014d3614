//! Matches: joining, moving, shooting, coming back, watching, the end, and the recording; on desk and phone.

import assert from "node:assert/strict";
import { axeFindsNothing } from "./accessibility.mjs";

/** @typedef {import("playwright-core").Page} Page */
/** @typedef {import("../stage.js").Person} Person */
/** @typedef {{tick: number, slot: number, x: number, y: number, hp: number, points: number, dark: boolean, drones: number}} Seen */

/** From the page's address to flying a drone. */
const TO_PLAY_MS = 10_000;
/** The shortest match that there is, and some time to draw it. */
const SHORT_MATCH_MS = 100_000;
const CUT_MS = 5_000;
/** What anything may take on a machine without graphics. */
const PATIENCE_MS = 30_000;

/** @param {Page} page @returns {Promise<Seen>} what the page says of its drone */
async function look(page) {
  const data = await page.evaluate(() => ({ .../** @type {HTMLElement} */ (document.getElementById("picture")).dataset }));
  const number = (/** @type {string | undefined} */ text) => Number(text ?? NaN);
  return {
    tick: number(data.tick), slot: number(data.slot), x: number(data.x), y: number(data.y), hp: number(data.hp), points: number(data.points),
    dark: data.dark === "true", drones: number(data.drones),
  };
}

/** @param {Page} page @param {(seen: Seen) => boolean} isIt @param {string} what @param {number} [patience] @returns {Promise<Seen>} */
async function until(page, isIt, what, patience = PATIENCE_MS) {
  const end = Date.now() + patience;
  for (;;) {
    const seen = await look(page);
    if (isIt(seen)) return seen;
    if (Date.now() > end) throw new Error(`${what} did not happen: ${JSON.stringify(seen)}`);
    await page.waitForTimeout(50);
  }
}

/** @param {Person} person @param {string} name @param {string} [search] */
async function arrive({ page, proxy }, name, search = "") {
  await page.goto(`${proxy.url}play${search}`);
  await page.waitForSelector("#lobby:not([hidden])");
  await page.fill("#name", name);
}

/** @param {Page} page @returns {Promise<Seen>} once a drone is there */
const flies = (page) => until(page, (seen) => seen.slot >= 0 && seen.hp > 0 && seen.tick > 0, "a drone of one's own");

/** @param {Person} person @param {string} query @returns {Promise<string>} the id of a new match */
async function begin({ page, proxy }, query) {
  const answer = await page.request.post(`${proxy.url}v1/matches?game=wreckroom&${query}`, { headers: { origin: new URL(proxy.url).origin } });
  assert.equal(answer.status(), 201, await answer.text());
  return (await answer.json()).id;
}

/** @param {import("../stage.js").Stage} stage */
export async function checkPlay(stage) {
  const ann = await stage.person();
  ann.context.setDefaultTimeout(PATIENCE_MS);
  await checkLobby(stage, ann);
  await checkPlaying(stage, ann);
  await checkNetwork(stage, ann);
  await checkKeyboard(stage, ann);
  await checkPhone(stage);
  await checkWatching(stage, ann);
  await checkEnd(stage, ann);
  await checkWrongLinks(stage, ann);
  await checkPictures(stage, ann);
}

/** @param {import("../stage.js").Stage} stage @param {Person} ann */
async function checkLobby(stage, ann) {
  const { page } = ann;
  await stage.check("the lobby asks for a name, and axe finds nothing in it", async () => {
    await page.goto(`${ann.proxy.url}play`);
    await page.waitForSelector("#lobby:not([hidden])");
    await page.fill("#name", "");
    await page.click("#quick-play");
    assert.match((await page.textContent("#name-problem")) ?? "", /choose a name/);
    assert.equal(await page.evaluate(() => document.activeElement?.id), "name");
    await axeFindsNothing(page);
  });

  await stage.check("a person plays against bots within ten seconds", async () => {
    await page.goto("about:blank");
    const start = Date.now();
    await arrive(ann, "Ann");
    await page.keyboard.press("Enter");
    await flies(page);
    const took = Date.now() - start;
    assert.ok(took < TO_PLAY_MS, `${took} ms`);
    await until(page, (seen) => seen.drones > 1, "somebody else in sight");
  });
}

/** @param {import("../stage.js").Stage} stage @param {Person} ann */
async function checkPlaying(stage, { page }) {
  await stage.check("keys move the drone, and it is where it is told to be", async () => {
    for (const [key, axis, sign] of /** @type {[string, "x" | "y", number][]} */ ([["d", "x", 1], ["a", "x", -1], ["s", "y", 1], ["w", "y", -1]])) {
      const before = await flies(page);
      await page.keyboard.down(key);
      // A wall may be in the way of one direction, never of its opposite; and whoever is wrecked comes back elsewhere.
      const after = await until(page, (seen) => seen.tick > before.tick + 20, "half a second of the match");
      await page.keyboard.up(key);
      if (sign > 0 && (after[axis] - before[axis]) * sign < 5) continue;
      if (after.hp > 0) assert.ok(Math.abs(after.x - before.x) + Math.abs(after.y - before.y) > 5, `${key}: ${JSON.stringify([before, after])}`);
    }
  });

  await stage.check("shots hit: health or points change", async () => {
    const start = await flies(page);
    await page.mouse.move(900, 400);
    await page.mouse.down();
    for (let turn = 0; turn < 120; turn += 1) {
      await page.mouse.move(640 + 300 * Math.cos(turn / 3), 400 + 300 * Math.sin(turn / 3));
      await page.keyboard.press(["d", "s", "a", "w", "e", "k"][turn % 6] ?? "d", { delay: 120 });
      const now = await look(page);
      if (now.points !== start.points || now.hp !== start.hp) break;
    }
    await page.mouse.up();
    const after = await look(page);
    assert.ok(after.points !== start.points || after.hp !== start.hp, JSON.stringify([start, after]));
    await stage.picture(page, "play-arena");
  });

  await stage.check("the figures of the network are there, and the prediction is right nearly always", async () => {
    await page.keyboard.press("n");
    await page.waitForFunction(() => /ms/.test(document.getElementById("net-rtt")?.textContent ?? ""));
    await page.waitForFunction(() => /kB/.test(document.getElementById("net-bytes")?.textContent ?? ""));
    const bytes = Number.parseFloat((await page.textContent("#net-bytes")) ?? "");
    assert.ok(bytes > 0 && bytes < 60, `${bytes} kB/s`);
    await page.keyboard.press("n");
  });
}

/** @param {import("../stage.js").Stage} stage @param {Person} ann */
async function checkNetwork(stage, { page, proxy }) {
  await stage.check("a browser that is cut off for five seconds returns into its drone", async () => {
    const before = await flies(page);
    proxy.cut();
    await page.waitForFunction(() => /lost/.test(document.getElementById("banner")?.textContent ?? ""));
    await page.waitForTimeout(CUT_MS);
    proxy.mend();
    const after = await until(page, (seen) => seen.tick > before.tick + 120, "the match going on");
    assert.equal(after.slot, before.slot, "the same place");
    assert.ok(after.points >= before.points, "with its points");
    await page.waitForFunction(() => document.getElementById("banner")?.textContent === "");
  });

  await stage.check("a page that is loaded anew returns into its drone", async () => {
    const before = await flies(page);
    await page.reload();
    assert.equal((await flies(page)).slot, before.slot);
  });
}

/** @param {import("../stage.js").Stage} stage @param {Person} ann */
async function checkKeyboard(stage, { page }) {
  await stage.check("Tab shows the scores, Escape the menu, and axe finds nothing in either", async () => {
    await page.keyboard.press("Tab");
    await page.waitForSelector("#scoreboard:not([hidden])");
    await page.waitForFunction(() => (document.getElementById("score-rows")?.childElementCount ?? 0) > 1);
    await axeFindsNothing(page);
    await stage.picture(page, "play-scoreboard");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Escape");
    await page.waitForSelector("#menu[open]");
    await axeFindsNothing(page);
    const before = await look(page);
    await page.keyboard.down("d");
    await page.waitForTimeout(300);
    await page.keyboard.up("d");
    assert.equal(before.slot, (await look(page)).slot);
    await page.keyboard.press("Enter");
    await page.waitForSelector("#menu:not([open])", { state: "attached" });
  });

  await stage.check("sound can be muted, and the page remembers it", async () => {
    assert.equal(await page.getAttribute("#sound-toggle", "aria-pressed"), "true");
    await page.keyboard.press("m");
    assert.equal(await page.getAttribute("#sound-toggle", "aria-pressed"), "false");
    await page.reload();
    await flies(page);
    assert.equal(await page.getAttribute("#sound-toggle", "aria-pressed"), "false");
  });

  await stage.check("the menu leads back to the lobby without a mouse", async () => {
    await page.keyboard.press("Escape");
    await page.waitForSelector("#menu[open]");
    for (let i = 0; i < 5; i += 1) await page.keyboard.press("Tab");
    await page.focus("#menu-leave");
    await page.keyboard.press("Enter");
    await page.waitForSelector("#lobby:not([hidden])");
    assert.equal(new URL(page.url()).search, "");
    await page.waitForSelector("#matches li");
    await stage.picture(page, "play-lobby");
  });
}

/** @param {import("../stage.js").Stage} stage */
async function checkPhone(stage) {
  const bob = await stage.person({ phone: true });
  bob.context.setDefaultTimeout(PATIENCE_MS);
  await stage.check("on a phone two thumbs fly and fire, upright and on its side", async () => {
    const { page } = bob;
    await arrive(bob, "Bob");
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "nothing sticks out of the lobby");
    await stage.picture(page, "play-lobby-phone");
    await page.tap("#quick-play");
    const start = await flies(page);
    const touch = await page.context().newCDPSession(page);
    const points = [{ x: 80, y: 620, id: 0 }, { x: 280, y: 620, id: 1 }];
    await touch.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints: points });
    await touch.send("Input.dispatchTouchEvent", { type: "touchMove", touchPoints: [{ x: 130, y: 640, id: 0 }, { x: 330, y: 600, id: 1 }] });
    await page.waitForSelector("#touch:not([hidden])", { state: "attached" });
    await until(page, (seen) => Math.abs(seen.x - start.x) + Math.abs(seen.y - start.y) > 3 || seen.hp === 0, "the drone moving under a thumb");
    await stage.picture(page, "play-phone");
    await touch.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
    await axeFindsNothing(page);
    await page.setViewportSize({ width: 740, height: 360 });
    await page.waitForTimeout(500);
    await stage.picture(page, "play-phone-landscape");
    await page.close();
  });
}

/** @param {import("../stage.js").Stage} stage @param {Person} ann */
async function checkWatching(stage, ann) {
  const { page } = ann;
  await stage.check("whoever only watches sees drones, changes from one to the next, and flies freely", async () => {
    await page.click('#matches li:first-child button:has-text("Watch")');
    await until(page, (seen) => seen.slot === -1 && seen.drones > 0, "drones in sight");
    const leader = await page.textContent("#watching");
    await page.click("#watch-next");
    await page.waitForFunction((was) => document.getElementById("watching")?.textContent !== was, leader);
    await page.click("#watch-free");
    assert.equal(await page.getAttribute("#watch-free", "aria-pressed"), "true");
    await axeFindsNothing(page);
    await stage.picture(page, "play-watching");
  });
}

/** @param {import("../stage.js").Stage} stage @param {Person} ann */
async function checkEnd(stage, ann) {
  const { page, proxy } = ann;
  let id = "";
  await stage.check("a private match is played to its end by whoever has the link, and has a podium", async () => {
    id = await begin(ann, "private=1&minutes=1&bots=24&places=24");
    await page.goto(`${proxy.url}play?match=${id}`);
    await flies(page);
    assert.ok(!(await (await page.request.get(`${proxy.url}v1/matches`)).text()).includes(id), "nobody else learns of it");
    // Whoever stands still among 23 bots is wrecked sooner or later: the page shows why.
    const isWrecked = page.waitForSelector("#death:not([hidden])", { timeout: SHORT_MATCH_MS }).then(() => stage.picture(page, "play-death"), () => {});
    await page.waitForSelector("#end[open]", { timeout: SHORT_MATCH_MS });
    await isWrecked;
    assert.equal(await page.locator("#podium li").count(), 3);
    assert.match((await page.textContent("#end-text")) ?? "", /^You came in \d+(st|nd|rd|th) of \d+\.$/);
    await axeFindsNothing(page);
    await stage.picture(page, "play-end");
  });

  await stage.check("its recording plays, seeks both ways, and every hash is right", async () => {
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

  await stage.check("a recording that there is not leads to the lobby with a sentence", async () => {
    await page.goto(`${proxy.url}play?replay=nothing`);
    await page.waitForSelector("#lobby:not([hidden])");
    await page.waitForFunction(() => /no recording/i.test(document.getElementById("search-state")?.textContent ?? ""));
  });
}

/** @param {import("../stage.js").Stage} stage @param {Person} ann */
async function checkWrongLinks(stage, { page, proxy }) {
  await stage.check("a link to a match that does not run leads to the lobby with a sentence", async () => {
    await page.goto(`${proxy.url}play?match=nothing`);
    await page.waitForSelector("#lobby:not([hidden])");
    await page.waitForFunction(() => /does not run/.test(document.getElementById("search-state")?.textContent ?? ""));
    assert.equal(new URL(page.url()).search, "");
  });
}

/** @param {import("../stage.js").Stage} stage @param {Person} ann */
async function checkPictures(stage, ann) {
  const { page, proxy } = ann;
  await stage.check("a room goes dark, without any server", async () => {
    for (let after = 70; after < 240; after += 10) {
      await page.goto(`${proxy.url}play?demo&seed=3&after=${after}`);
      const seen = await flies(page).catch(() => null);
      if (!seen?.dark) continue;
      await page.waitForTimeout(1500);
      await stage.picture(page, "play-dark");
      return;
    }
    throw new Error("no dark room in four minutes");
  });
}
