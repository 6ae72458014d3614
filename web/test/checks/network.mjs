//! A bad network and a server that refuses: nothing that was written is lost, or stored twice.

import assert from "node:assert/strict";
import { arrive, countOf, goTo, inRoom, reads, sees, texts, write } from "../acts.js";
import { say } from "../stage.js";

/**
 * @param {import("../stage.js").Stage} stage
 * @param {string} tag
 */
export async function network(stage, tag) {
  const room = `net-${tag}`;
  const eve = await stage.person();
  const frank = await stage.person({ phone: true, dark: true });
  await arrive(eve.page, `${eve.proxy.url}#${room}`, "Eve");
  await inRoom(eve.page, room);
  await arrive(frank.page, `${frank.proxy.url}#${room}`, "Frank");
  await inRoom(frank.page, room);
  await write(eve.page, "before the storm");
  await sees(frank.page, "before the storm");

  await stage.check("a broken connection is said, with the next try, and writing goes on", async () => {
    eve.proxy.cut();
    await eve.page.waitForSelector("#banner:not([hidden])");
    await reads(eve.page, "#banner-text", /^Offline/);
    for (const text of ["offline one", "offline two", "offline three"]) await write(eve.page, text);
    await reads(eve.page, "#pending", /offline three/);
    assert.equal(await eve.page.locator('#pending [data-state="sending"]').count(), 3);
    await reads(frank.page, "#room-count", /1 online/);
    assert.equal(await eve.page.locator(".dot.on").count(), 0, "who is online is not known");
    await stage.picture(eve.page, "desktop-light-offline");
  });

  await stage.check("what came meanwhile and what was written meanwhile arrive, once and in order", async () => {
    await write(frank.page, "said while Eve was away");
    await sees(frank.page, "said while Eve was away");
    eve.proxy.mend();
    // It may be back by itself already.
    await eve.page.evaluate(() => document.getElementById("try-now")?.click());
    await sees(frank.page, "offline three");
    await sees(eve.page, "said while Eve was away");
    await sees(eve.page, "offline three");
    const wanted = ["before the storm", "said while Eve was away", "offline one", "offline two", "offline three"];
    assert.deepEqual(await texts(frank.page), wanted);
    assert.deepEqual(await texts(eve.page), wanted);
    await eve.page.waitForSelector("#banner", { state: "hidden" });
    assert.equal(await eve.page.locator("#pending .row").count(), 0);
  });

  await stage.check("what was written offline survives a reload", async () => {
    eve.proxy.cut();
    await eve.page.waitForSelector('#my-state:not([data-phase="open"])');
    await write(eve.page, "written, then reloaded");
    await reads(eve.page, "#pending", /written, then reloaded/);
    await eve.page.reload();
    await eve.page.waitForSelector("#app:not([hidden])");
    eve.proxy.mend();
    await inRoom(eve.page, room);
    await sees(frank.page, "written, then reloaded");
    await sees(eve.page, "written, then reloaded");
    assert.equal(await countOf(frank.page, "written, then reloaded"), 1);
  });

  await stage.check("a message whose ack was lost is stored once", async () => {
    // Cut right after sending: the server may or may not have it, the page cannot know.
    for (let i = 0; i < 5; i++) {
      await write(eve.page, `uncertain ${i}`);
      eve.proxy.cut();
      eve.proxy.mend();
      await eve.page.evaluate(() => document.getElementById("try-now")?.click());
      await sees(frank.page, `uncertain ${i}`);
    }
    await sees(eve.page, "uncertain 4");
    for (let i = 0; i < 5; i++) assert.equal(await countOf(frank.page, `uncertain ${i}`), 1);
  });

  await stage.check("reading back offline fails softly and goes on when the network is back", async () => {
    const guest = await stage.guest("Grace");
    await say(guest, room, Array.from({ length: 95 }, (_, i) => `grace ${i}`));
    await sees(eve.page, "grace 94");
    await goTo(eve.page, `elsewhere-${tag}`);
    await eve.page.reload();
    await inRoom(eve.page, `elsewhere-${tag}`);
    await goTo(eve.page, room);
    await eve.page.keyboard.press("Alt+End");
    await sees(eve.page, "grace 94");
    eve.proxy.cut();
    await eve.page.waitForSelector('#my-state:not([data-phase="open"])');
    await eve.page.evaluate(() => /** @type {HTMLElement} */ (document.getElementById("log")).scrollTo(0, 0));
    assert.equal(await countOf(eve.page, "before the storm"), 0);
    eve.proxy.mend();
    await sees(eve.page, "before the storm");
    guest.close();
  });

  await refused(stage, frank, room);
}

/**
 * @param {import("../stage.js").Stage} stage
 * @param {import("../stage.js").Person} frank
 * @param {string} room
 */
async function refused(stage, frank, room) {
  const { page } = frank;
  // Between page and server, so that it works with every server: the next messages with this word are refused.
  let refusals = 0;
  await page.routeWebSocket(/\/v1\/chat$/, (client) => {
    const server = client.connectToServer();
    client.onMessage((data) => {
      const message = JSON.parse(String(data));
      if (message.t !== "send" || refusals === 0) return server.send(data);
      refusals -= 1;
      client.send(JSON.stringify({ t: "error", id: message.id, room: message.room, code: "not_member", message: "Join the room first." }));
    });
  });
  await page.reload();
  await inRoom(page, room);
  await sees(page, "grace 94");

  await stage.check("a refused message stays, says why, and can be sent again", async () => {
    refusals = 2;
    await write(page, "refuse me");
    await reads(page, "#pending .failure", /^Not sent. You are not in this room any more./);
    await stage.picture(page, "phone-dark-failed");
    await page.click('[data-action="retry"]');
    await reads(page, "#pending .failure", /^Not sent/);
    await page.waitForFunction(() => document.querySelectorAll("#pending .failure").length === 1);
    refusals = 0;
    await page.click('[data-action="retry"]');
    await sees(page, "refuse me");
    assert.equal(await page.locator("#pending .row").count(), 0);
  });

  await stage.check("a refused message can be deleted, also after a reload", async () => {
    refusals = 1;
    await write(page, "delete me");
    await page.waitForSelector("#pending .failure");
    await page.reload();
    await inRoom(page, room);
    await page.waitForSelector("#pending .failure");
    await page.click('[data-action="delete"]');
    await page.waitForFunction(() => document.querySelectorAll("#pending .row").length === 0);
    await page.reload();
    await inRoom(page, room);
    await sees(page, "refuse me");
    assert.equal(await page.locator("#pending .row").count(), 0);
  });
}
