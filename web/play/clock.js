//! What time it is in a match: the server's tick now, and the tick that one's own input is for. Pure: the caller tells what
//! its own clock says.

import { clamp } from "./scene.js";

/** So many of the latest pings are looked at; the fastest of them tells the offset, because it waited in no queue. */
const SAMPLES = 16;
/** The input clock runs at most this much faster or slower to get where it should be. */
const STRETCH = 0.05;
/** If it is further off than this, in ticks, it jumps. */
const JUMP = 6;
/** How many ticks before its tick an input should arrive. */
const MARGIN = 1.25;
/** What the server's reports may add to that at most, in ticks. */
const LEAD_MAX = 6;
const LEAD_MIN = -2;

export class Clock {
  #ticksPerMs;
  /** The server's pace, as a part of the usual one. */
  #speed = 1;
  #elapsed = 0;
  #since = 0;
  /** @type {{rtt: number, offset: number}[]} */
  #samples = [];
  #next = 0;
  #offset = 0;
  /** What is added so that inputs arrive in time. */
  #lead = 0;
  #input = NaN;
  #advancedAt = 0;
  /** Milliseconds of the latest pings. */
  rtt = 0;
  /** Ticks before its tick that the latest input arrived, smoothed. */
  margin = MARGIN;

  /** @param {number} ticksPerSecond @param {number} tick the match's tick when the server spoke first @param {number} now milliseconds */
  constructor(ticksPerSecond, tick, now) {
    this.#ticksPerMs = ticksPerSecond / 1000;
    this.#since = now;
    this.#offset = tick;
  }

  /**
   * @param {number} sent when the ping left, in milliseconds @param {number} received when the pong came
   * @param {number} tick of the server, with its fraction
   */
  pong(sent, received, tick) {
    const rtt = received - sent;
    if (!(rtt >= 0)) return;
    // The server looked at its clock in the middle of the way, as far as anybody knows.
    const latest = { rtt, offset: tick - this.#elapsedAt((sent + received) / 2) };
    this.#samples[this.#next] = latest;
    this.#next = (this.#next + 1) % SAMPLES;
    this.rtt = this.rtt ? this.rtt + (rtt - this.rtt) * 0.2 : rtt;
    const best = this.#samples.reduce((a, b) => (b.rtt < a.rtt ? b : a));
    // The latest ping cannot be wrong by more than half of its way, whatever was true before: a server that had no time
    // has left out ticks since.
    const doubt = this.ticks(rtt / 2);
    this.#offset = clamp(best.offset, latest.offset - doubt, latest.offset + doubt);
  }

  /** The fastest round trip of the latest ones, in milliseconds. */
  get rttMin() {
    return this.#samples.length ? Math.min(...this.#samples.map((sample) => sample.rtt)) : 0;
  }

  /** @param {number} percent how fast the match runs @param {number} now */
  pace(percent, now) {
    const speed = clamp(percent / 100, 0.05, 2);
    if (speed === this.#speed) return;
    this.#elapsed = this.#elapsedAt(now);
    this.#since = now;
    this.#speed = speed;
  }

  /** @param {number} eighths of a tick before its tick that the latest input arrived; negative is too late */
  arrived(eighths) {
    const margin = eighths / 8;
    this.margin += (margin - this.margin) * 0.1;
    // Too late is a lost command: that is mended at once. Too early is only a little delay: that has time.
    const change = margin < 0 ? -margin * 0.5 + 0.1 : (MARGIN - this.margin) * 0.02;
    this.#lead = clamp(this.#lead + change, LEAD_MIN, LEAD_MAX);
  }

  /** @param {number} now @returns {number} the server's tick, with its fraction */
  tickAt(now) {
    return this.#offset + this.#elapsedAt(now);
  }

  /** @param {number} now @returns {number} the tick that an input of this moment is for, with its fraction; it never goes back but by a jump */
  inputTick(now) {
    const target = this.tickAt(now) + (this.rttMin / 2) * this.#ticksPerMs * this.#speed + MARGIN + this.#lead;
    const passed = this.#elapsedAt(now) - this.#advancedAt;
    this.#advancedAt = this.#elapsedAt(now);
    const off = target - (this.#input + passed);
    if (!(Math.abs(off) < JUMP)) this.#input = target;
    else this.#input += passed + clamp(off, -passed * STRETCH, passed * STRETCH);
    return this.#input;
  }

  /** @param {number} ms @returns {number} in ticks, at the match's speed */
  ticks(ms) {
    return ms * this.#ticksPerMs * this.#speed;
  }

  /** @param {number} now @returns {number} ticks since this clock began */
  #elapsedAt(now) {
    return this.#elapsed + (now - this.#since) * this.#ticksPerMs * this.#speed;
  }
}
