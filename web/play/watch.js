//! What a spectator's camera follows: one drone after the other, whoever leads, or nobody, when it flies freely.

import { byId, setText } from "../chat/dom.js";
import { clamp } from "./scene.js";
import { ranking } from "./hud.js";

/** @typedef {import("./scene.js").Moment} Moment */

/** How fast a free camera flies, in screens a second. */
const FLIGHT = 0.9;
const ZOOM_MIN = 0.4;
const ZOOM_MAX = 2;
const ZOOM_STEP = 1.15;
const KEYS = /** @type {Readonly<Record<string, readonly [number, number]>>} */ (Object.freeze({
  KeyW: [0, -1], KeyS: [0, 1], KeyA: [-1, 0], KeyD: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0],
}));

export class Watch {
  #isOn = false;
  /** -1 for whoever leads. */
  #slot = -1;
  #isFree = false;
  /** @type {Set<string>} */
  #keys = new Set();
  /** @type {{x: number, y: number} | null} */
  #dragged = null;
  #camera;
  #movedAt = 0;
  /** @type {number[]} */
  #slots = [];
  /** Called when something else is watched: a drone, a place, or whoever leads. @param {{slot: number} | {x: number, y: number} | null} _what */
  onWatch = (_what) => {};

  /** @param {import("./camera.js").Camera} camera @param {HTMLElement} surface */
  constructor(camera, surface) {
    this.#camera = camera;
    byId("watch-previous").addEventListener("click", () => this.#next(-1));
    byId("watch-next").addEventListener("click", () => this.#next(1));
    byId("watch-free").addEventListener("click", () => this.#setFree(!this.#isFree));
    window.addEventListener("keydown", (event) => this.#key(event));
    window.addEventListener("keyup", (event) => this.#keys.delete(event.code));
    window.addEventListener("blur", () => this.#keys.clear());
    surface.addEventListener("pointerdown", ({ clientX, clientY }) => {
      this.#dragged = this.#isOn ? { x: clientX, y: clientY } : null;
    });
    window.addEventListener("pointermove", (event) => this.#drag(event), { passive: true });
    window.addEventListener("pointerup", () => {
      this.#dragged = null;
    });
    surface.addEventListener("wheel", (event) => this.#wheel(event), { passive: true });
  }

  /** @param {boolean} isOn */
  set isOn(isOn) {
    this.#isOn = isOn;
    byId("spectate").hidden = !isOn;
    this.#slot = -1;
    this.#isFree = false;
    this.#camera.zoom = 1;
    byId("watch-free").setAttribute("aria-pressed", "false");
  }

  get isOn() {
    return this.#isOn;
  }

  get isFree() {
    return this.#isFree;
  }

  /**
   * @param {Moment} moment @param {number} now @param {number | null} leader whom the server shows while nobody is chosen
   * @returns {import("./scene.js").Drone | null} what to follow; null for a free camera
   */
  target(moment, now, leader) {
    this.#slots = ranking(moment.players).filter((player) => !player.isGone).map((player) => player.slot);
    if (this.#isFree) {
      this.#fly(moment, now);
      return null;
    }
    const slot = this.#slot >= 0 && moment.players.has(this.#slot) ? this.#slot : (leader ?? this.#slots[0] ?? -1);
    const name = moment.players.get(slot)?.name ?? "nobody yet";
    setText(byId("watching"), this.#slot >= 0 ? name : `Leader: ${name}`);
    return moment.drones.find((drone) => drone.slot === slot) ?? moment.drones[0] ?? null;
  }

  /** @param {number} step */
  #next(step) {
    this.#setFree(false);
    const at = this.#slots.indexOf(this.#slot);
    const next = at < 0 ? (step > 0 ? 0 : this.#slots.length - 1) : (at + step + this.#slots.length) % this.#slots.length;
    this.#slot = this.#slots[next] ?? -1;
    this.onWatch(this.#slot >= 0 ? { slot: this.#slot } : null);
  }

  /** @param {boolean} isFree */
  #setFree(isFree) {
    if (this.#isFree === isFree) return;
    this.#isFree = isFree;
    byId("watch-free").setAttribute("aria-pressed", String(isFree));
    if (isFree) setText(byId("watching"), "Move with W A S D or drag");
    this.onWatch(isFree ? { x: this.#camera.x, y: this.#camera.y } : this.#slot >= 0 ? { slot: this.#slot } : null);
  }

  /** @param {Moment} moment @param {number} now */
  #fly({ house }, now) {
    const passed = Math.min(0.1, (now - this.#movedAt) / 1000);
    this.#movedAt = now;
    const camera = this.#camera;
    const speed = (Math.max(camera.width, camera.height) / camera.scale) * FLIGHT * passed;
    const [wasX, wasY] = [camera.x, camera.y];
    for (const key of this.#keys) {
      const [x, y] = KEYS[key] ?? [0, 0];
      camera.x += x * speed;
      camera.y += y * speed;
    }
    camera.x = clamp(camera.x, 0, house.side);
    camera.y = clamp(camera.y, 0, house.side);
    if (camera.x !== wasX || camera.y !== wasY) this.onWatch({ x: camera.x, y: camera.y });
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (!this.#isOn || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target instanceof HTMLElement && event.target.closest("dialog, input, select, textarea")) return;
    if (this.#isFree && KEYS[event.code]) {
      this.#keys.add(event.code);
      event.preventDefault();
    } else if (event.code === "ArrowLeft" || event.code === "ArrowRight") {
      this.#next(event.code === "ArrowLeft" ? -1 : 1);
    } else if (event.code === "KeyF") {
      this.#setFree(!this.#isFree);
    }
  }

  /** @param {PointerEvent} event */
  #drag({ clientX, clientY }) {
    if (!this.#dragged || !this.#isFree) return;
    const perPixel = Math.min(2, window.devicePixelRatio || 1) / this.#camera.scale;
    this.#camera.x -= (clientX - this.#dragged.x) * perPixel;
    this.#camera.y -= (clientY - this.#dragged.y) * perPixel;
    this.#dragged = { x: clientX, y: clientY };
  }

  /** @param {WheelEvent} event */
  #wheel({ deltaY }) {
    if (!this.#isOn || !this.#isFree) return;
    this.#camera.zoom = clamp(this.#camera.zoom * (deltaY < 0 ? ZOOM_STEP : 1 / ZOOM_STEP), ZOOM_MIN, ZOOM_MAX);
  }
}
