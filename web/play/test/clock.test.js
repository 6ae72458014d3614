//! The match's clock, on a network that is made up here.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Clock } from "../clock.js";

const TICK_MS = 1000 / 30;

/**
 * A server whose tick 1000 is at 0 ms of our time; pings take `there` and `back` milliseconds.
 * @param {Clock} clock @param {number} at @param {number} there @param {number} back
 */
function ping(clock, at, there, back) {
  clock.pong(at, at + there + back, 1000 + (at + there) / TICK_MS);
}

test("m10_the_fastest_of_the_latest_pings_tells_the_time", () => {
  const clock = new Clock(30, 990, 0);
  // Nine pings wait in a queue on their way back, up to half a second; one does not.
  for (let i = 0; i < 10; i += 1) ping(clock, i * 1000, 20, i === 4 ? 20 : 120 + 40 * i);
  assert.ok(Math.abs(clock.tickAt(10_000) - (1000 + 10_000 / TICK_MS)) < 0.01, String(clock.tickAt(10_000)));
  assert.equal(clock.rttMin, 40);
});

test("m10_a_fast_ping_is_forgotten_after_sixteen_others", () => {
  const clock = new Clock(30, 990, 0);
  ping(clock, 0, 5, 5);
  for (let i = 1; i <= 15; i += 1) ping(clock, i * 1000, 50, 50);
  assert.equal(clock.rttMin, 10);
  ping(clock, 16_000, 50, 50);
  assert.equal(clock.rttMin, 100);
});

test("m10_inputs_are_for_a_tick_that_the_server_has_not_reached_when_they_arrive", () => {
  const clock = new Clock(30, 1000, 0);
  for (let i = 0; i < 4; i += 1) ping(clock, i * 1000, 60, 60);
  for (let now = 4000; now < 9000; now += 16) {
    const tick = Math.floor(clock.inputTick(now));
    const onArrival = 1000 + (now + 60) / TICK_MS;
    assert.ok(tick > onArrival - 0.01 && tick < onArrival + 3, `${tick} at ${onArrival}`);
  }
});

test("m10_the_input_clock_changes_its_pace_by_five_percent_at_most", () => {
  const clock = new Clock(30, 1000, 0);
  ping(clock, 0, 30, 30);
  let last = clock.inputTick(100);
  // The way becomes 60 ms longer: the clock has to get two ticks further ahead, but nobody may see it run.
  for (let i = 0; i < 16; i += 1) ping(clock, 100, 90, 90);
  for (let now = 110; now < 6000; now += 10) {
    const next = clock.inputTick(now);
    const pace = (next - last) / (10 / TICK_MS);
    assert.ok(pace >= 0.95 - 1e-9 && pace <= 1.05 + 1e-9, `${pace} at ${now}`);
    last = next;
  }
  assert.ok(last > 1000 + (6000 + 85) / TICK_MS, "it has got there");
});

test("m10_inputs_that_come_too_late_are_sent_earlier_at_once", () => {
  const clock = new Clock(30, 1000, 0);
  ping(clock, 0, 30, 30);
  const before = clock.inputTick(100) - clock.tickAt(100);
  for (let i = 0; i < 3; i += 1) clock.arrived(-12);
  for (let now = 110; now < 3000; now += 10) clock.inputTick(now);
  assert.ok(clock.inputTick(3000) - clock.tickAt(3000) > before + 1, "more than a tick earlier");
});

test("m10_a_match_that_runs_slower_slows_the_clock", () => {
  const clock = new Clock(30, 1000, 0);
  ping(clock, 0, 10, 10);
  const start = clock.tickAt(1000);
  clock.pace(50, 1000);
  assert.ok(Math.abs(clock.tickAt(3000) - start - 30) < 1e-6, "two seconds are thirty ticks");
  clock.pace(100, 3000);
  assert.ok(Math.abs(clock.tickAt(4000) - start - 60) < 1e-6);
});

test("m10_ticks_that_the_server_left_out_are_noticed_with_the_next_ping", () => {
  const clock = new Clock(30, 1000, 0);
  for (let i = 0; i < 5; i += 1) ping(clock, i * 1000, 5, 5);
  // Ten ticks had no time to happen; the next ping is slower than those before, but tells.
  clock.pong(5000, 5060, 1000 + 5030 / TICK_MS - 10);
  const off = clock.tickAt(5060) - (1000 + 5060 / TICK_MS - 10);
  assert.ok(Math.abs(off) <= 1, `${off} ticks off`);
});

test("m10_a_pause_makes_the_input_clock_jump_and_not_run", () => {
  const clock = new Clock(30, 1000, 0);
  ping(clock, 0, 10, 10);
  clock.inputTick(10);
  for (let i = 0; i < 16; i += 1) clock.pong(20, 40, 2000);
  assert.ok(clock.inputTick(50) > 1990);
});
