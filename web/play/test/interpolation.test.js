//! How far behind others are shown, for arrivals that are made up here.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Interpolation, percentile } from "../interpolation.js";

const TICK_MS = 1000 / 30;

/**
 * Lets snapshots arrive and draws 100 frames a second.
 * @param {Interpolation} interpolation
 * @param {{ms: number, every?: number, late?: (tick: number) => number, from?: number}} how `late` is how long each takes on its way
 * @returns {{shown: number, now: number, newest: number}[]} each frame
 */
function run(interpolation, { ms, every = 1, late = () => 20, from = 0 }) {
  /** @type {{at: number, tick: number}[]} */
  const arrivals = [];
  for (let tick = Math.ceil(from / TICK_MS); tick * TICK_MS < from + ms; tick += every) arrivals.push({ at: tick * TICK_MS + late(tick), tick });
  // TCP delivers in order: what is late holds up what comes after it.
  for (let i = 1; i < arrivals.length; i += 1) {
    const [before, one] = [arrivals[i - 1], arrivals[i]];
    if (before && one) one.at = Math.max(one.at, before.at);
  }
  const frames = [];
  let newest = 0;
  for (let now = from; now < from + ms; now += 10) {
    for (let next = arrivals[0]; next && next.at <= now; next = arrivals[0]) {
      interpolation.arrived(next.tick, next.at);
      newest = next.tick;
      arrivals.shift();
    }
    frames.push({ shown: interpolation.advance(now), now, newest });
  }
  return frames;
}

test("m10_on_a_quiet_network_others_are_shown_fifty_milliseconds_behind", () => {
  const interpolation = new Interpolation(TICK_MS);
  const frames = run(interpolation, { ms: 20_000 });
  assert.ok(interpolation.delay >= 50 && interpolation.delay < 55, String(interpolation.delay));
  const last = frames.at(-1);
  assert.ok(last && Math.abs(last.shown - (last.now - 20 - interpolation.delay) / TICK_MS) < 0.2);
});

test("m10_jitter_makes_the_delay_longer_up_to_two_hundred_milliseconds", () => {
  const jittery = new Interpolation(TICK_MS);
  run(jittery, { ms: 10_000, late: (tick) => 20 + (tick % 4) * 20 });
  assert.ok(jittery.delay > 65 && jittery.delay < 110, String(jittery.delay));
  const terrible = new Interpolation(TICK_MS);
  run(terrible, { ms: 10_000, late: (tick) => (tick % 30 === 0 ? 900 : 20) });
  assert.equal(Math.round(terrible.delay), 200);
});

test("m10_fewer_snapshots_make_the_delay_as_long_as_their_interval", () => {
  const interpolation = new Interpolation(TICK_MS);
  run(interpolation, { ms: 20_000, every: 3 });
  assert.ok(interpolation.delay > 95 && interpolation.delay < 110, String(interpolation.delay));
  assert.equal(Math.round((100 * interpolation.skipped) / interpolation.ticks), 67);
});

test("m10_the_shown_time_runs_at_most_ten_percent_faster_or_slower", () => {
  const interpolation = new Interpolation(TICK_MS);
  run(interpolation, { ms: 2000 });
  const frames = run(interpolation, { ms: 8000, from: 2000, late: (tick) => 20 + (tick % 3) * 25 });
  for (let i = 1; i < frames.length; i += 1) {
    const pace = (((frames[i]?.shown ?? 0) - (frames[i - 1]?.shown ?? 0)) * TICK_MS) / 10;
    assert.ok(pace > -1e-9 && pace <= 1.1 + 1e-9, `${pace} at ${frames[i]?.now}`);
  }
});

test("m10_things_go_on_for_fifty_milliseconds_without_news_and_then_wait", () => {
  const interpolation = new Interpolation(TICK_MS);
  const frames = run(interpolation, { ms: 2000 });
  const newest = frames.at(-1)?.newest ?? 0;
  for (let now = 2000; now < 4000; now += 10) assert.ok(interpolation.advance(now) <= newest + 50 / TICK_MS + 1e-9);
});

test("m10_after_a_burst_of_what_was_held_up_the_newest_is_shown_at_once", () => {
  const interpolation = new Interpolation(TICK_MS);
  run(interpolation, { ms: 2000 });
  // Nothing for two seconds, and then everything in one moment.
  for (let now = 2000; now < 4000; now += 10) interpolation.advance(now);
  for (let tick = 60; tick < 120; tick += 1) interpolation.arrived(tick, 4000);
  const shown = interpolation.advance(4010);
  assert.ok(shown > 119 - 10, `${shown} is near 119`);
});

test("a_percentile_is_one_of_the_values", () => {
  assert.equal(percentile([5, 1, 3], 0.5), 3);
  assert.equal(percentile([5, 1, 3], 0.95), 5);
  assert.equal(percentile([], 0.5), 0);
});
