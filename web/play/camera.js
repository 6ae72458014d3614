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

export class Camera {
  x = 0;
  y = 0;
  /** Pixels of the canvas in a unit. */
  scale = 1;
  width = 1;
  height = 1;
  /** How much nearer than usual; for free cameras. */
  zoom = 1;
  #isPlaced = false;
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
   */
  follow(target, reach, passed) {
    const ahead = (Math.min(this.width, this.height) / this.scale) * AHEAD * clamp(reach, 0, 1);
    const part = 1 - Math.exp(-passed * 5);
    this.#aheadX = mix(this.#aheadX, Math.cos(target.aim) * ahead, part);
    this.#aheadY = mix(this.#aheadY, Math.sin(target.aim) * ahead, part);
    // Someone who comes back at another place is not followed through the walls.
    const far = Math.hypot(target.x - this.x, target.y - this.y);
    this.#isPlaced = this.#isPlaced && far < 900;
    this.x = target.x + this.#aheadX;
    this.y = target.y + this.#aheadY;
    this.#isPlaced = true;
  }

  /** @param {number} x pixels of the canvas @param {number} y @returns {{x: number, y: number}} the place in the house */
  placeAt(x, y) {
    return { x: this.x + (x - this.width / 2) / this.scale, y: this.y + (y - this.height / 2) / this.scale };
  }
}
