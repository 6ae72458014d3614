//! What becomes of real snapshots (the server's test vectors) on their way to the picture.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Told } from "../told.js";

const VECTORS = new URL("../../../crates/arena/tests/vectors/", import.meta.url);
const unhex = (/** @type {string} */ text) => Uint8Array.from(text.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16));

/** @param {string} name @param {number} slot */
function told(name, slot) {
  const [first = "", ...lines] = readFileSync(new URL(name, VECTORS), "utf8").trimEnd().split("\n");
  const snapshots = lines.filter((line) => line.startsWith("snapshot ")).map((line) => {
    const [, tick, body] = line.split(" ");
    return { type: /** @type {const} */ ("snapshot"), tick: Number(tick), applied: 0, margin: 0, speed: 100, cost: 0, body: unhex(body ?? "") };
  });
  const welcome = { isSpectator: slot === 255, isReturn: false, slot, rate: 30, tick: 0, seed: 1n, simulation: 1, resume: new Uint8Array(16), game: "wreckroom", match: "m" };
  const match = new Told({ type: "welcome", ...welcome, introduction: unhex(first.slice("introduction ".length)) }, null);
  match.enlist(Array.from({ length: 64 }, (_, n) => ({ slot: n, isBot: n > 0, isGone: false, isAway: false, name: `P${n}`, look: new Uint8Array(1), colour: n % 5 })));
  return { match, snapshots };
}

test("m10_moments_show_what_was_told_between_two_snapshots", () => {
  const { match, snapshots } = told("player.txt", 0);
  let moments = 0;
  for (const snapshot of snapshots) {
    match.apply(snapshot);
    for (const behind of [3, 2.5]) {
      const moment = match.moment(Math.max(1, snapshot.tick - behind), snapshot.tick, null, 0.016);
      moments += 1;
      const { side } = moment.house;
      // A pellet is drawn for a tick before it was told of, straight back from where it was: it may have come off a wall.
      for (const [things, slack] of /** @type {const} */ ([[moment.drones, 1], [moment.bodies, 1], [moment.grenades, 1], [moment.pellets, 31]])) {
        for (const { x, y } of things) assert.ok(x >= -slack && x <= side + slack && y >= -slack && y <= side + slack, `${x} ${y}`);
      }
      assert.equal(new Set(moment.drones.map((drone) => drone.slot)).size, moment.drones.length, "nobody is there twice");
      assert.ok(moment.me && moment.drones.includes(moment.me));
      assert.ok(moment.ticksLeft > 0 && moment.ticksLeft <= 9000);
      assert.equal(moment.openings.size, moment.house.doors.length);
    }
  }
  assert.ok(moments > 40);
});

test("m10_each_thing_that_happens_is_shown_once_and_not_before_its_time", () => {
  const { match, snapshots } = told("crowd.txt", 0);
  let [told_, shown] = [0, 0];
  const apply = match.world.apply.bind(match.world);
  match.world.apply = (snapshot) => {
    const changes = apply(snapshot);
    told_ += changes.events.filter(({ event }) => event.what === "pellet-end" || event.what === "blast" || event.what === "returned").length;
    return changes;
  };
  const count = (/** @type {import("../scene.js").Happening[]} */ list) => list.filter((one) => one.what === "pellet-end" || one.what === "blast" || one.what === "returned").length;
  let last = 0;
  for (const snapshot of snapshots) {
    match.apply(snapshot);
    last = snapshot.tick;
    shown += count(match.moment(last - 3, last, null, 0.016).happenings);
  }
  assert.ok(shown < told_, "the latest are not shown yet");
  shown += count(match.moment(last, last, null, 0.016).happenings);
  assert.equal(shown, told_);
  assert.ok(told_ > 10, `${told_} happened`);
});

test("m9_the_prediction_is_given_the_exact_drone_and_what_it_can_touch", () => {
  const { match, snapshots } = told("player.txt", 0);
  for (const snapshot of snapshots) match.apply(snapshot);
  const [own, { me }] = [match.own(), match.world];
  assert.ok(own && me);
  assert.deepEqual(own.words.slice(0, 7), [me.x, me.y, me.vx, me.vy, me.aim, me.hp, me.colour]);
  assert.equal(own.words.length, 19);
  assert.ok(own.words.every(Number.isInteger));
  for (const body of own.bodies) assert.ok(Number.isInteger(body.x) && Math.abs(body.x - me.x) < 600 * 256, JSON.stringify(body));
  assert.ok(own.drones.every((drone) => drone.slot !== 0));
});

test("m9_a_shot_is_seen_at_once_and_only_once", () => {
  const { match, snapshots } = told("player.txt", 0);
  for (const snapshot of snapshots.slice(0, 5)) match.apply(snapshot);
  const { me, tick } = match.world;
  assert.ok(me);
  // A wall may be right in front of the drone in some directions, but not in all.
  const seen = [0, 1.5, 3, 4.5].filter((aim, n) => {
    match.fired("pellet", tick + 3 + 20 * n, { x: me.x / 256, y: me.y / 256 }, aim);
    const ahead = tick + 4 + 20 * n;
    return match.moment(tick, ahead, null, 0.016).pellets.filter((pellet) => pellet.id >= 0x10000).length === 0
      ? match.moment(tick, ahead, /** @type {any} */ ({ x: me.x / 256, y: me.y / 256, vx: 0, vy: 0, hp: 100, shield: 0, dash: 0, respawn: 0, aim, waits: {} }), 0.016).pellets.some((pellet) => pellet.owner === 0 && pellet.id >= 0x10000)
      : true;
  });
  assert.ok(seen.length > 0);
  const gone = match.moment(tick, tick + 200, /** @type {any} */ ({ x: 0, y: 0, vx: 0, vy: 0, hp: 100, shield: 0, dash: 0, respawn: 0, aim: 0, waits: {} }), 0.016);
  assert.ok(!gone.pellets.some((pellet) => pellet.id >= 0x10000), "the server never told of it: it is forgotten");
  match.fired("rail", tick, { x: me.x / 256, y: me.y / 256 }, 0);
  const rails = match.moment(tick, tick, null, 0.016).happenings.filter((one) => one.what === "rail" && one.by === 0);
  assert.equal(rails.length, 1);
});
