//! Two people talk: a desktop and a phone, with a second device; typing, presence, unread, reading, hostile text.

import assert from "node:assert/strict";
import { arrive, goTo, inRoom, logState, reads, sees, typeUntilSeen, write } from "../acts.js";
import { say } from "../stage.js";

/**
 * @typedef {object} Scene
 * @property {import("../stage.js").Stage} stage
 * @property {import("../stage.js").Person} ann at a desktop
 * @property {import("../stage.js").Person} bob on a phone
 * @property {string} room
 * @property {string} side another room
 */

/**
 * @param {import("../stage.js").Stage} stage
 * @param {string} tag
 */
export async function conversation(stage, tag) {
  const room = `talk-${tag}`;
  const side = `aside-${tag}`;
  const ann = await stage.person();
  const bob = await stage.person({ phone: true });
  const scene = { stage, ann, bob, room, side };
  await arrival(scene);
  await talk(scene);
  await attention(scene);
  await hostility(scene);
  await keyboard(scene);
  await changes(scene);
}

/** @param {Scene} scene */
async function arrival({ stage, ann, bob, room }) {
  await stage.check("a new guest gives a name and enters a room, with the keyboard alone", async () => {
    await arrive(ann.page, ann.proxy.url, "Ann Lee");
    await stage.picture(ann.page, "desktop-light-start");
    await ann.page.keyboard.press("Control+k");
    await ann.page.waitForSelector("#join-dialog[open]");
    await ann.page.keyboard.type(room);
    await ann.page.keyboard.press("Enter");
    await inRoom(ann.page, room);
    assert.equal(await ann.page.evaluate(() => document.activeElement?.id), "text");
    await reads(ann.page, "#rows .notice", /^Ann Lee joined/);
  });

  await stage.check("every module of the page is asked for at once", async () => {
    const late = await ann.page.evaluate(() => {
      const preloaded = [...document.querySelectorAll("link[rel=modulepreload]")].map((link) => /** @type {HTMLLinkElement} */ (link).href);
      const named = [...preloaded, ...[...document.scripts].map((script) => script.src)];
      const loaded = performance.getEntriesByType("resource").map((entry) => entry.name).filter((name) => name.endsWith(".js"));
      return [...loaded.filter((name) => !named.includes(name)), ...preloaded.filter((name) => !loaded.includes(name))];
    });
    assert.deepEqual(late, []);
  });

  await stage.check("an empty room says so until somebody writes", async () => {
    assert.equal(await ann.page.isVisible("#room-empty"), true);
    await stage.picture(ann.page, "desktop-light-empty");
    await write(ann.page, "Hello, is anybody here?");
    await sees(ann.page, "Hello, is anybody here?");
    await reads(ann.page, "#rows .mine .mark", /Sent/);
    assert.equal(await ann.page.isVisible("#room-empty"), false);
  });

  await stage.check("a link to a room brings a phone right into it", async () => {
    await arrive(bob.page, `${bob.proxy.url}#${room}`, "Bob");
    await inRoom(bob.page, room);
    await sees(bob.page, "Hello, is anybody here?");
    await reads(ann.page, "#rows .row:last-child .notice", /^Bob joined/);
  });
}

/** @param {Scene} scene */
async function talk({ stage, ann, bob }) {
  await stage.check("messages arrive on the other side, and only once at home", async () => {
    await write(bob.page, "Yes, on my phone");
    await sees(ann.page, "Yes, on my phone");
    await write(ann.page, "Nice to see you");
    for (const { page } of [ann, bob]) await sees(page, "Nice to see you");
    assert.equal((await logState(ann.page)).rows, 5);
    assert.equal(await ann.page.locator("#pending .row").count(), 0);
  });

  await stage.check("typing is shown to the other one until the message is there", async () => {
    await typeUntilSeen(ann.page, bob.page, /^Ann Lee is typing…$/);
    await stage.picture(bob.page, "phone-light");
    await ann.page.keyboard.press("Control+a");
    await write(ann.page, "I was typing");
    await sees(bob.page, "I was typing");
    await reads(bob.page, "#typing", /^$/);
  });

  await stage.check("Shift+Enter makes a line, Enter sends both", async () => {
    await ann.page.focus("#text");
    await ann.page.keyboard.type("first line");
    await ann.page.keyboard.press("Shift+Enter");
    await ann.page.keyboard.type("second line");
    await ann.page.keyboard.press("Enter");
    await sees(bob.page, "first line\nsecond line");
  });
}

/** @param {Scene} scene */
async function attention({ stage, ann, bob, room, side }) {
  const annToo = await stage.device(ann.context, ann.proxy);
  await stage.check("people and their devices are counted", async () => {
    await reads(ann.page, "#room-count", /^2 members · 2 online$/);
    await ann.page.keyboard.press("Alt+m");
    await reads(ann.page, "#people-list", /Ann Lee \(you\)online/);
    await annToo.page.goto(`${ann.proxy.url}#${room}`);
    await inRoom(annToo.page, room);
    await reads(ann.page, "#people-list", /Ann Lee \(you\)online on 2 devices/);
    await reads(ann.page, "#people-list", /Bobonline/);
    await stage.picture(ann.page, "desktop-light-people");
    await ann.page.keyboard.press("Alt+m");
  });

  await stage.check("a message that is not in view is counted, and marked when one comes back", async () => {
    await bob.page.click("#back");
    await bob.page.waitForSelector("#room", { state: "hidden" });
    await write(ann.page, "You will read this later");
    await reads(bob.page, `[data-room="${room}"] .badge`, /^1$/);
    await reads(bob.page, `[data-room="${room}"] .room-preview`, /^Ann Lee: You will read this later$/);
    await bob.page.waitForFunction(() => document.title.startsWith("(1) "));
    await stage.picture(bob.page, "phone-light-rooms");
    await bob.page.click(`[data-room="${room}"]`);
    await sees(bob.page, "You will read this later");
    await reads(bob.page, ".divider", /^New messages$/);
    await bob.page.waitForFunction(() => !document.title.startsWith("("));
  });

  await stage.check("what was read on one device is read on the other", async () => {
    await goTo(annToo.page, side);
    await goTo(ann.page, side);
    await write(bob.page, "For both of Ann's devices");
    for (const { page } of [ann, annToo]) await reads(page, `[data-room="${room}"] .badge`, /^1$/);
    await goTo(ann.page, room);
    await sees(ann.page, "For both of Ann's devices");
    await reads(annToo.page, `[data-room="${room}"] .badge`, /^$/);
    await annToo.page.close();
    await reads(bob.page, "#room-count", /2 online/);
  });

  await stage.check("a window in the background reads nothing, and shows where the news began", async () => {
    await ann.page.evaluate(() => void (document.hasFocus = () => false));
    await write(bob.page, "Are you looking?");
    await ann.page.waitForFunction(() => document.title.startsWith("(1) "));
    await reads(ann.page, ".divider + .message", /Are you looking\?/);
    assert.equal(await ann.page.locator(".divider").count(), 1);
    await ann.page.evaluate(() => {
      document.hasFocus = () => true;
      window.dispatchEvent(new Event("focus"));
    });
    await ann.page.waitForFunction(() => !document.title.startsWith("("));
  });
}

/** @param {Scene} scene */
async function hostility({ stage, ann, bob, room }) {
  await stage.check("hostile names and texts stay text", async () => {
    const name = "<img src=x onerror='window.hacked=1'>";
    const mallory = await stage.guest(name);
    const bodies = ["<script>window.hacked=1</script>", "javascript:alert(1) https://example.org/a_(b), and \u202Eevil", `${"long".repeat(300)}`];
    await say(mallory, room, bodies);
    for (const body of bodies) await sees(ann.page, body);
    await reads(ann.page, "#rows", new RegExp("<img src=x onerror"));
    assert.equal(await ann.page.evaluate(() => /** @type {any} */ (window).hacked), undefined);
    assert.equal(await ann.page.locator("#rows img, #rows script, #people img").count(), 0);
    const links = await ann.page.evaluate(() => [...document.querySelectorAll("#rows a")].map((a) => [a.getAttribute("href"), a.getAttribute("rel")]));
    assert.deepEqual(links, [["https://example.org/a_(b)", "noopener noreferrer nofollow"]]);
    const wide = await bob.page.evaluate(() => document.documentElement.scrollWidth > innerWidth || [...document.querySelectorAll("#log")].some((e) => e.scrollWidth > e.clientWidth));
    assert.equal(wide, false, "a word without end must wrap");
    mallory.close();
  });
}

/** @param {Scene} scene */
async function keyboard({ stage, ann, room, side }) {
  await stage.check("the keyboard walks through the rooms, to the help and back", async () => {
    await goTo(ann.page, side);
    await ann.page.keyboard.press("Alt+ArrowDown");
    await inRoom(ann.page, room);
    await ann.page.keyboard.press("Alt+ArrowUp");
    await inRoom(ann.page, side);
    await ann.page.keyboard.press("Escape");
    assert.equal(await ann.page.evaluate(() => /** @type {HTMLElement} */ (document.activeElement)?.dataset.room), side);
    await ann.page.keyboard.press("?");
    await ann.page.waitForSelector("#keys-dialog[open]");
    await stage.picture(ann.page, "desktop-light-keys");
    await ann.page.keyboard.press("Escape");
    await ann.page.waitForSelector("#keys-dialog", { state: "hidden" });
    await ann.page.keyboard.press("Tab");
    const outline = await ann.page.evaluate(() => document.activeElement && getComputedStyle(document.activeElement).outlineStyle);
    assert.equal(outline, "solid", "the focus can be seen");
  });

  await stage.check("a left room is gone from the list, and can be joined again", async () => {
    await ann.page.click("#leave");
    await ann.page.waitForSelector("#leave-dialog[open]");
    await ann.page.keyboard.press("Tab");
    await ann.page.click("#leave-form [type=submit]");
    await ann.page.waitForSelector("#room", { state: "hidden" });
    assert.equal(await ann.page.locator(`[data-room="${side}"]`).count(), 0);
    await goTo(ann.page, side);
    await reads(ann.page, "#rows", /Ann Lee left/);
  });
}

/** @param {Scene} scene */
async function changes({ stage, ann, bob, room }) {
  await stage.check("another name is taken on at once", async () => {
    await ann.page.click("#open-name");
    await ann.page.waitForSelector("#name-dialog[open]");
    await ann.page.keyboard.type("Ann Two");
    await ann.page.keyboard.press("Enter");
    await reads(ann.page, "#my-name", /^Ann Two$/);
    await ann.page.waitForSelector('#my-state[data-phase="open"]');
    await goTo(ann.page, room);
    await write(ann.page, "Now I am Two");
    await reads(bob.page, "#rows .row:last-child .sender", /^Ann Two$/);
  });

  await stage.check("the chosen colours stay after a reload", async () => {
    const page = ann.page;
    const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await background();
    await page.click("#theme");
    await page.click("#theme");
    const dark = await background();
    assert.notEqual(dark, light);
    await page.reload();
    await inRoom(page, room);
    assert.equal(await background(), dark);
    await sees(page, "Now I am Two");
    await stage.picture(page, "desktop-dark");
    await page.click("#theme");
    assert.equal(await background(), light);
  });

  await stage.check("who is forgotten here comes back as somebody else", async () => {
    const { page } = ann;
    await page.click("#open-name");
    await page.click("#forget");
    await page.waitForSelector("#name-cancel", { state: "hidden" });
    assert.equal(await page.locator(".room-item").count(), 0);
    assert.equal(await page.evaluate(() => localStorage.getItem("stoa:token")), null);
    await page.keyboard.type("Somebody Else");
    await page.keyboard.press("Enter");
    await goTo(page, room);
    await reads(page, "#rows .row:last-child .notice", /^Somebody Else joined/);
    assert.equal(await page.locator("#rows .mine").count(), 0);
  });
}
