//! The map in the corner: walls, dark rooms, one's own place, and who can be seen.

import { CELL } from "./house.js";
import { inkOf } from "./scene.js";

/** @typedef {import("./scene.js").Moment} Moment */

export class Minimap {
  #canvas;
  #context;
  /** Walls are drawn once. @type {{house: import("./house.js").House, size: number, picture: HTMLCanvasElement} | null} */
  #ground = null;

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d");
  }

  /** @param {Moment} moment @param {import("./camera.js").Camera} camera */
  paint(moment, camera) {
    const context = this.#context;
    const density = Math.min(2, window.devicePixelRatio || 1);
    const size = Math.round(this.#canvas.clientWidth * density);
    if (!context || !size) return;
    if (this.#canvas.width !== size) this.#canvas.width = this.#canvas.height = size;
    const edge = 7 * density;
    const scale = (size - 2 * edge) / moment.house.side;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, size, size);
    context.setTransform(scale, 0, 0, scale, edge, edge);
    context.fillStyle = "rgb(255 205 140 / 0.17)";
    context.fillRect(0, 0, moment.house.side, moment.house.side);
    context.fillStyle = "rgb(4 6 14 / 0.85)";
    for (const cell of moment.darkCells) context.fillRect((cell % 16) * CELL, Math.floor(cell / 16) * CELL, CELL, CELL);
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.drawImage(this.#walls(moment.house, size, edge, scale), 0, 0);
    const dot = (/** @type {number} */ x, /** @type {number} */ y, /** @type {number} */ radius) => {
      context.beginPath();
      context.arc(edge + x * scale, edge + y * scale, radius * density, 0, 2 * Math.PI);
      context.fill();
    };
    for (const body of moment.bodies) {
      context.fillStyle = body.colour >= 0 ? inkOf(body.colour) : "rgb(214 190 150 / 0.55)";
      dot(body.x, body.y, body.colour >= 0 ? 1.7 : 1.1);
    }
    for (const drone of moment.drones) {
      if (drone.hp <= 0 || drone === moment.me) continue;
      context.fillStyle = inkOf(drone.colour);
      dot(drone.x, drone.y, 2.6);
    }
    this.#self(context, moment, camera, edge, scale, density);
  }

  /** @param {CanvasRenderingContext2D} context @param {Moment} moment @param {import("./camera.js").Camera} camera @param {number} edge @param {number} scale @param {number} density */
  #self(context, { me }, camera, edge, scale, density) {
    const [wide, high] = [(camera.width / camera.scale) * scale, (camera.height / camera.scale) * scale];
    context.strokeStyle = "rgb(255 255 255 / 0.35)";
    context.lineWidth = density;
    context.strokeRect(edge + camera.x * scale - wide / 2, edge + camera.y * scale - high / 2, wide, high);
    if (!me) return;
    context.save();
    context.translate(edge + me.x * scale, edge + me.y * scale);
    context.rotate(me.aim);
    context.fillStyle = "#ffffff";
    context.strokeStyle = "#05070d";
    context.beginPath();
    context.moveTo(6 * density, 0);
    context.lineTo(-4 * density, 4 * density);
    context.lineTo(-4 * density, -4 * density);
    context.closePath();
    context.stroke();
    context.fill();
    context.restore();
  }

  /** @param {import("./house.js").House} house @param {number} size @param {number} edge @param {number} scale @returns {HTMLCanvasElement} */
  #walls(house, size, edge, scale) {
    if (this.#ground?.house === house && this.#ground.size === size) return this.#ground.picture;
    const picture = document.createElement("canvas");
    picture.width = picture.height = size;
    const context = picture.getContext("2d");
    if (context) {
      context.strokeStyle = "#b9c3dc";
      context.lineWidth = Math.max(1, size / 110);
      context.lineCap = "round";
      context.beginPath();
      for (const { x1, y1, x2, y2 } of house.walls) {
        context.moveTo(edge + x1 * scale, edge + y1 * scale);
        context.lineTo(edge + x2 * scale, edge + y2 * scale);
      }
      context.stroke();
    }
    this.#ground = { house, size, picture };
    return picture;
  }
}
