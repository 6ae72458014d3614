//! What happens and passes: beams, shock waves, sparks, debris, numbers of damage, and the shaking of the picture.
//! Chance here is only for the eye; nothing of it goes back into the match.

import { CELL, CELLS } from "./house.js";
import { BODY_RADIUS } from "./picture.js";
import { lightOf } from "./scene.js";
import { SHAPE } from "./shaders.js";

/** @typedef {import("./scene.js").Moment} Moment */
/** @typedef {import("./scene.js").Happening} Happening */
/** @typedef {import("./scene.js").Point} Point */
/** @typedef {readonly [number, number, number]} Rgb */
/** @typedef {{x: number, y: number, vx: number, vy: number, angle: number, spin: number, size: number, age: number, life: number, rgb: Rgb, isDebris: boolean}} Particle */
/** @typedef {{x1: number, y1: number, x2: number, y2: number, age: number, rgb: Rgb}} Beam */
/** @typedef {{x: number, y: number, age: number, life: number, reach: number, rgb: Rgb, strength: number}} Wave */
/** @typedef {{x: number, y: number, text: string, age: number, ink: string, size: number}} Floating */

/** Particles at most; new ones take the place of the oldest. */
const PARTICLES_MAX = 700;
const FLOATING_MAX = 40;
const BEAM_SECONDS = 0.4;
const FLOATING_SECONDS = 0.9;
/** How far a blast reaches, in units. */
const BLAST = 200;

const WOOD = /** @type {readonly Rgb[]} */ ([[0.45, 0.29, 0.17], [0.6, 0.42, 0.25], [0.32, 0.2, 0.12], [0.7, 0.66, 0.6]]);
const METAL = /** @type {readonly Rgb[]} */ ([[0.3, 0.32, 0.38], [0.18, 0.19, 0.22], [0.55, 0.58, 0.64]]);
const WIND = /** @type {Rgb} */ ([0.22, 0.27, 0.34]);
const FIRE = /** @type {Rgb} */ ([1, 0.6, 0.25]);

export class Effects {
  /** @type {Particle[]} */
  #particles = [];
  #oldest = 0;
  /** @type {Beam[]} */
  #beams = [];
  /** @type {Wave[]} */
  #waves = [];
  /** Numbers and words that rise from where something happened. @type {Floating[]} */
  floating = [];
  /** Seconds since one's own shot hit something; `wrecked` if that was its end. */
  hitMark = { age: Infinity, isWreck: false };
  /** Seconds since one was hurt, and from where. @type {{age: number, angle: number}} */
  hurtMark = { age: Infinity, angle: 0 };
  /** Between 0 and 1: how much the picture shakes. */
  shaking = 0;
  /** Whether it may. */
  mayShake = true;

  /** @param {Moment} moment Makes effects of what happened. */
  notice(moment) {
    for (const happening of moment.happenings) this.#happen(moment, happening);
    for (const gust of moment.gusts) this.#wind(moment, gust);
  }

  /** @param {number} passed seconds */
  advance(passed) {
    const drag = Math.exp(-passed * 3.2);
    for (const particle of this.#particles) {
      particle.age += passed;
      particle.x += particle.vx * passed;
      particle.y += particle.vy * passed;
      particle.vx *= drag;
      particle.vy *= drag;
      particle.angle += particle.spin * passed;
    }
    for (const list of [this.#beams, this.#waves, this.floating]) for (const one of list) one.age += passed;
    this.#beams = this.#beams.filter((beam) => beam.age < BEAM_SECONDS);
    this.#waves = this.#waves.filter((wave) => wave.age < wave.life);
    this.floating = this.floating.filter((one) => one.age < FLOATING_SECONDS);
    this.shaking = Math.max(0, this.shaking - passed * 2.2);
    this.hitMark.age += passed;
    this.hurtMark.age += passed;
  }

  /** @param {number} seconds @returns {Point} where the shaking moves the camera, in units */
  shake(seconds) {
    if (!this.mayShake || this.shaking <= 0) return { x: 0, y: 0 };
    const strength = this.shaking * this.shaking * 16;
    return { x: Math.sin(seconds * 61) * strength, y: Math.cos(seconds * 53) * strength };
  }

  /** @param {import("./picture.js").Picture} picture @param {Moment} moment */
  paint(picture, moment) {
    for (const particle of this.#particles) {
      if (particle.age >= particle.life || !picture.isIn(particle.x, particle.y, 20)) continue;
      const left = 1 - particle.age / particle.life;
      const { x, y, size, angle, rgb } = particle;
      if (particle.isDebris) picture.lit.add(SHAPE.debris, x, y, size, size * 0.7, angle, rgb, Math.min(1, left * 3));
      else picture.glow.add(SHAPE.spark, x, y, size * (0.6 + left), 1.6, Math.atan2(particle.vy, particle.vx), rgb, left);
    }
    for (const { x, y, age, life, reach, rgb, strength } of this.#waves) {
      const part = age / life;
      const radius = reach * (1 - (1 - part) ** 3);
      picture.glow.add(SHAPE.wave, x, y, radius, radius, 0, rgb, (1 - part) ** 1.5 * strength, 1);
      picture.glow.add(SHAPE.glow, x, y, reach * (0.4 + part), reach * (0.4 + part), 0, rgb, (1 - part) ** 3 * strength);
      picture.shine(moment, x, y, reach * 1.9, rgb, (1 - part) ** 2 * 1.5 * strength);
    }
    for (const { x1, y1, x2, y2, age, rgb } of this.#beams) {
      const left = 1 - age / BEAM_SECONDS;
      const half = Math.hypot(x2 - x1, y2 - y1) / 2;
      const angle = Math.atan2(y2 - y1, x2 - x1);
      picture.glow.add(SHAPE.beam, (x1 + x2) / 2, (y1 + y2) / 2, half, 4 + 9 * left, angle, rgb, left * left);
      picture.glow.add(SHAPE.flare, x2, y2, 46 * left, 46 * left, angle, rgb, left);
      for (const part of [0.15, 0.5, 0.85]) picture.shine(moment, x1 + (x2 - x1) * part, y1 + (y2 - y1) * part, 170, rgb, left * left * 0.7);
    }
  }

  /** @param {Moment} moment @param {Happening} happening */
  #happen(moment, happening) {
    const mine = moment.me?.slot ?? -1;
    switch (happening.what) {
      case "rail": return this.#rail(moment, happening, mine);
      case "blast": return this.#blast(happening.at, colourOf(moment, happening.by), moment);
      case "pellet-end": return this.#sparks(happening.at, 4, 150, ownerColour(moment, happening.id));
      case "hit": return this.#bodyHit(moment, happening);
      case "hurt": return this.#hurt(moment, happening, mine);
      case "wrecked": return this.#wrecked(moment, happening, mine);
      case "captured": return this.#captured(moment, happening, mine);
      case "returned": return this.#wave(happening.at, 70, 0.6, colourOf(moment, happening.slot), 0.7);
    }
  }

  /** @param {Moment} moment @param {{by: number, from: Point, to: Point}} rail @param {number} mine */
  #rail(moment, { by, from, to }, mine) {
    const rgb = colourOf(moment, by);
    this.#beams.push({ x1: from.x, y1: from.y, x2: to.x, y2: to.y, age: 0, rgb });
    this.#sparks(to, 12, 320, rgb);
    if (by === mine) this.shaking = Math.max(this.shaking, 0.35);
  }

  /** @param {Point} at @param {Rgb} rgb @param {Moment} moment */
  #blast(at, rgb, moment) {
    this.#wave(at, BLAST, 0.55, FIRE, 1);
    this.#wave(at, BLAST * 0.6, 0.4, rgb, 0.8);
    this.#sparks(at, 34, 620, FIRE);
    this.#debris(at, 10, 380, METAL);
    if (moment.me) {
      const far = Math.hypot(moment.me.x - at.x, moment.me.y - at.y);
      this.shaking = Math.max(this.shaking, Math.max(0, 1 - far / 520));
    }
  }

  /** @param {Moment} moment @param {{body: number, at: Point}} hit */
  #bodyHit(moment, { body, at }) {
    const kind = moment.bodies.find((one) => one.id === body)?.kind ?? 1;
    this.#debris(at, 3, 130, kind === 6 ? [[0.2, 0.5, 0.2]] : WOOD);
    this.#sparks(at, 3, 140, [1, 0.85, 0.6]);
  }

  /** @param {Moment} moment @param {{slot: number, by: number, hp: number, at: Point}} hurt @param {number} mine */
  #hurt(moment, { slot, by, hp, at }, mine) {
    this.#sparks(at, 7, 260, colourOf(moment, slot));
    if (slot === mine) {
      this.shaking = Math.max(this.shaking, Math.min(1, 0.3 + hp / 60));
      const from = moment.drones.find((drone) => drone.slot === by);
      this.hurtMark = { age: 0, angle: from ? Math.atan2(from.y - at.y, from.x - at.x) : NaN };
      this.#rise(at, `−${hp}`, "#ff7a7a", 19);
    } else if (by === mine) {
      this.hitMark = { age: 0, isWreck: false };
      this.#rise(at, `${hp}`, "#ffffff", 17);
    }
  }

  /** @param {Moment} moment @param {{slot: number, by: number, at: Point | null}} wreck @param {number} mine */
  #wrecked(moment, { slot, by, at }, mine) {
    if (by === mine && slot !== mine) this.hitMark = { age: 0, isWreck: true };
    if (slot === mine) this.shaking = 1;
    if (!at) return;
    const rgb = colourOf(moment, slot);
    this.#wave(at, 110, 0.5, rgb, 1);
    this.#sparks(at, 26, 460, rgb);
    this.#debris(at, 16, 320, METAL);
    if (by === mine && slot !== mine) this.#rise(at, "WRECKED", "#ffe08a", 18);
  }

  /** @param {Moment} moment @param {{body: number, by: number, at: Point | null}} capture @param {number} mine */
  #captured(moment, { body, by, at }, mine) {
    const item = moment.bodies.find((one) => one.id === body);
    const place = at ?? item;
    if (!place) return;
    const rgb = colourOf(moment, by);
    this.#wave(place, 60 + (BODY_RADIUS[item?.kind ?? 1] ?? 20) * 2, 0.7, rgb, 0.9);
    this.#sparks(place, 18, 260, rgb);
    this.#debris(place, 8, 200, WOOD);
    if (by === mine) this.#rise(place, "CAPTURED", "#ffffff", 16);
  }

  /** Dust that a gust carries through a room. @param {Moment} moment @param {Moment["gusts"][number]} gust */
  #wind({ house }, { room, x, y }) {
    const cells = house.rooms[room]?.cells ?? [];
    const cell = cells[Math.floor(Math.random() * cells.length)];
    if (cell === undefined) return;
    const at = { x: ((cell % CELLS) + Math.random()) * CELL, y: (Math.floor(cell / CELLS) + Math.random()) * CELL };
    const strength = Math.hypot(x, y) || 1;
    this.#particle(at, 0, 14, 0.9, WIND, false);
    const last = this.#particles[(this.#oldest + PARTICLES_MAX - 1) % PARTICLES_MAX];
    if (last) Object.assign(last, { vx: (x / strength) * 700, vy: (y / strength) * 700 });
  }

  /** @param {Point} at @param {string} text @param {string} ink @param {number} size */
  #rise(at, text, ink, size) {
    if (this.floating.length >= FLOATING_MAX) this.floating.shift();
    this.floating.push({ x: at.x + (Math.random() - 0.5) * 20, y: at.y - 18, text, age: 0, ink, size });
  }

  /** @param {Point} at @param {number} reach @param {number} life @param {Rgb} rgb @param {number} strength */
  #wave({ x, y }, reach, life, rgb, strength) {
    this.#waves.push({ x, y, age: 0, life, reach, rgb, strength });
  }

  /** @param {Point} at @param {number} count @param {number} speed units a second @param {Rgb} rgb */
  #sparks(at, count, speed, rgb) {
    for (let i = 0; i < count; i += 1) this.#particle(at, speed, 4 + Math.random() * 6, 0.25 + Math.random() * 0.4, rgb, false);
  }

  /** @param {Point} at @param {number} count @param {number} speed @param {readonly Rgb[]} tones */
  #debris(at, count, speed, tones) {
    for (let i = 0; i < count; i += 1) {
      const rgb = tones[i % tones.length] ?? [0.5, 0.5, 0.5];
      this.#particle(at, speed, 1.5 + Math.random() * 3.5, 0.8 + Math.random() * 1.4, rgb, true);
    }
  }

  /** @param {Point} at @param {number} speed @param {number} size @param {number} life @param {Rgb} rgb @param {boolean} isDebris */
  #particle({ x, y }, speed, size, life, rgb, isDebris) {
    const way = Math.random() * 2 * Math.PI;
    const fast = speed * (0.25 + Math.random() * 0.75);
    const particle = {
      x, y, vx: Math.cos(way) * fast, vy: Math.sin(way) * fast, size, life, rgb, isDebris,
      age: 0, angle: way, spin: (Math.random() - 0.5) * 16,
    };
    if (this.#particles.length < PARTICLES_MAX) this.#particles.push(particle);
    else this.#particles[this.#oldest] = particle;
    this.#oldest = (this.#oldest + 1) % PARTICLES_MAX;
  }
}

/** @param {Moment} moment @param {number} slot @returns {Rgb} */
const colourOf = (moment, slot) => lightOf(moment.players.get(slot)?.colour ?? -1);

/** @param {Moment} moment @param {number} id of a pellet that may be gone already @returns {Rgb} */
function ownerColour(moment, id) {
  const pellet = moment.pellets.find((one) => one.id === id);
  return pellet ? colourOf(moment, pellet.owner) : [1, 0.85, 0.6];
}
