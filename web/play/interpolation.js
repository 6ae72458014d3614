//! How far in the past others are shown: as little as the network allows, so that there is nearly always a snapshot after
//! the moment that is drawn. Pure.

import { clamp } from "./scene.js";

/** Arrivals that are looked at. */
const WINDOW = 64;
const DELAY_MS_MIN = 50;
const DELAY_MS_MAX = 200;
/** The shown time runs at most this much faster or slower than the match. */
const SLEW = 0.1;
/** Beyond the newest snapshot things go on as they moved, for so long; then they wait. */
const EXTRAPOLATE_MS = 50;
/** If the shown time is further off than this, it jumps: after a pause, or a burst of what was held up. */
const JUMP_MS = 250;

export class Interpolation {
  #tickMs;
  /** When each of the latest snapshots came, less when it was made: the smallest is the fastest way. @type {number[]} */
  #ways = [];
  /** Milliseconds between the ticks of one snapshot and the next. @type {number[]} */
  #intervals = [];
  #newest = 0;
  #shown = NaN;
  #advancedAt = 0;
  #speed = 1;
  /** How far behind the server others are shown, in milliseconds. */
  delay = 100;
  /** Ticks that were skipped between snapshots, of `ticks`, since the beginning. */
  skipped = 0;
  ticks = 0;

  /** @param {number} tickMs milliseconds of a tick */
  constructor(tickMs) {
    this.#tickMs = tickMs;
  }

  /** @param {number} percent how fast the match runs */
  pace(percent) {
    const speed = clamp(percent / 100, 0.05, 2);
    if (speed === this.#speed) return;
    // Ways are measured against the old pace: none of them means anything now.
    this.#ways = [];
    this.#speed = speed;
  }

  /** @param {number} tick of a snapshot @param {number} now when it came */
  arrived(tick, now) {
    if (tick <= this.#newest) return;
    if (this.#newest) {
      const step = tick - this.#newest;
      this.ticks += step;
      this.skipped += step - 1;
      keep(this.#intervals, step * this.#tickMs);
    }
    this.#newest = tick;
    keep(this.#ways, now - (tick * this.#tickMs) / this.#speed);
    const fastest = Math.min(...this.#ways);
    const jitter = percentile(this.#ways.map((way) => way - fastest), 0.95);
    const wanted = clamp(percentile(this.#intervals, 0.5) + jitter, DELAY_MS_MIN, DELAY_MS_MAX);
    // More delay is needed at once, less can come slowly.
    this.delay += (wanted - this.delay) * (wanted > this.delay ? 0.3 : 0.02);
  }

  /** @param {number} now @returns {number} the tick to show others in, with its fraction; never goes back but by a jump */
  advance(now) {
    if (!this.#ways.length) return this.#newest;
    const ticksPerMs = this.#speed / this.#tickMs;
    const target = (now - Math.min(...this.#ways) - this.delay) * ticksPerMs;
    const passed = (now - this.#advancedAt) * ticksPerMs;
    this.#advancedAt = now;
    const off = target - (this.#shown + passed);
    if (!(Math.abs(off) < JUMP_MS * ticksPerMs)) this.#shown = target;
    else this.#shown += passed + clamp(off, -passed * SLEW, passed * SLEW);
    this.#shown = Math.min(this.#shown, this.#newest + EXTRAPOLATE_MS * ticksPerMs);
    return this.#shown;
  }
}

/** @param {number[]} list @param {number} value */
function keep(list, value) {
  list.push(value);
  if (list.length > WINDOW) list.shift();
}

/** @param {readonly number[]} values @param {number} part 0 to 1 @returns {number} 0 without values */
export function percentile(values, part) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0;
}
