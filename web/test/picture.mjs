//! Makes the picture of the front page: a few people talk on a fresh server. `STOA_URL` names it (a stand-in without it),
//! `node test/picture.mjs ../docs/images/chat.png`.

import { mkdirSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { arrive, goTo, inRoom, reads, sees, write } from "./acts.js";
import { startFakeServer } from "./fake-server.js";
import { Stage, say } from "./stage.js";

const path = resolve(process.argv[2] ?? "chat.png");
const fake = process.env.STOA_URL ? null : await startFakeServer();
const stage = new Stage(process.env.STOA_URL || (fake?.url ?? ""), undefined);
await stage.open();
try {
  const me = await stage.person();
  const [bob, carol, dmitri, zahra] = await Promise.all(["Bob", "Carol Jones", "Dmitri", "زهرة"].map((name) => stage.guest(name)));
  if (!bob || !carol || !dmitri || !zahra) throw new Error("nobody there");
  for (const one of [bob, carol, dmitri, zahra]) await one.join("lobby");
  await say(carol, "design", ["The new colours are in. Tell me what you think."]);
  await say(dmitri, "operations", ["Node 2 is drained, nobody noticed."]);
  await say(bob, "releases", ["0.1 is out on Thursday"]);
  await say(zahra, "random", ["Who brings the cake?"]);
  await say(bob, "lobby", ["Good morning!"]);
  await say(carol, "lobby", ["Morning. Did anyone look at the load test from last night?"]);
  await arrive(me.page, `${me.proxy.url}#lobby`, "Ann Lee");
  await inRoom(me.page, "lobby");
  for (const room of ["design", "operations", "random", "releases", "lobby"]) await goTo(me.page, room);
  await write(me.page, "I did. Every message arrived, once and in order.");
  await sees(me.page, "I did. Every message arrived, once and in order.");
  await say(dmitri, "lobby", ["Even while I restarted the server?", "My phone only blinked."]);
  await write(me.page, "Even then. It came back and got exactly what it had missed.");
  await write(me.page, "The numbers are at https://example.org/runs/2291");
  await say(zahra, "lobby", ["صباح الخير! ما أجمل هذا"]);
  await say(carol, "lobby", ["Lovely. I will put that into the notes for Thursday, then."]);
  await sees(me.page, "Lovely. I will put that into the notes for Thursday, then.");
  await say(carol, "design", ["And there is a dark one now", "Screenshots are in the usual place"]);
  await say(bob, "releases", ["Changelog is ready for review"]);
  await reads(me.page, '[data-room="design"] .badge', /^2$/);
  await reads(me.page, '[data-room="releases"] .badge', /^1$/);
  await me.page.keyboard.press("Alt+m");
  await reads(me.page, "#people-list", /Carol Jones/);
  (await bob.join("lobby")).sayTyping();
  await reads(me.page, "#typing", /^Bob is typing…$/);
  mkdirSync(dirname(path), { recursive: true });
  await me.page.screenshot({ path, animations: "disabled", caret: "hide" });
  console.log(path);
} finally {
  await stage.close();
  fake?.close();
}
