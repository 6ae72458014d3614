//! Where the camera is and how near: it follows a drone and looks a little ahead to where that aims.

import { clamp, mix } from "./scene.js";

/** What one sees of the house, in square units, whatever the shape of the screen; less on a phone, so that things stay large. */
const AREA_DESKTOP = 1080 * 675;
const AREA_PHONE = 900 * 500;
/** From the middle of the screen to its sides: the server sends no more. */
const HALF_VIEW_MAX = 620;
const PHONE_PIXELS = 560;
/** How far ahead, as a part of the way to the edge of the screen. */
const AHEAD = 0.16;

/** How much of the garden is shown, in units. */
const GARDEN = 110;

export class Camera {
  x = 0;
  y = 0;
  /** Pixels of the canvas in a unit. */
  scale = 1;
  width = 1;
  height = 1;
  /** How much nearer than usual; for free cameras. */
  zoom = 1;
  #aheadX = 0;
  #aheadY = 0;

  /**
   * @param {number} width pixels of the canvas @param {number} height
   * @param {number} density pixels of the canvas in one of the page
   */
  fit(width, height, density) {
    [this.width, this.height] = [width, height];
    const isPhone = Math.min(width, height) / density < PHONE_PIXELS;
    const natural = Math.sqrt((width * height) / (isPhone ? AREA_PHONE : AREA_DESKTOP));
    const nearest = Math.max(width, height) / 2 / HALF_VIEW_MAX;
    this.scale = (this.zoom < 1 ? natural : Math.max(natural, nearest)) * this.zoom;
  }

  /**
   * @param {{x: number, y: number, aim: number}} target
   * @param {number} reach how far the aim is from the middle, 0 to 1
   * @param {number} passed seconds
   * @param {number} side of the house: beyond its walls there is little to see
   */
  follow(target, reach, passed, side) {
    const ahead = (Math.min(this.width, this.height) / this.scale) * AHEAD * clamp(reach, 0, 1);
    const part = 1 - Math.exp(-passed * 5);
    this.#aheadX = mix(this.#aheadX, Math.cos(target.aim) * ahead, part);
    this.#aheadY = mix(this.#aheadY, Math.sin(target.aim) * ahead, part);
    this.x = within(target.x + this.#aheadX, this.width / this.scale, side);
    this.y = within(target.y + this.#aheadY, this.height / this.scale, side);
  }

  /** @param {number} x pixels of the canvas @param {number} y @returns {{x: number, y: number}} the place in the house */
  placeAt(x, y) {
    return { x: this.x + (x - this.width / 2) / this.scale, y: this.y + (y - this.height / 2) / this.scale };
  }
}

/** @param {number} at @param {number} span that the screen shows @param {number} side @returns {number} the same, or nearer to the house */
function within(at, span, side) {
  const [low, high] = [span / 2 - GARDEN, side + GARDEN - span / 2];
  return low < high ? clamp(at, low, high) : side / 2;
}
