//! Matches: joining, moving, shooting, watching, links that lead nowhere; on desk and phone. A match to its end is in
//! `whole-match.mjs`.

import assert from "node:assert/strict";
import { PATIENCE_MS, arrive, flies, look, until } from "../flying.js";
import { axeFindsNothing } from "./accessibility.mjs";
import { checkWholeMatch } from "./whole-match.mjs";

/** @typedef {import("../stage.js").Person} Person */
/** From the page's address to flying a drone. */
const TO_PLAY_MS = 10_000;

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
  await checkWholeMatch(stage, ann);
  await checkTeams(stage, ann);
  await checkWrongLinks(stage, ann);
  await checkOldPage(stage, ann);
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
async function checkNetwork(stage, { page }) {
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
async function checkWrongLinks(stage, { page, proxy }) {
  await stage.check("a recording that there is not leads to the lobby with a sentence", async () => {
    await page.goto(`${proxy.url}play?replay=nothing`);
    await page.waitForSelector("#lobby:not([hidden])");
    await page.waitForFunction(() => /no recording/i.test(document.getElementById("search-state")?.textContent ?? ""));
  });

  await stage.check("a link to a match that does not run leads to the lobby with a sentence", async () => {
    await page.goto(`${proxy.url}play?match=nothing`);
    await page.waitForSelector("#lobby:not([hidden])");
    await page.waitForFunction(() => /does not run/.test(document.getElementById("search-state")?.textContent ?? ""));
    assert.equal(new URL(page.url()).search, "");
  });
}

/** @param {import("../stage.js").Stage} stage @param {Person} ann */
async function checkTeams(stage, { page, proxy }) {
  await stage.check("who chooses teams plays in red or green, and sees how both stand", async () => {
    await page.goto(`${proxy.url}play`);
    await page.check("input[name=mode][value=teams]", { force: true });
    await page.click("#quick-play");
    await flies(page);
    await page.waitForFunction(() => document.querySelectorAll("#teams li").length === 2);
    assert.deepEqual((await page.locator("#teams li span:first-child").allTextContents()).sort(), ["Green", "Red"]);
    const colours = await page.evaluate(() => [...document.querySelectorAll("#leaders li")].map((row) => row.classList[0]));
    assert.ok(colours.length > 2 && colours.every((colour) => colour === "red" || colour === "green"), String(colours));
    await axeFindsNothing(page);
    await stage.picture(page, "play-teams");
    await page.goto(`${proxy.url}play`);
    await stage.picture(page, "play-lobby-teams");
    await page.check("input[name=mode][value=free]", { force: true });
  });
}

/** @param {import("../stage.js").Stage} stage @param {Person} ann */
async function checkOldPage(stage, { context, proxy }) {
  await stage.check("a page whose simulation is of another version says so, plays without prediction, and offers to load anew", async () => {
    const { page } = await stage.device(context, proxy);
    await page.addInitScript(() => {
      const Real = WebAssembly.Instance;
      const older = (/** @type {WebAssembly.Module} */ module) => ({ exports: { ...new Real(module, {}).exports, rules_version: () => 999 } });
      Object.assign(WebAssembly, { Instance: function Instance(/** @type {WebAssembly.Module} */ module) { return older(module); } });
    });
    await page.goto(`${proxy.url}play`);
    await page.click("#quick-play");
    await flies(page);
    assert.match((await page.textContent("#rules-text")) ?? "", /version \d+ of the rules, your page has version 999.*Reload/);
    await axeFindsNothing(page);
    await stage.picture(page, "play-other-rules");
    await page.evaluate(() => Object.assign(window, { isOld: true }));
    await page.click("#rules-reload");
    await page.waitForFunction(() => !("isOld" in window));
    await flies(page);
    await page.close();
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
