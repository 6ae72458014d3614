//! Everybody can use it: axe finds nothing, screens of all widths hold everything, news are announced, nothing moves for
//! those who do not want it.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { arrive, goTo, inRoom, reads, sees } from "../acts.js";
import { say } from "../stage.js";

/** @typedef {import("playwright-core").Page} Page */

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const RULES = { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] };

/** @param {Page} page */
export async function axeFindsNothing(page) {
  await page.evaluate(AXE);
  const found = await page.evaluate(async (rules) => {
    const { violations } = await /** @type {any} */ (window).axe.run(document, rules);
    return violations.map((/** @type {any} */ v) => `${v.id}: ${v.nodes.map((/** @type {any} */ n) => n.target.join(" ")).slice(0, 3).join(" | ")} ${v.nodes[0]?.any[0]?.message ?? ""}`);
  }, RULES);
  assert.deepEqual(found, []);
}

/**
 * @param {import("../stage.js").Stage} stage
 * @param {string} tag
 */
export async function accessibility(stage, tag) {
  const room = `open-${tag}`;
  const talkers = await Promise.all(["Hana", "Ivo", "Juno"].map((name) => stage.guest(name)));
  for (const [i, guest] of talkers.entries()) await say(guest, room, [`Hello from number ${i}`, "Have a look at https://example.org/walk"]);
  const [hana] = talkers;
  if (!hana) throw new Error("nobody there");

  for (const dark of [false, true]) {
    for (const phone of [false, true]) {
      const where = `${phone ? "phone" : "desktop"}-${dark ? "dark" : "light"}`;
      const person = await stage.person({ phone, dark });
      await stage.check(`axe finds nothing on a ${where.replace("-", " in ")}`, async () => {
        const { page } = person;
        await page.goto(`${person.proxy.url}#${room}`);
        await page.waitForSelector("#name-dialog[open]");
        await axeFindsNothing(page);
        await arrive(page, `${person.proxy.url}#${room}`, "Kim");
        await inRoom(page, room);
        await sees(page, "Hello from number 0");
        await axeFindsNothing(page);
        await stage.picture(page, `${where}-room`);
        await page.click("#toggle-people");
        await reads(page, "#people-list", /Hana/);
        await axeFindsNothing(page);
        await page.click("#close-people");
        person.proxy.cut();
        await page.waitForSelector("#banner:not([hidden])");
        await axeFindsNothing(page);
        person.proxy.mend();
      });
    }
  }

  const last = /** @type {import("../stage.js").Person} */ (stage.people.at(-1));
  const page = last.page;
  await page.waitForSelector('#my-state[data-phase="open"]', { state: "attached" });

  await stage.check("news are announced politely", async () => {
    await say(hana, room, ["Can you hear this?"]);
    await reads(page, '#announcer[aria-live="polite"]', /^Hana: Can you hear this\?$/);
    await goTo(page, `quiet-${tag}`);
    await say(hana, room, ["And this?"]);
    await reads(page, "#announcer", new RegExp(`^Hana in ${room}: And this\\?$`));
  });

  await stage.check("every control has a name and is large enough to be touched", async () => {
    await goTo(page, room);
    const small = await page.evaluate(() => {
      const buttons = /** @type {HTMLElement[]} */ ([...document.querySelectorAll("button, input, textarea")]);
      const shown = buttons.filter((button) => button.checkVisibility());
      return shown.filter((button) => {
        const { width, height } = button.getBoundingClientRect();
        const label = button.getAttribute("aria-label") ?? button.textContent ?? "";
        return width < 24 || height < 24 || (button.tagName === "BUTTON" && label.trim() === "");
      }).map((button) => button.id || button.outerHTML);
    });
    assert.deepEqual(small, []);
  });

  await stage.check("nothing is wider than any screen from 320 pixels on", async () => {
    for (const width of [320, 360, 540, 719, 720, 900, 1099, 1100, 1600]) {
      await page.setViewportSize({ width, height: 700 });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wide <= 0, `${wide} px too wide at ${width}`);
    }
  });

  await stage.check("nothing moves for those who do not want it", async () => {
    await page.emulateMedia({ reducedMotion: "reduce" });
    const moving = await page.evaluate(() => [...document.querySelectorAll("*")].filter((e) => {
      const style = getComputedStyle(e);
      return style.transitionDuration !== "0s" || style.animationName !== "none" || style.scrollBehavior === "smooth";
    }).length);
    assert.equal(moving, 0);
  });
  for (const guest of talkers) guest.close();
}
