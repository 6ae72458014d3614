//! Links, days and words of the page, without a page.

import assert from "node:assert/strict";
import { test } from "node:test";
import { hue, initials } from "../chat/dom.js";
import { badge, counted, dayKey, dayName, splitLinks, typingText } from "../chat/text.js";

/** @param {string} text @returns {string[]} what can be clicked */
const links = (text) => splitLinks(text).flatMap((part) => part.href ?? []);

test("web addresses become links, without the sentence around them", () => {
  const cases = /** @type {[string, string[]][]} */ ([
    ["see https://example.org.", ["https://example.org/"]],
    ["(https://example.org/a)", ["https://example.org/a"]],
    ["https://en.wikipedia.org/wiki/Stoa_(building)", ["https://en.wikipedia.org/wiki/Stoa_(building)"]],
    ["HTTP://EXAMPLE.ORG/X?y=1#z!", ["http://example.org/X?y=1#z"]],
    ["“https://example.org/ä”, https://b.example", ["https://example.org/%C3%A4", "https://b.example/"]],
    ["https://example.org/<script>", ["https://example.org/"]],
    ["nothing here", []],
    ["https:// and http://", []],
    ["", []],
  ]);
  for (const [text, expected] of cases) assert.deepEqual(links(text), expected, text);
});

test("nothing but http and https can be clicked", () => {
  for (const text of ["javascript:alert(1)", "data:text/html,x", "ftp://example.org", "vbscript:x", "file:///etc/passwd", "xhttps//x"]) {
    assert.deepEqual(links(text), [], text);
  }
  assert.deepEqual(links("javascript:https://example.org"), ["https://example.org/"]);
});

test("the parts of a message are the message", () => {
  for (const text of ["a https://b.example/c). d", "https://x.example", "x\n\nhttps://y.example\n", ")))https://z.example)))", "🙂 https://q.example 🙂"]) {
    assert.equal(splitLinks(text).map((part) => part.text).join(""), text);
  }
});

test("a long text without links is split quickly", () => {
  const text = "https://".repeat(1_000) + ")".repeat(8_000);
  const start = performance.now();
  assert.equal(splitLinks(text).map((part) => part.text).join(""), text);
  assert.ok(performance.now() - start < 1_000);
});

test("days are named as people say them", () => {
  const now = new Date(2025, 2, 1, 12).getTime();
  assert.equal(dayName(new Date(2025, 2, 1, 0, 1).getTime(), now), "Today");
  assert.equal(dayName(new Date(2025, 1, 28, 23, 59).getTime(), now), "Yesterday");
  assert.match(dayName(new Date(2025, 0, 5).getTime(), now), /5/);
  assert.match(dayName(new Date(2023, 0, 5).getTime(), now), /2023/);
  assert.notEqual(dayKey(new Date(2025, 0, 1).getTime()), dayKey(new Date(2024, 0, 1).getTime()));
});

test("who is typing is told in words for any number", () => {
  assert.equal(typingText([]), "");
  assert.equal(typingText(["Bob"]), "Bob is typing…");
  assert.equal(typingText(["Bob", "Carol"]), "Bob and Carol are typing…");
  assert.equal(typingText(["Bob", "Carol", "Dan"]), "Bob and 2 others are typing…");
  assert.equal(typingText(["زهرة"]), "\u2068زهرة\u2069 is typing…", "the name must not turn the sentence around");
});

test("initials are letters, whatever the name is made of", () => {
  const cases = /** @type {[string, string][]} */ ([["Ann Lee", "AL"], ["bob", "B"], ["<img src=x>", "IX"], ["  ", "?"], ["!!!", "?"], ["زهرة", "ز"], ["𝒜lice", "𝒜"], ["J. R. R. Tolkien", "JT"]]);
  for (const [name, expected] of cases) assert.equal(initials(name), expected, name);
});

test("small things: hues, badges, counted words", () => {
  assert.equal(hue("bob"), hue("bob"));
  assert.ok(hue("anybody") >= 0 && hue("anybody") < 360);
  assert.deepEqual([badge(1), badge(99), badge(100)], ["1", "99", "99+"]);
  assert.deepEqual([counted(1, "member", "members"), counted(0, "member", "members")], ["1 member", "0 members"]);
});
