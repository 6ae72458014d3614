//! Reads what changed in one cell. `docs/match-protocol.md` has it bit by bit.

import { WireError } from "./bytes.js";
import { BitReader } from "./coder.js";
import { ODDS } from "./odds.js";

export const CELLS = 16;
/** Ticks that the server keeps. */
const HISTORY_TICKS = 32;

/** The three classes of things in cells: drones by slot, bodies by number, grenades by their id modulo 256. */
export const CLASS = Object.freeze({ drone: 0, body: 1, grenade: 2 });
/** By class: its first key, how many keys it has, how many bits tell one. */
const KEYS = Object.freeze([
  { first: 0, count: 256, bits: 8 },
  { first: 256, count: 600, bits: 10 },
  { first: 856, count: 256, bits: 8 },
]);
/** How many keys there are. */
export const KEY_COUNT = 1112;

/** @param {number} key */
export function classOf(key) {
  return key < 256 ? CLASS.drone : key < 856 ? CLASS.body : CLASS.grenade;
}

/** @param {number} key @returns {number} slot, number of the body, or id of the grenade modulo 256 */
export function numberOf(key) {
  return key < 256 ? key : key < 856 ? key - 256 : key - 856;
}

/**
 * Something in a cell.
 * @typedef {object} Thing
 * @property {number} key
 * @property {number} x 1/16 of a unit
 * @property {number} y
 * @property {number} aim of drones, 1/256 of a turn
 * @property {number} hp of drones and bodies
 * @property {number} mark drones: 1 shield, 2 dash; bodies: bit 11 captured, slot in bits 0 to 7, colour in 8 to 10; grenades: owner
 * @property {number} dx how it moved until the tick of its cell, in 1/16 of a unit
 * @property {number} dy
 * @property {number} turn how it turned
 */

/** How a receiver predicts: @typedef {{span: number, ahead: number, behind: number}} Pace */

/** @param {number} before @param {number} base @param {number} now @returns {Pace} */
export function paceOf(before, base, now) {
  const between = (/** @type {number} */ from, /** @type {number} */ to) =>
    Math.min(Math.max((to - from) >>> 0, 1), HISTORY_TICKS);
  const ahead = between(base, now);
  return { span: ahead === 1 ? 0 : ahead <= 3 ? 1 : 2, ahead, behind: between(before, base) };
}

// The contexts, as in the table of the protocol's page.
const LENGTHS = 12;
const NUMBER_BITS_MAX = 17;
const SPANS = 3;
const WHOLE = 0;
const SPAN = WHOLE + 1;
const MORE = SPAN + 2;
const CAME = MORE + 6;
const DIFFERS = CAME + 3;
const GONE = DIFFERS + 3 * 2 * SPANS;
const RESIDUAL = GONE + 3;
const ALONG = RESIDUAL + 2 * SPANS * 6 * LENGTHS;
const AIM = ALONG + 2 * SPANS;
const AIM_LENGTH = AIM + 2 * SPANS;
const AIM_ALONG = AIM_LENGTH + SPANS * LENGTHS;
const OTHER = AIM_ALONG + 1;
const HP = OTHER + 3;
const HP_TEN = HP + 3;
const MARK = HP_TEN + 3;
const CAPTURED = MARK + 3;
const SOUND = CAPTURED + 1;
const MOVES = SOUND + 3;
const MOVEMENT = MOVES + 3;
/** How many contexts there are. */
export const CONTEXTS = MOVEMENT + 2 * LENGTHS;

/** The eight cells around one, as columns and rows to go. */
const AROUND = /** @type {readonly (readonly [number, number])[]} */ (
  Object.freeze([[-1, -1], [0, -1], [1, -1], [-1, 0], [1, 0], [-1, 1], [0, 1], [1, 1]])
);

/**
 * Reads a cell.
 * @param {Uint8Array} bytes which begin with it
 * @param {number} cell
 * @param {{things: readonly Thing[], pace: Pace} | null} held what the receiver has of it
 * @param {(cell: number, key: number) => {thing: Thing, behind: number} | null} around what it has of others, before the snapshot
 * @returns {{things: Thing[], since: "nothing" | "tick before" | "last", length: number}} things by key; `length` in bytes
 */
export function readCell(bytes, cell, held, around) {
  const reader = new CellReader(bytes, cell, around);
  return { ...reader.read(held), length: reader.bytesRead() };
}

class CellReader {
  #bits;
  #cell;
  #around;
  /** @type {Pace} */
  #pace = { span: 0, ahead: 1, behind: 1 };

  /** @param {Uint8Array} bytes @param {number} cell @param {(cell: number, key: number) => {thing: Thing, behind: number} | null} around */
  constructor(bytes, cell, around) {
    this.#bits = new BitReader(bytes, ODDS);
    this.#cell = cell;
    this.#around = around;
  }

  /**
   * @param {{things: readonly Thing[], pace: Pace} | null} held
   * @returns {{things: Thing[], since: "nothing" | "tick before" | "last"}}
   */
  read(held) {
    /** @type {Thing[]} */
    const things = [];
    if (this.#bits.bit(WHOLE)) {
      for (let nth = 0; nth < 3; nth += 1) {
        for (let last = -1; this.#bits.bit(MORE + 3 + nth); ) {
          last = this.#number(nth, last);
          things.push(this.#anew(nth, last));
        }
      }
      return { things, since: "nothing" };
    }
    if (held === null) throw new WireError("a difference to a cell that is not known");
    /** @type {"tick before" | "last"} */
    let since = "tick before";
    this.#pace = { span: 0, ahead: 1, behind: held.pace.behind };
    if (this.#bits.bit(SPAN)) {
      since = "last";
      this.#pace = { ...held.pace, span: this.#bits.bit(SPAN + 1) ? 2 : 1 };
    }
    for (const thing of held.things) {
      const now = this.#moved(thing, this.#pace, true);
      if (now !== null) things.push(now);
    }
    this.#arrivals(things);
    things.sort((a, b) => a.key - b.key);
    return { things, since };
  }

  /** How many bytes it took. */
  bytesRead() {
    return this.#bits.bytesRead();
  }

  /** @param {Thing[]} things those that stayed; the new ones are added */
  #arrivals(things) {
    const stayed = new Set(things.map((thing) => thing.key));
    for (let nth = 0; nth < 3; nth += 1) {
      for (let last = -1; this.#bits.bit(MORE + nth); ) {
        last = this.#number(nth, last);
        const key = keyOf(nth, last);
        if (stayed.has(key)) throw new WireError("something arrives where it is");
        things.push(this.#bits.bit(CAME + nth) ? this.#came(key) : this.#anew(nth, last));
      }
    }
  }

  /** The number of something new; they come in order. @param {number} nth class @param {number} last */
  #number(nth, last) {
    const { count, bits } = /** @type {(typeof KEYS)[number]} */ (KEYS[nth]);
    const number = this.#bits.raw(bits);
    if (number >= count || number <= last) throw new WireError("new things are out of order, or too many");
    return number;
  }

  /** Something that was in a cell next to this one. @param {number} key @returns {Thing} */
  #came(key) {
    const [columns, rows] = /** @type {readonly [number, number]} */ (AROUND[this.#bits.raw(3)]);
    const column = (this.#cell % CELLS) + columns;
    const row = Math.floor(this.#cell / CELLS) + rows;
    const isInside = column >= 0 && column < CELLS && row >= 0 && row < CELLS;
    const from = isInside ? this.#around(row * CELLS + column, key) : null;
    if (from === null) throw new WireError("something comes from where it was not");
    const now = this.#moved(from.thing, { ...this.#pace, behind: from.behind }, false);
    if (now === null) throw new WireError("something arrives to be gone");
    return now;
  }

  /** How something is now; null if it is gone. @param {Thing} base @param {Pace} pace @param {boolean} mayBeGone @returns {Thing | null} */
  #moved(base, pace, mayBeGone) {
    const nth = classOf(base.key);
    const group = nth === CLASS.drone ? 0 : 1;
    const predicted = Math.abs(base.dx) + Math.abs(base.dy);
    const differs = this.#bits.bit(DIFFERS + (nth * 2 + (predicted > 0 ? 1 : 0)) * SPANS + pace.span);
    if (differs && mayBeGone && this.#bits.bit(GONE + nth)) return null;
    let { aim, hp, mark } = base;
    let [x, y] = this.#predict(nth, base, pace);
    if (differs) {
      const lengths = (/** @type {number} */ kind) => RESIDUAL + ((group * SPANS + pace.span) * 6 + kind) * LENGTHS;
      const along = ALONG + group * SPANS + pace.span;
      const rest = this.#signed(lengths(predicted === 0 ? 0 : predicted < 48 ? 1 : 2), along, base.dx);
      const size = Math.abs(rest);
      x += rest;
      y += this.#signed(lengths(size === 0 ? 3 : size < 4 ? 4 : 5), along, base.dy);
      if (nth === CLASS.drone && this.#bits.bit(AIM + (base.turn === 0 ? 0 : SPANS) + pace.span)) {
        aim = (aim + this.#signed(AIM_LENGTH + pace.span * LENGTHS, AIM_ALONG, base.turn)) & 0xff;
      }
      if (this.#bits.bit(OTHER + nth)) {
        if (nth !== CLASS.grenade && this.#bits.bit(HP + nth)) {
          hp = this.#bits.bit(HP_TEN + nth) ? hp - 10 : this.#health();
          if (hp < 0) throw new WireError("health below nothing");
        }
        if (this.#bits.bit(MARK + nth)) mark = this.#marks(nth);
      }
    }
    if (x >> 12 !== this.#cell % CELLS || y >> 12 !== Math.floor(this.#cell / CELLS)) {
      throw new WireError("something is not in its cell");
    }
    const turn = ((aim - base.aim) << 24) >> 24;
    return { key: base.key, x, y, aim, hp, mark, dx: x - base.x, dy: y - base.y, turn };
  }

  /** Where something will be: as far on as it moved, slowed by friction, but not out of its cell. @param {number} nth class @param {Thing} base @param {Pace} pace @returns {[number, number]} */
  #predict(nth, base, pace) {
    const { ahead, behind } = pace;
    if (base.dx === 0 && base.dy === 0) return [base.x, base.y];
    const lost = Math.trunc((slowing(nth, base, behind) * (ahead + behind)) / 2);
    const part = (256 - Math.min(lost, 256)) * ahead;
    const on = (/** @type {number} */ at, /** @type {number} */ moved, /** @type {number} */ index) =>
      Math.min(Math.max(at + Math.trunc((moved * part) / (256 * behind)), index << 12), (index << 12) | 0xfff);
    return [on(base.x, base.dx, this.#cell % CELLS), on(base.y, base.dy, Math.floor(this.#cell / CELLS))];
  }

  /** Something that is not known, or not here. @param {number} nth class @param {number} number @returns {Thing} */
  #anew(nth, number) {
    const group = nth === CLASS.drone ? 0 : 1;
    const x = ((this.#cell % CELLS) << 12) | this.#bits.raw(12);
    const y = (Math.floor(this.#cell / CELLS) << 12) | this.#bits.raw(12);
    let [dx, dy, turn] = [0, 0, 0];
    if (this.#bits.bit(MOVES + nth)) {
      dx = this.#signed(MOVEMENT + group * LENGTHS, 0, 0);
      dy = this.#signed(MOVEMENT + group * LENGTHS, 0, 0);
      if (nth === CLASS.drone) turn = (this.#signed(AIM_LENGTH, 0, 0) << 24) >> 24;
    }
    const aim = nth === CLASS.drone ? this.#bits.raw(8) : 0;
    const hp = nth === CLASS.grenade ? 0 : this.#bits.bit(SOUND + nth) ? 100 : this.#health();
    return { key: keyOf(nth, number), x, y, aim, hp, mark: this.#marks(nth), dx, dy, turn };
  }

  #health() {
    const hp = this.#bits.raw(7);
    if (hp > 100) throw new WireError("more health than there is");
    return hp;
  }

  /** @param {number} nth class */
  #marks(nth) {
    if (nth === CLASS.drone) return this.#bits.raw(2);
    if (nth === CLASS.grenade) return this.#bits.raw(8);
    if (!this.#bits.bit(CAPTURED)) return 0;
    const colour = this.#bits.raw(3);
    if (colour > 4) throw new WireError("no such colour");
    return 0x800 | (colour << 8) | this.#bits.raw(8);
  }

  /** A number with its sign. @param {number} lengths @param {number} sign @param {number} along @returns {number} */
  #signed(lengths, sign, along) {
    let length = 0;
    while (length < NUMBER_BITS_MAX && this.#bits.bit(lengths + Math.min(length, LENGTHS - 1))) length += 1;
    if (length === 0) return 0;
    const size = 2 ** (length - 1) + this.#bits.raw(length - 1);
    const isNegative = along === 0 ? this.#bits.raw(1) === 1 : this.#bits.bit(sign) === along < 0;
    return isNegative ? -size : size;
  }
}

/** What part of its speed something loses in a tick, in 1/256. @param {number} nth class @param {Thing} thing @param {number} behind */
function slowing(nth, thing, behind) {
  if (nth === CLASS.drone) return 0;
  if (nth === CLASS.grenade) return 16;
  const speed = Math.trunc(Math.floor(Math.sqrt(thing.dx * thing.dx + thing.dy * thing.dy)) / behind);
  return 11 + Math.trunc(224 / Math.max(speed, 1));
}

/** @param {number} nth class @param {number} number */
function keyOf(nth, number) {
  return /** @type {(typeof KEYS)[number]} */ (KEYS[nth]).first + number;
}
