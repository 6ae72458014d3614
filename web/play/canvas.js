//! Paints the same picture without WebGL, on a 2D canvas: plainer shapes, and light as soft circles. For old machines and
//! for browsers without graphics.

import { QUAD_FLOATS } from "./picture.js";
import { SHAPE } from "./shaders.js";

/** @typedef {import("./picture.js").Picture} Picture */
/** @typedef {CanvasRenderingContext2D} Context */
/** @typedef {{shape: number, x: number, y: number, w: number, h: number, a: number, b: number, ink: string, alpha: number}} Quad */

const LIGHT_FLOATS = 8;
/** What is on the canvas where no light falls. */
const NIGHT = "rgb(26 30 46)";

export class CanvasPainter {
  #canvas;
  #context;
  #shade;

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d", { alpha: false });
    this.#shade = document.createElement("canvas");
  }

  /** @param {Picture} picture */
  paint(picture) {
    const context = this.#context;
    if (!context) return;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.globalAlpha = 1;
    context.globalCompositeOperation = "source-over";
    context.fillStyle = "#05070d";
    context.fillRect(0, 0, this.#canvas.width, this.#canvas.height);
    const { x, y, scale, width, height } = picture.camera;
    const place = /** @type {const} */ ([scale, 0, 0, scale, width / 2 - x * scale, height / 2 - y * scale]);
    this.#paintAll(context, picture.lit, place, paintLit);
    this.#paintLight(picture, place);
    context.globalCompositeOperation = "lighter";
    this.#paintAll(context, picture.glow, place, paintGlow);
    context.globalCompositeOperation = "source-over";
  }

  /**
   * @param {Context} context @param {import("./picture.js").Quads} quads
   * @param {readonly [number, number, number, number, number, number]} place
   * @param {(context: Context, quad: Quad) => void} paintOne
   */
  #paintAll(context, quads, place, paintOne) {
    const { floats } = quads;
    for (let i = 0; i < quads.count; i += 1) {
      const at = i * QUAD_FLOATS;
      const f = (/** @type {number} */ n) => floats[at + n] ?? 0;
      const level = (/** @type {number} */ n) => Math.round(Math.min(1, f(n)) * 255);
      const ink = `rgb(${level(8)} ${level(9)} ${level(10)})`;
      context.setTransform(...place);
      context.translate(f(0), f(1));
      context.rotate(f(4));
      context.globalAlpha = Math.min(1, Math.max(0, f(11)));
      paintOne(context, { shape: f(5), x: f(0), y: f(1), w: f(2), h: f(3), a: f(6), b: f(7), ink, alpha: f(11) });
    }
  }

  /** Darkens the whole picture but where light falls. @param {Picture} picture @param {readonly [number, number, number, number, number, number]} place */
  #paintLight(picture, place) {
    const shade = this.#shade;
    const context = shade.getContext("2d");
    if (!context) return;
    const small = 0.25;
    shade.width = Math.max(1, Math.ceil(this.#canvas.width * small));
    shade.height = Math.max(1, Math.ceil(this.#canvas.height * small));
    context.fillStyle = NIGHT;
    context.fillRect(0, 0, shade.width, shade.height);
    context.globalCompositeOperation = "lighter";
    const [a, b, c, d, e, f] = place;
    context.setTransform(a * small, b, c, d * small, e * small, f * small);
    const { floats, eyesFrom } = picture.light;
    for (let at = 0; at < eyesFrom * LIGHT_FLOATS; ) {
      const v = (/** @type {number} */ n) => floats[at + n] ?? 0;
      const [x, y, radius] = [v(2), v(3), v(4)];
      const level = (/** @type {number} */ n) => Math.round(Math.min(1, v(n) * 1.5) * 255);
      const fill = context.createRadialGradient(x, y, 0, x, y, radius);
      const ink = `${level(5)} ${level(6)} ${level(7)}`;
      fill.addColorStop(0, `rgb(${ink})`);
      fill.addColorStop(0.5, `rgb(${ink} / 0.35)`);
      fill.addColorStop(1, `rgb(${ink} / 0)`);
      context.fillStyle = fill;
      context.beginPath();
      // Each triangle of a fan begins in the light's middle; its second corner is on the outline.
      for (; at < eyesFrom * LIGHT_FLOATS && v(2) === x && v(3) === y; at += 3 * LIGHT_FLOATS) {
        context.lineTo(floats[at + LIGHT_FLOATS] ?? 0, floats[at + LIGHT_FLOATS + 1] ?? 0);
      }
      context.fill();
    }
    const target = this.#context;
    if (!target) return;
    target.setTransform(1, 0, 0, 1, 0, 0);
    target.globalAlpha = 1;
    target.globalCompositeOperation = "multiply";
    target.drawImage(shade, 0, 0, this.#canvas.width, this.#canvas.height);
  }
}

/** @param {Context} context @param {number} r */
function disc(context, r) {
  context.beginPath();
  context.arc(0, 0, Math.max(0, r), 0, 2 * Math.PI);
  context.fill();
}

/** @param {Context} context @param {number} x @param {number} y @param {number} w @param {number} h @param {string} ink */
function block(context, x, y, w, h, ink) {
  context.fillStyle = ink;
  context.fillRect(x - w, y - h, w * 2, h * 2);
}

/** @param {Context} context @param {Quad} quad */
function paintLit(context, quad) {
  const { shape, w, h, ink } = quad;
  context.fillStyle = ink;
  if (shape < 8) return paintBody(context, quad);
  switch (shape) {
    case SHAPE.rug:
      context.fillRect(-w, -h, w * 2, h * 2);
      context.strokeStyle = "rgb(220 190 140 / 0.5)";
      context.lineWidth = 4;
      context.strokeRect(-w + 14, -h + 14, w * 2 - 28, h * 2 - 28);
      return;
    case SHAPE.floor: return paintFloor(context, quad);
    case SHAPE.wall:
    case SHAPE.door:
    case SHAPE.debris:
      context.fillRect(-w - 0.3, -h - 0.3, w * 2 + 0.6, h * 2 + 0.6);
      return;
    case SHAPE.outside: return block(context, 0, 0, w, h, "#0b1512");
    case SHAPE.window: return block(context, 0, 0, w, h, "#8fb3e6");
    case SHAPE.fog: return block(context, 0, 0, w, h, "rgb(12 15 28 / 0.6)");
    case SHAPE.shadow:
    case SHAPE.boxShadow:
      context.fillStyle = "rgb(0 0 0 / 0.5)";
      context.beginPath();
      if (shape === SHAPE.shadow) context.ellipse(0, 0, w * 0.8, h * 0.8, 0, 0, 2 * Math.PI);
      else context.rect(-w + 8, -h + 8, w * 2 - 16, h * 2 - 16);
      context.fill();
      return;
    case SHAPE.drone: return paintDrone(context, w / 1.35, ink);
    case SHAPE.grenade:
      context.fillStyle = "#39423a";
      disc(context, w * 0.6);
      context.fillStyle = ink;
      disc(context, w * 0.25);
      return;
    default:
  }
}

/** Planks or tiles, as lines. @param {Context} context @param {Quad} quad */
function paintFloor(context, { w, h, a }) {
  context.fillRect(-w - 0.3, -h - 0.3, w * 2 + 0.6, h * 2 + 0.6);
  if (a === 2) return;
  context.fillStyle = "rgb(0 0 0 / 0.16)";
  const step = (w * 2) / (a === 1 || a === 4 ? 6 : 12);
  for (let y = -h; y < h; y += step) context.fillRect(-w, y, w * 2, 1.2);
  if (a === 1 || a === 4) for (let x = -w; x < w; x += step) context.fillRect(x, -h, 1.2, h * 2);
}

/** @param {Context} context @param {number} r @param {string} ink */
function paintDrone(context, r, ink) {
  context.fillStyle = "#555c6e";
  for (const [x, y] of /** @type {[number, number][]} */ ([[1, 1], [-1, 1], [1, -1], [-1, -1]])) {
    context.beginPath();
    context.arc(x * r * 0.66, y * r * 0.66, r * 0.38, 0, 2 * Math.PI);
    context.fill();
  }
  block(context, r * 0.6, 0, r * 0.42, r * 0.13, "#1a1d26");
  context.fillStyle = "#262a35";
  disc(context, r * 0.66);
  context.fillStyle = ink;
  disc(context, r * 0.52);
  context.fillStyle = "#e6efff";
  context.beginPath();
  context.arc(r * 0.14, 0, r * 0.2, 0, 2 * Math.PI);
  context.fill();
}

/** @param {Context} context @param {Quad} quad */
function paintBody(context, { shape, w, a, ink }) {
  const r = w / 1.2;
  const tone = (/** @type {string} */ own) => (a > 0.5 ? ink : own);
  switch (shape) {
    case SHAPE.tv:
      block(context, 0, -r * 0.12, r * 0.95, r * 0.5, tone("#4d3120"));
      block(context, 0, -r * 0.18, r * 0.82, r * 0.2, "#17171c");
      return block(context, 0, r * 0.05, r * 0.76, r * 0.07, "#9cc4ff");
    case SHAPE.table:
      context.fillStyle = tone("#80522e");
      disc(context, r * 0.97);
      context.fillStyle = "rgb(255 255 255 / 0.75)";
      return disc(context, r * 0.28);
    case SHAPE.chair:
      block(context, 0, r * 0.12, r * 0.68, r * 0.66, tone("#704526"));
      block(context, 0, r * 0.16, r * 0.52, r * 0.5, tone("#9e4d3d"));
      return block(context, 0, -r * 0.66, r * 0.78, r * 0.2, "#5c381f");
    case SHAPE.sofa:
      block(context, 0, 0, r * 0.98, r * 0.6, tone("#365459"));
      block(context, -r * 0.36, r * 0.1, r * 0.34, r * 0.4, "rgb(255 255 255 / 0.16)");
      return block(context, r * 0.36, r * 0.1, r * 0.34, r * 0.4, "rgb(255 255 255 / 0.16)");
    case SHAPE.lamp:
      context.fillStyle = tone("#ffe0a0");
      return disc(context, r * 0.9);
    case SHAPE.shelf:
      block(context, 0, 0, r * 0.98, r * 0.44, tone("#5c3b24"));
      for (let i = -4; i < 5; i += 1) block(context, i * r * 0.19, 0, r * 0.07, r * 0.3, ["#a44", "#486", "#46a", "#a84"][Math.abs(i) % 4] ?? "#777");
      return;
    case SHAPE.plant:
      context.fillStyle = "#84492f";
      disc(context, r * 0.55);
      context.fillStyle = tone("#3c8a3c");
      for (let i = 0; i < 6; i += 1) {
        context.beginPath();
        context.ellipse(Math.cos(i) * r * 0.4, Math.sin(i) * r * 0.4, r * 0.5, r * 0.2, i, 0, 2 * Math.PI);
        context.fill();
      }
      return;
    default:
      context.fillStyle = tone("#17161b");
      disc(context, r * 0.8);
      block(context, 0, r * 0.72, r * 0.8, r * 0.2, "#e6e1d2");
  }
}

/** Soft circles by colour: making a gradient for each would be slow. @type {Map<string, HTMLCanvasElement>} */
const glows = new Map();
const GLOW_PIXELS = 64;

/** @param {string} ink @returns {HTMLCanvasElement} */
function glowOf(ink) {
  const known = glows.get(ink);
  if (known) return known;
  const made = document.createElement("canvas");
  made.width = made.height = GLOW_PIXELS;
  const context = made.getContext("2d");
  if (context) {
    const half = GLOW_PIXELS / 2;
    const fill = context.createRadialGradient(half, half, 0, half, half, half);
    const alpha = (/** @type {number} */ level) => ink.replace(")", ` / ${level})`);
    fill.addColorStop(0, ink);
    fill.addColorStop(0.3, alpha(0.45));
    fill.addColorStop(0.65, alpha(0.1));
    fill.addColorStop(1, alpha(0));
    context.fillStyle = fill;
    context.fillRect(0, 0, GLOW_PIXELS, GLOW_PIXELS);
  }
  // Colours of a match are few; if they ever are not, the cache begins anew.
  if (glows.size > 200) glows.clear();
  glows.set(ink, made);
  return made;
}

/** @param {Context} context @param {Quad} quad */
function paintGlow(context, { shape, w, h, a, b, ink }) {
  context.fillStyle = context.strokeStyle = ink;
  switch (shape) {
    case SHAPE.glow:
    case SHAPE.flare:
      context.drawImage(glowOf(ink), -w, -w, w * 2, w * 2);
      return;
    case SHAPE.tracer:
      context.fillRect(0, -h * 0.18, w, h * 0.36);
      return context.fillRect(w * 0.6, -h * 0.35, w * 0.4, h * 0.7);
    case SHAPE.spark: return context.fillRect(-w * 0.7, -0.7, w * 1.4, 1.4);
    case SHAPE.beam:
      context.fillRect(-w, -h * 0.3, w * 2, h * 0.6);
      context.fillStyle = "#ffffff";
      return context.fillRect(-w, -h * 0.1, w * 2, h * 0.2);
    case SHAPE.wave:
    case SHAPE.shield:
    case SHAPE.ring:
    case SHAPE.arc: {
      context.lineWidth = shape === SHAPE.wave ? w * 0.06 : Math.max(1.5, a);
      const turn = shape === SHAPE.arc ? b : 1;
      context.beginPath();
      context.arc(0, 0, w * 0.9, -Math.PI / 2, -Math.PI / 2 + turn * 2 * Math.PI);
      context.stroke();
      return;
    }
    default:
  }
}
