//! Prediction with an arena that only knows how to go to the right.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Prediction } from "../prediction.js";

/** @typedef {{x: number, vx: number}} Me */

/** Each tick adds 1 to the speed while the button is down, and the speed to the place: order and number of steps matter. */
class FakeArena {
  #me = { x: 0, vx: 0 };
  steps = 0;

  /** @param {number} _tick @param {Me} me */
  restore(_tick, me) {
    this.#me = { ...me };
  }

  /** @param {import("../scene.js").Command} command */
  predict({ buttons }) {
    this.steps += 1;
    if (buttons) this.#me.vx += 1;
    this.#me.x += this.#me.vx;
  }

  drone() {
    return { ...this.#me, y: 0, vy: 0, hp: 100, shield: 0, dash: 0, respawn: 0, waits: { pellet: 0, rail: 0, dash: 0, grenade: 0 } };
  }
}

const GO = { buttons: 1, aim: 0 };
const REST = { buttons: 0, aim: 0 };

/** A server that computes the same, some ticks later. */
class FakeServer {
  /** @type {Me} */
  me = { x: 0, vx: 0 };
  tick = 0;

  /** @param {import("../scene.js").Command} command */
  step(command) {
    const arena = new FakeArena();
    arena.restore(0, this.me);
    arena.predict(command);
    this.me = { x: arena.drone().x, vx: arena.drone().vx };
    this.tick += 1;
  }
}

test("m9_the_drone_moves_the_moment_a_command_is_given", () => {
  const prediction = new Prediction(new FakeArena());
  assert.equal(prediction.show(0, 0, 0), null, "nothing is known yet");
  prediction.reconcile(10, { x: 100, vx: 0 }, 10, 0);
  prediction.command(11, GO);
  assert.equal(prediction.show(11 + 1, 0, 0)?.x, 101);
  assert.equal(prediction.show(11 + 0.5, 0, 0)?.x, 100.5, "half of the tick has passed");
});

test("m9_a_prediction_that_was_right_is_never_corrected", () => {
  const [prediction, server] = [new Prediction(new FakeArena()), new FakeServer()];
  prediction.reconcile(0, server.me, 0, 0);
  const commands = Array.from({ length: 60 }, (_, i) => (i % 7 < 3 ? GO : REST));
  commands.forEach((command, i) => {
    prediction.command(i + 1, command);
    // The server is six ticks behind, and its snapshots say so.
    if (i >= 6) {
      server.step(commands[i - 6] ?? REST);
      const before = prediction.show(i + 2, 0, i)?.x;
      prediction.reconcile(server.tick, server.me, i + 1, i);
      assert.equal(prediction.show(i + 2, 0, i)?.x, before, `tick ${i}`);
    }
  });
  assert.equal(prediction.corrections, 0);
});

test("m9_after_a_correction_the_commands_that_the_server_has_not_used_are_done_again", () => {
  const arena = new FakeArena();
  const prediction = new Prediction(arena);
  prediction.reconcile(0, { x: 0, vx: 0 }, 0, 0);
  for (let tick = 1; tick <= 5; tick += 1) prediction.command(tick, GO);
  arena.steps = 0;
  // Somebody pushed the drone: at tick 2 it is elsewhere than predicted.
  prediction.reconcile(2, { x: 40, vx: 0 }, 5, 0);
  assert.equal(arena.steps, 3, "ticks 3, 4 and 5");
  assert.equal(prediction.corrections, 1);
  assert.equal(prediction.error, 37, "40 instead of 3");
  assert.equal(prediction.show(6, 0, 1000)?.x, 40 + 1 + 2 + 3);
});

test("m9_the_picture_gets_to_the_truth_within_a_hundred_milliseconds", () => {
  const prediction = new Prediction(new FakeArena());
  prediction.reconcile(0, { x: 0, vx: 0 }, 0, 0);
  for (let tick = 1; tick <= 4; tick += 1) prediction.command(tick, REST);
  prediction.reconcile(2, { x: 30, vx: 0 }, 4, 1000);
  const at = (/** @type {number} */ now) => prediction.show(5, 0, now)?.x ?? NaN;
  assert.equal(at(1000), 0, "nothing jumps");
  assert.equal(at(1050), 15);
  assert.equal(at(1100), 30);
});

test("m9_a_drone_that_was_put_elsewhere_is_there_at_once", () => {
  const prediction = new Prediction(new FakeArena());
  prediction.reconcile(0, { x: 0, vx: 0 }, 0, 0);
  for (let tick = 1; tick <= 4; tick += 1) prediction.command(tick, REST);
  prediction.reconcile(2, { x: 2000, vx: 0 }, 4, 1000);
  assert.equal(prediction.show(5, 0, 1000)?.x, 2000);
});

test("m9_ticks_without_a_command_repeat_the_latest_and_memory_is_bounded", () => {
  const arena = new FakeArena();
  const prediction = new Prediction(arena);
  prediction.reconcile(0, { x: 0, vx: 0 }, 0, 0);
  prediction.command(1, GO);
  prediction.reconcile(0, { x: 0, vx: 0 }, 3, 0);
  assert.equal(prediction.show(4, 0, 1e6)?.x, 1 + 2 + 3, "the clock jumped over ticks 2 and 3");
  // Thousands of commands with no snapshot: only the latest are kept, so that the replay is short.
  for (let tick = 2; tick < 5000; tick += 1) prediction.command(tick, REST);
  arena.steps = 0;
  prediction.reconcile(4990, { x: 0, vx: 0 }, 4999, 0);
  assert.equal(arena.steps, 9);
});
