//! A world of toys for looking at the page and for its tests: bots that fly about in a house, hit furniture and each other.
//! Roughly what a match is like, but nothing of the real rules; those are in the WebAssembly arena.

import { BORDER, CELL, CELLS, House } from "../house.js";
import { BODY_RADIUS } from "../picture.js";
import { BUTTON, DRONE_RADIUS, radians } from "../scene.js";

/** @typedef {import("../scene.js").Happening} Happening */
/** @typedef {import("../scene.js").Command} Command */

/** @param {number} seed */
export function dice(seed) {
  let state = seed >>> 0 || 1;
  return (/** @type {number} */ below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 4294967296) * below);
  };
}

/** @param {number} size cells on each side @param {number} seed */
export function toyHouse(size, seed) {
  const roll = dice(seed);
  const right = new Uint8Array(CELLS * CELLS);
  const below = new Uint8Array(CELLS * CELLS);
  /** @type {[number, number, number, number][]} */
  const rooms = [[0, 0, size, size]];
  for (let room = rooms.pop(); room; room = rooms.pop()) {
    const [left, top, width, height] = room;
    if (Math.max(width, height) < 4) continue;
    const isUpright = width >= height;
    const at = 2 + roll(Math.max(width, height) - 3);
    const across = isUpright ? height : width;
    const sure = roll(across);
    for (let i = 0; i < across; i += 1) {
      const luck = roll(6);
      const border = i === sure ? BORDER.doorway : luck === 0 ? BORDER.doorway : luck === 1 ? BORDER.door : BORDER.wall;
      if (isUpright) right[(top + i) * CELLS + left + at - 1] = border;
      else below[(top + at - 1) * CELLS + left + i] = border;
    }
    if (isUpright) rooms.push([left, top, at, height], [left + at, top, width - at, height]);
    else rooms.push([left, top, width, at], [left, top + at, width, height - at]);
  }
  return new House(size, right, below);
}

export class ToyWorld {
  tick = 0;
  /** @type {Happening[]} */
  happenings = [];
  #roll;
  #next = 1;

  /** @param {{size?: number, drones?: number, bodies?: number, seed?: number}} [how] */
  constructor({ size = 6, drones = 12, bodies = 70, seed = 5 } = {}) {
    this.#roll = dice(seed);
    this.house = toyHouse(size, seed);
    const side = size * CELL;
    const somewhere = () => ({ x: 40 + this.#roll(side - 80), y: 40 + this.#roll(side - 80) });
    this.drones = Array.from({ length: drones }, (_, slot) => ({
      slot, ...somewhere(), vx: 0, vy: 0, aim: 0, hp: 100, colour: slot % 5, shield: 0, dash: 0, respawn: 0, wait: 0, goal: somewhere(),
    }));
    this.bodies = Array.from({ length: bodies }, (_, id) => ({ id, kind: id % 8, ...somewhere(), vx: 0, vy: 0, hp: 100, captor: -1, colour: -1 }));
    this.players = new Map(this.drones.map(({ slot, colour }) => [slot, {
      slot, colour, name: slot === 0 ? "You" : `Toy ${slot}`, isBot: slot > 0, isGone: false, score: 0, kills: 0, deaths: 0, captures: 0,
    }]));
    /** @type {(import("../scene.js").Pellet & {life: number})[]} */
    this.pellets = [];
    /** @type {import("../scene.js").Grenade[]} */
    this.grenades = [];
  }

  /** @param {ReadonlyMap<number, Command>} commands of those that people steer */
  step(commands) {
    this.tick += 1;
    this.happenings = [];
    for (const drone of this.drones) this.#drone(drone, commands.get(drone.slot));
    for (const body of this.bodies) this.#slide(body, BODY_RADIUS[body.kind] ?? 20, 0.9);
    for (const pellet of this.pellets) this.#pellet(pellet);
    this.pellets = this.pellets.filter((pellet) => pellet.life > 0);
    for (const grenade of this.grenades) {
      this.#slide(grenade, 8, 0.95);
      grenade.fuse -= 1;
      if (grenade.fuse === 0) this.happenings.push({ what: "blast", by: grenade.owner, at: { x: grenade.x, y: grenade.y } });
    }
    this.grenades = this.grenades.filter((grenade) => grenade.fuse > 0);
  }

  get things() {
    return this;
  }

  get ticksLeft() {
    return 9000 - this.tick;
  }

  darkCells() {
    const dark = this.house.rooms[1];
    return new Set(this.tick > 150 && dark ? dark.cells : []);
  }

  /** @returns {{room: number, x: number, y: number}[]} */
  gusts() {
    return [];
  }

  waits() {
    return { pellet: 0, rail: 12, dash: 0, grenade: 100 };
  }

  openings() {
    return new Map(this.house.doors.map(({ index }) => [index, Math.max(0, Math.min(48, (((this.tick + index * 37) % 300) - 120) * 3))]));
  }

  /** @param {ToyWorld["drones"][number]} drone @param {Command | undefined} command */
  #drone(drone, command) {
    if (drone.hp <= 0) {
      drone.respawn -= 1;
      if (drone.respawn <= 0) Object.assign(drone, { hp: 100, shield: 60, respawn: 0, x: drone.goal.x, y: drone.goal.y });
      return;
    }
    const act = command ?? this.#bot(drone);
    drone.aim = radians(act.aim);
    const way = (/** @type {number} */ more, /** @type {number} */ less) => (act.buttons & more ? 1 : 0) - (act.buttons & less ? 1 : 0);
    drone.vx += way(BUTTON.right, BUTTON.left) * 1.1;
    drone.vy += way(BUTTON.down, BUTTON.up) * 1.1;
    this.#slide(drone, DRONE_RADIUS, 0.9);
    drone.shield = Math.max(0, drone.shield - 1);
    drone.dash = Math.max(0, drone.dash - 1);
    drone.wait = Math.max(0, drone.wait - 1);
    if (act.buttons & BUTTON.dash && drone.dash === 0) Object.assign(drone, { dash: 5, vx: Math.cos(drone.aim) * 20, vy: Math.sin(drone.aim) * 20 });
    if (drone.wait > 0) return;
    if (act.buttons & BUTTON.rail) this.#rail(drone);
    else if (act.buttons & BUTTON.grenade) this.#throw(drone, 14);
    else if (act.buttons & BUTTON.pellet) this.#fire(drone);
  }

  /** @param {ToyWorld["drones"][number]} drone @returns {Command} */
  #bot(drone) {
    if (Math.hypot(drone.goal.x - drone.x, drone.goal.y - drone.y) < 60 || this.#roll(90) === 0) {
      const body = this.bodies[this.#roll(this.bodies.length)];
      if (body) drone.goal = { x: body.x, y: body.y };
    }
    const [dx, dy] = [drone.goal.x - drone.x, drone.goal.y - drone.y];
    let buttons = (dx > 20 ? BUTTON.right : dx < -20 ? BUTTON.left : 0) | (dy > 20 ? BUTTON.down : dy < -20 ? BUTTON.up : 0);
    const luck = this.#roll(400);
    buttons |= luck < 200 ? BUTTON.pellet : luck < 204 ? BUTTON.rail : luck < 206 ? BUTTON.grenade : luck < 208 ? BUTTON.dash : 0;
    return { buttons, aim: Math.round((Math.atan2(dy, dx) / (2 * Math.PI)) * 1024 + 1024) % 1024 };
  }

  /** @param {ToyWorld["drones"][number]} drone */
  #fire(drone) {
    const [dx, dy] = [Math.cos(drone.aim), Math.sin(drone.aim)];
    this.pellets.push({ id: this.#next, owner: drone.slot, x: drone.x + dx * 20, y: drone.y + dy * 20, vx: dx * 30, vy: dy * 30, life: 45 });
    this.#next += 1;
    drone.wait = 5;
  }

  /** @param {ToyWorld["drones"][number]} drone @param {number} speed */
  #throw(drone, speed) {
    const [dx, dy] = [Math.cos(drone.aim) * speed, Math.sin(drone.aim) * speed];
    this.grenades.push({ id: this.#next, owner: drone.slot, x: drone.x, y: drone.y, vx: dx, vy: dy, fuse: 45 });
    this.#next += 1;
    drone.wait = 20;
  }

  /** @param {ToyWorld["drones"][number]} drone */
  #rail(drone) {
    const [dx, dy] = [Math.cos(drone.aim), Math.sin(drone.aim)];
    let far = 1200;
    for (const wall of this.house.segmentsNear(drone.x, drone.y, far, this.openings())) {
      const isUpright = wall.x1 === wall.x2;
      const at = (isUpright ? wall.x1 - drone.x : wall.y1 - drone.y) / (isUpright ? dx : dy);
      const hit = isUpright ? drone.y + dy * at : drone.x + dx * at;
      if (at > 0 && at < far && hit >= (isUpright ? wall.y1 : wall.x1) && hit <= (isUpright ? wall.y2 : wall.x2)) far = at;
    }
    this.happenings.push({ what: "rail", by: drone.slot, from: { x: drone.x + dx * 18, y: drone.y + dy * 18 }, to: { x: drone.x + dx * far, y: drone.y + dy * far } });
    for (const other of this.drones) {
      const along = (other.x - drone.x) * dx + (other.y - drone.y) * dy;
      if (other === drone || along < 0 || along > far || Math.abs((other.y - drone.y) * dx - (other.x - drone.x) * dy) > 16) continue;
      this.#hurt(other, drone.slot, 30, 1);
    }
    drone.wait = 36;
  }

  /** @param {ToyWorld["pellets"][number]} pellet */
  #pellet(pellet) {
    const before = { vx: pellet.vx, vy: pellet.vy };
    this.#slide(pellet, 3, 1);
    pellet.life -= before.vx !== pellet.vx || before.vy !== pellet.vy ? 15 : 1;
    const body = this.bodies.find((one) => one.hp > 0 && Math.hypot(one.x - pellet.x, one.y - pellet.y) < (BODY_RADIUS[one.kind] ?? 20) + 8);
    if (body) {
      pellet.life = 0;
      const at = { x: pellet.x, y: pellet.y };
      body.hp -= 10;
      Object.assign(body, { vx: body.vx + pellet.vx * 0.1, vy: body.vy + pellet.vy * 0.1 });
      this.happenings.push({ what: "pellet-end", id: pellet.id, at }, { what: "hit", body: body.id, at });
      const player = this.players.get(pellet.owner);
      if (body.hp <= 0 && player) {
        Object.assign(body, { hp: 0, captor: pellet.owner, colour: player.colour });
        player.score += 20;
        player.captures += 1;
        this.happenings.push({ what: "captured", body: body.id, by: pellet.owner, at });
      }
      return;
    }
    const drone = this.drones.find((one) => one.hp > 0 && one.slot !== pellet.owner && Math.hypot(one.x - pellet.x, one.y - pellet.y) < 22);
    if (!drone) return;
    pellet.life = 0;
    this.happenings.push({ what: "pellet-end", id: pellet.id, at: { x: pellet.x, y: pellet.y } });
    this.#hurt(drone, pellet.owner, 10, 0);
  }

  /** @param {ToyWorld["drones"][number]} drone @param {number} by @param {number} hp @param {number} weapon */
  #hurt(drone, by, hp, weapon) {
    if (drone.shield > 0 || drone.hp <= 0) return;
    drone.hp = Math.max(0, drone.hp - hp);
    const at = { x: drone.x, y: drone.y };
    this.happenings.push({ what: "hurt", slot: drone.slot, by, hp, at });
    if (drone.hp > 0) return;
    drone.respawn = 90;
    this.happenings.push({ what: "wrecked", slot: drone.slot, by, weapon, at });
    const [victim, wrecker] = [this.players.get(drone.slot), this.players.get(by)];
    if (victim) victim.deaths += 1;
    if (wrecker) Object.assign(wrecker, { kills: wrecker.kills + 1, score: wrecker.score + 15 });
  }

  /** Moves something and keeps it out of the walls. @param {{x: number, y: number, vx: number, vy: number}} thing @param {number} radius @param {number} drag */
  #slide(thing, radius, drag) {
    if (Math.abs(thing.vx) + Math.abs(thing.vy) < 0.01) return;
    const walls = this.house.segmentsNear(thing.x, thing.y, 80, this.openings());
    for (const [place, speed] of /** @type {["x" | "y", "vx" | "vy"][]} */ ([["x", "vx"], ["y", "vy"]])) {
      thing[place] += thing[speed];
      const hit = walls.some((wall) => thing.x > Math.min(wall.x1, wall.x2) - radius && thing.x < Math.max(wall.x1, wall.x2) + radius
        && thing.y > Math.min(wall.y1, wall.y2) - radius && thing.y < Math.max(wall.y1, wall.y2) + radius);
      if (!hit) continue;
      thing[place] -= thing[speed];
      thing[speed] *= -0.8;
    }
    thing.vx *= drag;
    thing.vy *= drag;
  }
}
