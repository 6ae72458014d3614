//! What is said of the rail that wrecked one: what the server told, and nothing that was guessed.

import assert from "node:assert/strict";
import { test } from "node:test";
import { judgement, judgementText } from "../death.js";
import { TICK_MS } from "../scene.js";

const seen = (/** @type {number} */ x, /** @type {number} */ back) => ({ x, y: 300, back });

test("m8_the_latest_rail_of_whoever_did_it_counts", () => {
  const hurts = [
    { by: 3, hp: 30, seen: seen(400, 4) }, { by: 3, hp: 30, seen: seen(500, 2.5) }, { by: 4, hp: 30, seen: seen(700, 6) }, { by: 3, hp: 6, seen: null },
  ];
  assert.deepEqual(judgement(hurts, 3), seen(500, 2.5));
  assert.equal(judgement(hurts, 5), null);
  assert.equal(judgement([], 3), null);
});

test("m8_the_sentence_tells_how_long_ago_it_was", () => {
  assert.match(judgementText(seen(1, 3), "Bea"), new RegExp(`where Bea saw you: ${Math.round(3 * TICK_MS)} ms earlier`));
  assert.match(judgementText(seen(1, 0), "Bea"), /where you were when Bea fired/);
});
