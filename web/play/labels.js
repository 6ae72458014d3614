//! Names, numbers of damage, the crosshair and marks of hits, on a canvas of their own above the picture: text that a
//! shader could only draw badly.

import { DRONE_RADIUS, clamp, inkOf } from "./scene.js";

/** @typedef {import("./scene.js").Moment} Moment */
/** @typedef {import("./picture.js").Camera} Camera */
/** @typedef {import("./effects.js").Effects} Effects */

const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif';
const MARK_SECONDS = 0.28;
const HURT_SECONDS = 0.9;

export class Labels {
  #canvas;
  #context;

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d");
  }

  /**
   * @param {Moment} moment
   * @param {Camera} camera
   * @param {Effects} effects
   * @param {import("./scene.js").Point | null} aim where the pointer is, in pixels of the canvas; null without one
   * @param {number} density pixels of the canvas in one of the page
   */
  paint(moment, camera, effects, aim, density) {
    const context = this.#context;
    if (!context) return;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    context.textAlign = "center";
    context.lineJoin = "round";
    const onScreen = (/** @type {number} */ x, /** @type {number} */ y) => ({
      x: (x - camera.x) * camera.scale + camera.width / 2,
      y: (y - camera.y) * camera.scale + camera.height / 2,
    });
    context.font = `600 ${11.5 * density}px ${FONT}`;
    for (const drone of moment.drones) {
      if (drone.hp <= 0 || drone === moment.me) continue;
      const player = moment.players.get(drone.slot);
      if (!player) continue;
      const { x, y } = onScreen(drone.x, drone.y - DRONE_RADIUS - 15);
      this.#write(player.name, x, y, inkOf(drone.colour), density, 0.92);
    }
    for (const { x, y, text, age, ink, size } of effects.floating) {
      const at = onScreen(x, y - 40 * (1 - (1 - age) ** 2));
      const grow = age < 0.1 ? 0.7 + age * 5 : 1.2 - Math.min(0.2, age - 0.1);
      context.font = `800 ${size * density * grow}px ${FONT}`;
      this.#write(text, at.x, at.y, ink, density, clamp(2.4 * (0.9 - age), 0, 1));
    }
    if (aim) this.#crosshair(aim.x, aim.y, density, effects);
    else if (effects.hitMark.age < MARK_SECONDS) this.#hitMark(camera.width / 2, camera.height / 2, density, effects);
    if (effects.hurtMark.age < HURT_SECONDS && moment.me) this.#hurt(onScreen(moment.me.x, moment.me.y), effects, density, camera.scale);
  }

  /** @param {string} text @param {number} x @param {number} y @param {string} ink @param {number} density @param {number} alpha */
  #write(text, x, y, ink, density, alpha) {
    const context = this.#context;
    if (!context) return;
    context.globalAlpha = alpha;
    context.lineWidth = 3.2 * density;
    context.strokeStyle = "rgb(5 8 16 / 0.85)";
    context.strokeText(text, x, y);
    context.fillStyle = ink;
    context.fillText(text, x, y);
    context.globalAlpha = 1;
  }

  /** @param {number} x @param {number} y @param {number} density @param {Effects} effects */
  #crosshair(x, y, density, effects) {
    const context = this.#context;
    if (!context) return;
    const [near, far] = [6 * density, 13 * density];
    context.lineCap = "round";
    for (const [width, ink] of /** @type {[number, string][]} */ ([[4, "rgb(0 0 0 / 0.55)"], [1.8, "#f2f6ff"]])) {
      context.lineWidth = width * density;
      context.strokeStyle = ink;
      context.beginPath();
      for (const [dx, dy] of /** @type {[number, number][]} */ ([[1, 0], [-1, 0], [0, 1], [0, -1]])) {
        context.moveTo(x + dx * near, y + dy * near);
        context.lineTo(x + dx * far, y + dy * far);
      }
      context.stroke();
    }
    context.fillStyle = "#f2f6ff";
    context.beginPath();
    context.arc(x, y, 1.6 * density, 0, 2 * Math.PI);
    context.fill();
    if (effects.hitMark.age < MARK_SECONDS) this.#hitMark(x, y, density, effects);
  }

  /** @param {number} x @param {number} y @param {number} density @param {Effects} effects */
  #hitMark(x, y, density, { hitMark }) {
    const context = this.#context;
    if (!context) return;
    const left = 1 - hitMark.age / MARK_SECONDS;
    const [near, far] = [(9 - 3 * left) * density, (19 + 4 * left) * density];
    context.globalAlpha = left;
    context.strokeStyle = hitMark.isWreck ? "#ff5a66" : "#ffffff";
    context.lineWidth = (hitMark.isWreck ? 4 : 2.6) * density;
    context.beginPath();
    for (const [dx, dy] of /** @type {[number, number][]} */ ([[1, 1], [-1, 1], [1, -1], [-1, -1]])) {
      context.moveTo(x + dx * near * 0.7, y + dy * near * 0.7);
      context.lineTo(x + dx * far * 0.7, y + dy * far * 0.7);
    }
    context.stroke();
    context.globalAlpha = 1;
  }

  /** A red arc around one's drone on the side that the hit came from. @param {{x: number, y: number}} at @param {Effects} effects @param {number} density @param {number} scale */
  #hurt({ x, y }, { hurtMark }, density, scale) {
    const context = this.#context;
    if (!context) return;
    const left = 1 - hurtMark.age / HURT_SECONDS;
    const isKnown = Number.isFinite(hurtMark.angle);
    context.globalAlpha = left;
    context.strokeStyle = "#ff4d5a";
    context.lineWidth = 5 * density;
    context.lineCap = "round";
    context.beginPath();
    context.arc(x, y, 56 * scale, isKnown ? hurtMark.angle - 0.5 : 0, isKnown ? hurtMark.angle + 0.5 : 2 * Math.PI);
    context.stroke();
    context.globalAlpha = 1;
  }
}
