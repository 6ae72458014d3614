//! What the welcome message tells about a match of Wreckroom.

import { Reader, WireError } from "./bytes.js";

/**
 * @typedef {object} Introduction What the welcome tells about the house.
 * @property {number} playersMax
 * @property {number} bodies
 * @property {number} minutes
 * @property {number} teams 0 for a free-for-all
 * @property {number} houseCells cells on each side of the house
 * @property {Uint8Array} right of each cell, what stands on its right border: 0 nothing, 1 a wall, 2 a doorway, 3 a door
 * @property {Uint8Array} below the same for the border below it
 * @property {{left: number, top: number, width: number, height: number}[]} rooms in cells
 * @property {Uint8Array} kinds of each piece of furniture
 */

/** @param {Uint8Array} bytes `introduction` of a welcome @returns {Introduction} */
export function readIntroduction(bytes) {
  const reader = new Reader(bytes);
  const [playersMax, bodies] = [reader.u16(), reader.u16()];
  const [minutes, teams, houseCells] = [reader.u8(), reader.u8(), reader.u8()];
  const [right, below] = [readBorders(reader), readBorders(reader)];
  /** @type {Introduction["rooms"]} */
  const rooms = [];
  for (let left = reader.u8(); left > 0; left -= 1) {
    rooms.push({ left: reader.u8(), top: reader.u8(), width: reader.u8(), height: reader.u8() });
  }
  if (bodies > 1024) throw new WireError("more furniture than a house has");
  const pairs = reader.bytes((bodies + 1) >> 1);
  const kinds = Uint8Array.from({ length: bodies }, (_, nth) => (/** @type {number} */ (pairs[nth >> 1]) >> ((nth & 1) * 4)) & 15);
  reader.end();
  return { playersMax, bodies, minutes, teams, houseCells, right, below, rooms, kinds };
}

/** @param {Reader} reader */
function readBorders(reader) {
  const packed = reader.bytes(64);
  return Uint8Array.from({ length: 256 }, (_, cell) => (/** @type {number} */ (packed[cell >> 2]) >> ((cell & 3) * 2)) & 3);
}
