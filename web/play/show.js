//! Shows moments: picture, effects and labels on the two canvases, at the size of the window.

import { Camera } from "./camera.js";
import { CanvasPainter } from "./canvas.js";
import { Effects } from "./effects.js";
import { Labels } from "./labels.js";
import { Picture } from "./picture.js";
import { WebGlPainter } from "./webgl.js";

/** @typedef {import("./scene.js").Moment} Moment */

/** Pixels of the canvas in one of the page at most: more cannot be seen, but has to be painted. */
const DENSITY_MAX = 2;
/** Below this many frames a second the picture gets coarser, down to a half. */
const FRAMES_WANTED = 40;
const DENSITY_MIN = 0.5;

export class Show {
  camera = new Camera();
  effects = new Effects();
  #picture = new Picture();
  #canvas;
  #overlay;
  #painter;
  #labels;
  #last = 0;
  /** How coarse the picture is, 1 for as fine as the screen. */
  #detail = 1;
  /** Frames a second, smoothed. */
  frames = 60;
  #checkedAt = 0;

  /** @param {HTMLCanvasElement} canvas @param {HTMLCanvasElement} overlay @param {{isPlain?: boolean}} [how] plain: without WebGL */
  constructor(canvas, overlay, { isPlain = false } = {}) {
    this.#canvas = canvas;
    this.#overlay = overlay;
    this.#painter = (isPlain ? null : WebGlPainter.on(canvas)) ?? new CanvasPainter(canvas);
    this.#labels = new Labels(overlay);
    canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    canvas.addEventListener("webglcontextrestored", () => {
      this.#painter = WebGlPainter.on(canvas) ?? this.#painter;
    });
  }

  get paintsWith() {
    return this.#painter instanceof WebGlPainter ? "webgl" : "canvas";
  }

  get density() {
    return Math.min(DENSITY_MAX, window.devicePixelRatio || 1);
  }

  /**
   * @param {Moment} moment
   * @param {{x: number, y: number, aim: number} | null} target what the camera follows
   * @param {{reach: number, pointer: {x: number, y: number} | null}} aim how far ahead it looks; the pointer in pixels of the page
   * @param {number} now milliseconds
   */
  paint(moment, target, aim, now) {
    const real = Math.max(0, (now - this.#last) / 1000);
    const passed = Math.min(0.1, real);
    this.#last = now;
    this.#keepUp(real, now);
    this.#fit();
    if (target) this.camera.follow(target, aim.reach, passed, moment.house.side);
    this.effects.notice(moment);
    this.effects.advance(passed);
    const shake = this.effects.shake(now / 1000);
    const { x, y, scale, width, height } = this.camera;
    const camera = { x: x + shake.x, y: y + shake.y, scale, width, height };
    this.#picture.begin(moment, camera, now / 1000, passed);
    this.effects.paint(this.#picture, moment);
    this.#picture.finish(moment);
    const canvas = this.#canvas;
    const coarse = canvas.width / this.camera.width;
    const { camera: drawn } = this.#picture;
    this.#picture.camera = { ...drawn, scale: scale * coarse, width: canvas.width, height: canvas.height };
    this.#painter.paint(this.#picture);
    const { density } = this;
    const pointer = aim.pointer ? { x: aim.pointer.x * density, y: aim.pointer.y * density } : null;
    this.#labels.paint(moment, camera, this.effects, pointer, density);
  }

  /** Gives up detail while the browser cannot keep up, and takes it back. @param {number} passed @param {number} now */
  #keepUp(passed, now) {
    // A pause of seconds was a hidden page, not a slow one.
    if (passed <= 0 || passed >= 3) return;
    this.frames += (1 / passed - this.frames) * Math.min(0.5, passed * 3);
    if (now - this.#checkedAt < 1500) return;
    this.#checkedAt = now;
    if (this.frames < FRAMES_WANTED * 0.75) this.#detail = Math.max(DENSITY_MIN / this.density, this.#detail * 0.75);
    else if (this.frames > FRAMES_WANTED * 1.3) this.#detail = Math.min(1, this.#detail * 1.1);
  }

  #fit() {
    const { density } = this;
    const [width, height] = [Math.round(window.innerWidth * density), Math.round(window.innerHeight * density)];
    for (const [canvas, detail] of /** @type {[HTMLCanvasElement, number][]} */ ([[this.#canvas, this.#detail], [this.#overlay, 1]])) {
      const [wide, high] = [Math.max(1, Math.round(width * detail)), Math.max(1, Math.round(height * detail))];
      if (canvas.width !== wide) canvas.width = wide;
      if (canvas.height !== high) canvas.height = high;
    }
    this.camera.fit(width, height, density);
  }
}
