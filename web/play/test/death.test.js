//! Which moment of one's own way a rail was judged at.

import assert from "node:assert/strict";
import { test } from "node:test";
import { rewound } from "../death.js";

/** Flies to the right, ten units a tick. */
const way = Array.from({ length: 20 }, (_, i) => ({ tick: 100 + i, x: 500 + i * 10, y: 300 }));
/** @param {number} x */
const upwards = (x) => ({ by: 3, tick: 119, from: { x, y: 600 }, to: { x, y: 0 } });

test("m7_a_rail_through_where_one_is_was_judged_now", () => {
  const judged = rewound(way, upwards(690));
  assert.deepEqual(judged && [judged.tick, judged.ago], [119, 0]);
});

test("m7_a_rail_behind_one_was_judged_where_its_shooter_saw_one", () => {
  // 45 units behind: three ticks ago the drone, which is 16 units wide to each side, was still in the way.
  const judged = rewound(way, upwards(645));
  assert.deepEqual(judged && [judged.tick, judged.ago], [116, 3]);
});

test("m7_the_server_looks_back_two_hundred_milliseconds_and_not_further", () => {
  assert.equal(rewound(way, upwards(560)), null);
  assert.equal(rewound([], upwards(690)), null);
});

test("m7_a_rail_that_ends_before_one_did_not_hit", () => {
  assert.equal(rewound(way, { by: 3, tick: 119, from: { x: 690, y: 600 }, to: { x: 690, y: 400 } }), null);
});
