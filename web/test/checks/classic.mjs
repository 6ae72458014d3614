//! The classic room: joining, hitting, capturing, coming back; for hands of all kinds, and for ears.

import assert from "node:assert/strict";
import { reads } from "../acts.js";
import { axeFindsNothing } from "./accessibility.mjs";

/** @typedef {import("playwright-core").Page} Page */
/** @typedef {import("../stage.js").Person} Person */

/** @param {Page} page @param {string} user */
const colour = (page, user) => page.locator(`.colour[data-colour="${user}"]`);
/** @param {Page} page @param {string} name */
const item = (page, name) => page.locator(`.item[data-item="${name}"]`);

/** @param {Person} person @param {string} game */
async function enter({ page, proxy }, game) {
  await page.goto(`${proxy.url}classic?gameId=${game}`);
  await page.waitForSelector('.item[data-item="chair"]');
}

/** @param {Page} page @param {string} user */
async function play(page, user) {
  await colour(page, user).click();
  await reads(page, "#state", new RegExp(`^Playing as ${user}$`));
}

/** New furniture, by whoever looks at a page. @param {Page} page @param {string} game */
async function refresh(page, game) {
  const status = await page.evaluate(async (id) => (await fetch(`/reset?gameId=${id}`, { redirect: "manual" })).type, game);
  assert.equal(status, "opaqueredirect");
}

/** @param {Page} page @param {string} name @param {RegExp} pattern */
const points = (page, name, pattern) => reads(page, `.item[data-item="${name}"] .points`, pattern);

/** @param {import("../stage.js").Stage} stage */
export async function checkClassic(stage) {
  const ann = await stage.person();
  const bob = await stage.person({ phone: true, dark: true });

  await stage.check("whoever names no game is sent to one", async () => {
    await ann.page.goto(`${ann.proxy.url}classic`);
    assert.match(ann.page.url(), /\/classic\?gameId=game[1-4]$/);
    await ann.page.waitForSelector('#games a[aria-current="page"]');
  });

  await stage.check("two people play: each sees the other's hits at once", async () => {
    await enter(ann, "game1");
    await refresh(ann.page, "game1");
    await enter(bob, "game1");
    await play(ann.page, "red");
    await reads(bob.page, "#state", /^Looking in: 1 playing$/);
    await play(bob.page, "blue");
    await reads(ann.page, "#announcer", /^blue joined$/);
    await item(ann.page, "tv").click();
    await points(bob.page, "tv", /^90 of 100$/);
    await points(ann.page, "tv", /^90 of 100$/);
    await item(bob.page, "table").tap();
    await points(ann.page, "table", /^90 of 100$/);
    await stage.picture(ann.page, "classic-desktop-light-playing");
    await stage.picture(bob.page, "classic-phone-dark-playing");
  });

  await stage.check("whoever lands the last hit captures it, for good, and everybody sees it", async () => {
    for (let hp = 80; hp > 0; hp -= 10) {
      await item(ann.page, "tv").click();
      await points(ann.page, "tv", new RegExp(`^${hp} of 100$`));
      if (hp === 40) await stage.picture(ann.page, "classic-desktop-light-broken");
    }
    await item(bob.page, "tv").tap();
    for (const { page } of [ann, bob]) await points(page, "tv", /^captured by blue$/);
    await reads(ann.page, "#announcer", /^blue captured the tv$/);
    await item(ann.page, "tv").click({ force: true });
    await reads(ann.page, "#prompt", /^The tv is blue's already\.$/);
    assert.equal(await item(bob.page, "tv").getAttribute("data-user"), "blue");
    await stage.picture(ann.page, "classic-desktop-light-captured");
    await stage.picture(bob.page, "classic-phone-dark-captured");
  });

  await stage.check("a colour in use cannot be chosen, and is free when its player leaves", async () => {
    assert.equal(await colour(ann.page, "blue").getAttribute("aria-disabled"), "true");
    await colour(ann.page, "blue").click({ force: true });
    await reads(ann.page, "#state", /^Playing as red$/);
    await bob.page.click("#leave");
    await reads(bob.page, "#state", /^Looking in/);
    await ann.page.waitForSelector('.colour[data-colour="blue"][aria-disabled="false"]');
    await play(ann.page, "blue");
    await bob.page.waitForSelector('.colour[data-colour="blue"][aria-disabled="true"]');
    assert.equal(await colour(bob.page, "red").getAttribute("aria-disabled"), "false");
    await play(bob.page, "yellow");
  });

  await stage.check("two who want the same colour at the same time: one gets it, the other is told", async () => {
    await ann.page.click("#leave");
    await bob.page.click("#leave");
    for (const { page } of [ann, bob]) await page.waitForFunction(() => !document.querySelector('.colour[aria-disabled="true"], .colour[aria-pressed="true"]'));
    await Promise.all([ann, bob].map(({ page }) => colour(page, "green").click({ force: true })));
    // Whoever was so late that the page knew already was not even asked.
    const told = () => document.getElementById("prompt")?.textContent === "Color green in use." || document.querySelector('.colour[data-colour="green"]')?.getAttribute("aria-disabled") === "true";
    await Promise.any([ann, bob].map(({ page }) => page.waitForFunction(told)));
    await Promise.any([ann, bob].map(({ page }) => reads(page, "#state", /^Playing as green$/)));
    const states = await Promise.all([ann, bob].map(({ page }) => page.textContent("#state")));
    assert.equal(states.filter((text) => text === "Playing as green").length, 1);
  });

  await stage.check("new furniture comes for everybody, and everybody plays on", async () => {
    for (const [{ page }, user] of /** @type {[Person, string][]} */ ([[ann, "red"], [bob, "blue"]])) await play(page, user);
    await ann.page.click("#reset");
    for (const { page } of [ann, bob]) await points(page, "tv", /^100 of 100$/);
    await item(bob.page, "chair").tap();
    await points(ann.page, "chair", /^90 of 100$/);
  });

  await stage.check("when everything is smashed the page says who has what", async () => {
    for (const name of ["tv", "table", "chair"]) {
      for (let hits = 0; hits < 10; hits += 1) await item(ann.page, name).click({ force: true });
      await points(bob.page, name, /^captured by red$/);
    }
    await reads(bob.page, "#prompt", /^Everything is smashed: red 3$/);
    await stage.picture(ann.page, "classic-desktop-light-smashed");
    await stage.picture(bob.page, "classic-phone-dark-smashed");
  });

  await stage.check("a lost connection comes back as the same colour, and sees what was missed", async () => {
    await refresh(ann.page, "game1");
    await points(bob.page, "tv", /^100 of 100$/);
    bob.proxy.cut();
    await reads(bob.page, "#state", /^Connection lost; coming back$/);
    await item(ann.page, "tv").click();
    await points(ann.page, "tv", /^90 of 100$/);
    bob.proxy.mend();
    await reads(bob.page, "#state", /^Playing as blue$/);
    await points(bob.page, "tv", /^90 of 100$/);
  });

  await stage.check("everything works with the keyboard alone", async () => {
    const { page } = ann;
    await page.click("#leave");
    await colour(page, "purple").focus();
    await page.keyboard.press("Enter");
    await reads(page, "#state", /^Playing as purple$/);
    await page.keyboard.press("2");
    await points(page, "table", /^90 of 100$/);
    await item(page, "chair").focus();
    await page.keyboard.press("Space");
    await points(page, "chair", /^90 of 100$/);
  });

  await looks(stage);
}

/** Each look: axe, sizes of what is touched, widths, motion. @param {import("../stage.js").Stage} stage */
async function looks(stage) {
  for (const dark of [false, true]) {
    for (const phone of [false, true]) {
      const name = `${phone ? "phone" : "desktop"}-${dark ? "dark" : "light"}`;
      await stage.check(`axe finds nothing in the classic room on a ${name.replace("-", " in ")}`, async () => {
        const person = await stage.person({ phone, dark });
        await enter(person, "game2");
        await refresh(person.page, "game2");
        await axeFindsNothing(person.page);
        await stage.picture(person.page, `classic-${name}-looking`);
        await play(person.page, "green");
        for (let hits = 0; hits < 10; hits += 1) await item(person.page, "chair").click({ force: true });
        await points(person.page, "chair", /^captured by green$/);
        await axeFindsNothing(person.page);
        await stage.picture(person.page, `classic-${name}-green`);
        await person.page.click("#leave");
      });
    }
  }
  // A window that changes its size moves everything, which no other page may.
  const resized = await stage.person();
  await enter(resized, "game2");
  const { page } = resized;
  await stage.check("nothing in the classic room is wider than any screen, or too small to touch", async () => {
    for (const width of [320, 360, 540, 860, 861, 1100, 1600]) {
      await page.setViewportSize({ width, height: 700 });
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `at ${width}`);
      const small = await page.evaluate(() => [...document.querySelectorAll("button, nav a")].filter((one) => one.checkVisibility() && one.getBoundingClientRect().height < 24).length);
      assert.equal(small, 0);
    }
  });
  await stage.check("nothing in the classic room moves for those who do not want it", async () => {
    await page.emulateMedia({ reducedMotion: "reduce" });
    const moving = await page.evaluate(() => [...document.querySelectorAll("*")].filter((e) => getComputedStyle(e).transitionDuration !== "0s" || getComputedStyle(e).animationName !== "none").length);
    assert.equal(moving, 0);
  });
  await page.close();
}
