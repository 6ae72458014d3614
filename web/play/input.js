//! What the person does, as commands: keyboard and mouse, gamepad, and what `touch.js` reports.

import { BUTTON, turns } from "./scene.js";

/** @typedef {import("./scene.js").Command} Command */

/** @type {Readonly<Record<string, number>>} */
const KEYS = Object.freeze({
  KeyW: BUTTON.up, KeyS: BUTTON.down, KeyA: BUTTON.left, KeyD: BUTTON.right, ArrowUp: BUTTON.up, ArrowDown: BUTTON.down,
  KeyJ: BUTTON.pellet, KeyK: BUTTON.rail, Space: BUTTON.dash, ShiftLeft: BUTTON.dash, KeyE: BUTTON.grenade, KeyG: BUTTON.grenade,
});
/** Keys that turn the aim, for those who play without a mouse; radians a second. */
const TURN_KEYS = Object.freeze({ ArrowLeft: -4, ArrowRight: 4 });
/** A stick that is nearer to its middle than this rests. */
const REST = 0.25;
/** Buttons of a gamepad in the standard layout. */
const PAD = Object.freeze({ 0: BUTTON.dash, 1: BUTTON.grenade, 4: BUTTON.grenade, 5: BUTTON.rail, 6: BUTTON.rail, 7: BUTTON.pellet });

export class Input {
  /** Bits that keys and mouse buttons hold down. */
  #held = 0;
  /** Bits that went down since the last command: a press is never lost, however short. */
  #pressed = 0;
  #aim = 0;
  /** The pointer in pixels of the page; null until there is one. @type {{x: number, y: number} | null} */
  pointer = null;
  /** How far the aim is from the middle, 0 to 1. */
  reach = 0;
  #turn = 0;
  #turnedAt = 0;
  #isOn = false;
  /** @type {import("./touch.js").Touch | null} */
  touch = null;

  /** @param {HTMLElement} surface where the mouse aims */
  constructor(surface) {
    window.addEventListener("keydown", (event) => this.#key(event, true));
    window.addEventListener("keyup", (event) => this.#key(event, false));
    window.addEventListener("blur", () => this.#release());
    window.addEventListener("pointermove", (event) => this.#point(event), { passive: true });
    surface.addEventListener("pointerdown", (event) => this.#mouse(event, true));
    window.addEventListener("pointerup", (event) => this.#mouse(event, false));
    surface.addEventListener("contextmenu", (event) => event.preventDefault());
  }

  /** Whether a drone is steered; without it keys belong to the page. @param {boolean} isOn */
  set isOn(isOn) {
    if (this.#isOn !== isOn) this.#release();
    this.#isOn = isOn;
  }

  /** @param {{x: number, y: number} | null} middle where one's own drone is on the page, in pixels; null without one @param {number} now */
  update(middle, now) {
    const passed = Math.min(0.1, (now - this.#turnedAt) / 1000);
    this.#turnedAt = now;
    if (this.#turn) {
      this.#aim += this.#turn * passed;
      this.reach = 0.6;
    } else if (this.pointer && middle) {
      const [dx, dy] = [this.pointer.x - middle.x, this.pointer.y - middle.y];
      if (dx || dy) this.#aim = Math.atan2(dy, dx);
      this.reach = Math.hypot(dx, dy) / (Math.min(window.innerWidth, window.innerHeight) / 2);
    }
    this.#pad();
    if (this.touch?.aim != null) {
      this.#aim = this.touch.aim;
      this.reach = 0.7;
    }
  }

  /** @returns {Command} what to do in the next tick; presses are taken */
  command() {
    if (!this.#isOn) return { buttons: 0, aim: turns(this.#aim) };
    const buttons = this.#held | this.#pressed | this.#padHeld | (this.touch?.take() ?? 0);
    this.#pressed = 0;
    return { buttons, aim: turns(this.#aim) };
  }

  get aim() {
    return this.#aim;
  }

  #padHeld = 0;

  #pad() {
    this.#padHeld = 0;
    for (const pad of navigator.getGamepads?.() ?? []) {
      if (!pad) continue;
      const [x = 0, y = 0, aimX = 0, aimY = 0] = pad.axes;
      this.#padHeld |= directions(x, y);
      if (Math.hypot(aimX, aimY) > REST) {
        this.#aim = Math.atan2(aimY, aimX);
        this.reach = Math.hypot(aimX, aimY) * 0.8;
        this.pointer = null;
      }
      for (const [index, bit] of Object.entries(PAD)) if (pad.buttons[Number(index)]?.pressed) this.#padHeld |= bit;
    }
  }

  /** @param {KeyboardEvent} event @param {boolean} isDown */
  #key(event, isDown) {
    const turn = /** @type {Record<string, number>} */ (TURN_KEYS)[event.code];
    const bit = KEYS[event.code];
    if (turn === undefined && bit === undefined) return;
    if (isDown && (!this.#isOn || event.ctrlKey || event.metaKey || event.altKey || isForPage(event.target, event.code))) return;
    if (isDown) event.preventDefault();
    if (turn !== undefined) {
      this.#turn = isDown ? turn : this.#turn === turn ? 0 : this.#turn;
      if (isDown) this.pointer = null;
    } else if (isDown) {
      this.#held |= bit ?? 0;
      if (!event.repeat) this.#pressed |= bit ?? 0;
    } else {
      this.#held &= ~(bit ?? 0);
    }
  }

  /** @param {PointerEvent} event */
  #point(event) {
    if (event.pointerType === "touch") return;
    this.pointer = { x: event.clientX, y: event.clientY };
  }

  /** @param {PointerEvent} event @param {boolean} isDown */
  #mouse(event, isDown) {
    if (event.pointerType === "touch") return;
    const bit = event.button === 2 ? BUTTON.rail : event.button === 1 ? BUTTON.grenade : BUTTON.pellet;
    if (!isDown) this.#held &= ~bit;
    else if (this.#isOn) {
      this.#held |= bit;
      this.#pressed |= bit;
      if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
    }
  }

  #release() {
    this.#held = this.#pressed = this.#turn = 0;
  }
}

/** @param {number} x @param {number} y of a stick, -1 to 1 @returns {number} bits of the eight directions */
export function directions(x, y) {
  if (Math.hypot(x, y) < REST) return 0;
  // Each direction covers 45 degrees, so that straight ones can be held.
  const eighth = Math.round((Math.atan2(y, x) / (2 * Math.PI)) * 8 + 8) % 8;
  const { right, down, left, up } = BUTTON;
  return [right, right | down, down, down | left, left, left | up, up, up | right][eighth] ?? 0;
}

/** @param {EventTarget | null} target @param {string} code @returns {boolean} whether a key belongs to a part of the page that has the focus */
function isForPage(target, code) {
  if (!(target instanceof HTMLElement)) return false;
  if (target.closest("dialog, input, select, textarea")) return true;
  return target instanceof HTMLButtonElement && code === "Space";
}
