//! One's own drone, ahead of the server: it moves the moment a key goes down. Each snapshot says exactly how it was; from
//! there the commands that the server has not used yet are done again. If that ends elsewhere than before, the difference
//! fades away in the picture. Pure, but for the arena that does the moving.

import { mix } from "./scene.js";

/** @typedef {import("./scene.js").Command} Command */
/** @typedef {{x: number, y: number, vx: number, vy: number, hp: number, shield: number, dash: number, respawn: number, waits: import("./scene.js").Waits}} Predicted places in units */

/**
 * The simulation for one drone, as the WebAssembly module has it.
 * @template M
 * @typedef {object} Predictor
 * @property {(tick: number, me: M) => void} restore back to what the server said, exactly
 * @property {(command: Command) => void} predict one tick ahead
 * @property {() => Predicted} drone
 */

/** Commands that are kept at most: two seconds, more than any prediction is ahead. */
const COMMANDS_MAX = 64;
/** How long the picture takes to get to where the drone really is, in milliseconds. */
const SMOOTH_MS = 100;
/** A difference above this is no error to hide: the drone was put elsewhere. In units. */
const JUMP = 200;

/** @template M what the server sends of one's own drone */
export class Prediction {
  #arena;
  /** By tick. @type {Map<number, Command>} */
  #commands = new Map();
  /** What was predicted for each tick, to see whether it was right. @type {Map<number, {x: number, y: number}>} */
  #guesses = new Map();
  /** @type {Predicted | null} */
  #before = null;
  /** @type {Predicted | null} */
  #now = null;
  #tick = 0;
  #errorX = 0;
  #errorY = 0;
  #errorAt = 0;
  /** How far off the latest wrong prediction was, in units. */
  error = 0;
  /** How often predictions were wrong. */
  corrections = 0;
  /** A weapon went off, as predicted. @param {"pellet" | "rail"} _weapon @param {number} _tick @param {{x: number, y: number}} _at @param {number} _aim 0 to 1,023 */
  onFired = (_weapon, _tick, _at, _aim) => {};

  /** @param {Predictor<M>} arena */
  constructor(arena) {
    this.#arena = arena;
  }

  /** The tick that was predicted last. */
  get tick() {
    return this.#tick;
  }

  /** @param {number} tick @param {Command} command what one does in it; the drone moves at once */
  command(tick, command) {
    this.#commands.set(tick, command);
    const before = this.#now;
    if (before && tick === this.#tick + 1) {
      const after = this.#step(tick, command);
      // A wait that has become longer is a weapon that went off.
      for (const weapon of /** @type {const} */ (["pellet", "rail"])) {
        if (after.waits[weapon] > before.waits[weapon]) this.onFired(weapon, tick, after, command.aim);
      }
    }
    for (const old of this.#commands.keys()) {
      if (this.#commands.size <= COMMANDS_MAX) break;
      this.#commands.delete(old);
    }
  }

  /**
   * @param {number} tick of a snapshot @param {M} me the drone in it, exactly
   * @param {number} inputTick up to which commands were given
   * @param {number} now milliseconds
   */
  reconcile(tick, me, inputTick, now) {
    const shown = this.#now && { x: this.#now.x, y: this.#now.y };
    const guess = this.#guesses.get(tick);
    const before = this.#tick;
    this.#arena.restore(tick, me);
    this.#tick = tick;
    this.#before = this.#now = this.#arena.drone();
    if (guess) this.#judge(guess, this.#now);
    for (const old of [...this.#commands.keys()]) if (old <= tick) this.#commands.delete(old);
    for (const old of [...this.#guesses.keys()]) if (old <= tick) this.#guesses.delete(old);
    let last = null;
    for (let next = tick + 1; next <= inputTick; next += 1) {
      // A tick without a command of ours: the server repeats the latest, without what begins something.
      last = this.#commands.get(next) ?? last ?? { buttons: 0, aim: 0 };
      this.#step(next, last);
    }
    if (shown && before === this.#tick) this.#hide(shown, now);
  }

  /**
   * @param {number} tick with its fraction, as the input clock has it @param {number} aim radians, as the person aims right now
   * @param {number} now milliseconds
   * @returns {(Predicted & {aim: number}) | null} null before the first snapshot
   */
  show(tick, aim, now) {
    if (!this.#now || !this.#before) return null;
    const part = Math.min(1, Math.max(0, tick - this.#tick));
    const left = Math.max(0, 1 - (now - this.#errorAt) / SMOOTH_MS);
    return {
      ...this.#now,
      x: mix(this.#before.x, this.#now.x, part) + this.#errorX * left,
      y: mix(this.#before.y, this.#now.y, part) + this.#errorY * left,
      aim,
    };
  }

  /** @param {number} tick @param {Command} command */
  #step(tick, command) {
    this.#arena.predict(command);
    this.#before = this.#now;
    this.#now = this.#arena.drone();
    this.#tick = tick;
    this.#guesses.set(tick, { x: this.#now.x, y: this.#now.y });
    return this.#now;
  }

  /** @param {{x: number, y: number}} guess @param {{x: number, y: number}} truth */
  #judge(guess, truth) {
    const off = Math.hypot(guess.x - truth.x, guess.y - truth.y);
    if (off === 0) return;
    this.error = off;
    this.corrections += 1;
  }

  /** The picture goes on from where it was, and gets to the truth bit by bit. @param {{x: number, y: number}} shown @param {number} now */
  #hide(shown, now) {
    if (!this.#now) return;
    const left = Math.max(0, 1 - (now - this.#errorAt) / SMOOTH_MS);
    const [x, y] = [shown.x - this.#now.x + this.#errorX * left, shown.y - this.#now.y + this.#errorY * left];
    if (x === this.#errorX * left && y === this.#errorY * left) return;
    const isJump = Math.hypot(x, y) > JUMP;
    [this.#errorX, this.#errorY, this.#errorAt] = isJump ? [0, 0, now] : [x, y, now];
  }
}
