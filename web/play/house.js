//! The house: which cells make a room, where walls, doors, windows and lamps are. All of it follows from the borders
//! between cells, so nothing but those comes over the network.

import { chance } from "./scene.js";

export const CELLS = 16;
export const CELL = 256;
export const DOORWAY = 96;
/** Half of how thick a wall is drawn. */
export const WALL_HALF = 5;

/** What stands on a border, as `model.rs` has it. */
export const BORDER = Object.freeze({ open: 0, wall: 1, doorway: 2, door: 3 });

/** @typedef {{x1: number, y1: number, x2: number, y2: number}} Segment */
/** @typedef {{x: number, y: number, radius: number, colour: readonly [number, number, number]}} Lamp */
/** @typedef {{index: number, x: number, y: number, isUpright: boolean}} Door the middle of its gap; two leaves slide apart */
/** @typedef {{x: number, y: number, angle: number}} Window */

/**
 * @typedef {object} Room
 * @property {number} id
 * @property {number[]} cells
 * @property {number} style how its floor is laid: 0 planks, 1 tiles, 2 carpet, 3 herringbone, 4 stone
 * @property {readonly [number, number, number]} tone of the floor
 * @property {Lamp[]} lamps
 * @property {{x: number, y: number, halfWidth: number, halfHeight: number, tone: readonly [number, number, number]} | null} rug
 */

/** @typedef {readonly [number, number, number]} Tone */
const STYLES = /** @type {readonly {style: number, tone: Tone, light: Tone}[]} */ ([
  { style: 0, tone: [0.46, 0.3, 0.19], light: [1.0, 0.78, 0.5] },
  { style: 1, tone: [0.5, 0.54, 0.56], light: [0.85, 0.93, 1.0] },
  { style: 2, tone: [0.27, 0.34, 0.42], light: [1.0, 0.8, 0.6] },
  { style: 3, tone: [0.42, 0.31, 0.22], light: [1.0, 0.72, 0.45] },
  { style: 4, tone: [0.38, 0.37, 0.4], light: [0.8, 0.85, 1.0] },
  { style: 2, tone: [0.4, 0.25, 0.3], light: [1.0, 0.7, 0.62] },
  { style: 1, tone: [0.36, 0.46, 0.42], light: [0.9, 1.0, 0.88] },
  { style: 0, tone: [0.34, 0.24, 0.18], light: [1.0, 0.74, 0.48] },
]);
const RUGS = /** @type {readonly Tone[]} */ ([
  [0.36, 0.11, 0.12],
  [0.12, 0.2, 0.34],
  [0.36, 0.29, 0.16],
  [0.14, 0.26, 0.2],
  [0.3, 0.17, 0.33],
]);
const LAMP_RADIUS = 430;
const RUG_HALF_MAX = 160;

export class House {
  /** Cells on each side; the house begins with cell 0, beyond it is the garden. */
  size;
  /** The side of the house in units. */
  side;
  /** Of each cell, the border to its right. @type {Uint8Array} */
  right;
  /** Of each cell, the border below it. @type {Uint8Array} */
  below;
  /** Of each cell, its room. */
  roomOf = new Int16Array(CELLS * CELLS).fill(-1);
  /** @type {Room[]} */
  rooms = [];
  /** Pieces of wall that never move. @type {Segment[]} */
  walls = [];
  /** @type {Door[]} */
  doors = [];
  /** @type {Window[]} */
  windows = [];

  /**
   * @param {number} size cells on each side, 1 to `CELLS`
   * @param {Uint8Array} right `CELLS * CELLS` borders; those around the house are walls whatever they say
   * @param {Uint8Array} below the same
   */
  constructor(size, right, below) {
    this.size = size;
    this.side = size * CELL;
    this.right = Uint8Array.from(right);
    this.below = Uint8Array.from(below);
    for (let i = 0; i < CELLS; i += 1) {
      this.right[i * CELLS + size - 1] = BORDER.wall;
      this.below[(size - 1) * CELLS + i] = BORDER.wall;
    }
    this.#findRooms();
    this.#findWalls();
    this.#findWindows();
  }

  /** @param {number} x @param {number} y @returns {number} the cell there; the nearest one outside of the house */
  static cellAt(x, y) {
    const column = Math.min(CELLS - 1, Math.max(0, Math.floor(x / CELL)));
    const row = Math.min(CELLS - 1, Math.max(0, Math.floor(y / CELL)));
    return row * CELLS + column;
  }

  /** @param {House} other @returns {boolean} whether its walls and doors are the same */
  isLike(other) {
    if (other.size !== this.size) return false;
    const isOutside = (/** @type {number} */ cell) => cell % CELLS >= this.size || cell >= this.size * CELLS;
    return this.right.every((border, cell) => isOutside(cell) || (other.right[cell] === border && other.below[cell] === this.below[cell]));
  }

  /** @param {number} x @param {number} y @returns {Room | undefined} */
  roomAt(x, y) {
    return this.rooms[this.roomOf[House.cellAt(x, y)] ?? -1];
  }

  /**
   * Walls, and doors that are shut, near a place.
   * @param {number} x @param {number} y @param {number} reach
   * @param {ReadonlyMap<number, number>} openings of doors: half of the gap, in units
   * @returns {Segment[]}
   */
  segmentsNear(x, y, reach, openings) {
    const near = this.walls.filter((wall) => isNear(wall, x, y, reach));
    for (const door of this.doors) {
      for (const leaf of doorLeaves(door, openings.get(door.index) ?? 0)) if (isNear(leaf, x, y, reach)) near.push(leaf);
    }
    return near;
  }

  /** @param {number} x @param {number} y @param {number} reach @returns {Door[]} */
  doorsNear(x, y, reach) {
    return this.doors.filter((door) => Math.abs(door.x - x) < reach && Math.abs(door.y - y) < reach);
  }

  #findRooms() {
    for (let cell = 0; cell < CELLS * CELLS; cell += 1) {
      if (this.roomOf[cell] !== -1 || cell % CELLS >= this.size || cell >= this.size * CELLS) continue;
      const id = this.rooms.length;
      const cells = this.#flood(cell, id);
      const look = STYLES[Math.floor(chance(cell * 7 + cells.length) * STYLES.length)] ?? STYLES[0];
      if (!look) continue;
      const lamps = lampsOf(cells).map((cellOfLamp) => ({ ...middleOf(cellOfLamp), radius: LAMP_RADIUS, colour: look.light }));
      this.rooms.push({ id, cells, style: look.style, tone: look.tone, lamps, rug: rugOf(cells) });
    }
  }

  /** @param {number} start @param {number} id @returns {number[]} */
  #flood(start, id) {
    const cells = [start];
    this.roomOf[start] = id;
    for (let i = 0; i < cells.length; i += 1) {
      const cell = cells[i] ?? 0;
      const [column, row] = [cell % CELLS, Math.floor(cell / CELLS)];
      const ways = [];
      if (column < CELLS - 1 && this.right[cell] === BORDER.open) ways.push(cell + 1);
      if (column > 0 && this.right[cell - 1] === BORDER.open) ways.push(cell - 1);
      if (row < CELLS - 1 && this.below[cell] === BORDER.open) ways.push(cell + CELLS);
      if (row > 0 && this.below[cell - CELLS] === BORDER.open) ways.push(cell - CELLS);
      for (const way of ways) {
        if (this.roomOf[way] !== -1) continue;
        this.roomOf[way] = id;
        cells.push(way);
      }
    }
    return cells.sort((a, b) => a - b);
  }

  /** Walls in a row become one piece: fewer corners to cast light around. */
  #findWalls() {
    const [low, high] = [(CELL - DOORWAY) / 2, (CELL + DOORWAY) / 2];
    for (let line = -1; line < this.size; line += 1) {
      for (const isUpright of [true, false]) {
        /** @type {[number, number][]} */
        const pieces = [];
        for (let i = 0; i < this.size; i += 1) {
          const cell = isUpright ? i * CELLS + line : line * CELLS + i;
          const border = line < 0 ? BORDER.wall : ((isUpright ? this.right : this.below)[cell] ?? 0);
          const from = i * CELL;
          if (border === BORDER.wall) pieces.push([from, from + CELL]);
          else if (border !== BORDER.open) pieces.push([from, from + low], [from + high, from + CELL]);
          if (border === BORDER.door) this.#addDoor(isUpright, cell, (line + 1) * CELL, from + CELL / 2);
        }
        for (const [from, to] of joined(pieces)) {
          const at = (line + 1) * CELL;
          this.walls.push(isUpright ? { x1: at, y1: from, x2: at, y2: to } : { x1: from, y1: at, x2: to, y2: at });
        }
      }
    }
  }

  /** @param {boolean} isUpright @param {number} cell @param {number} across @param {number} along */
  #addDoor(isUpright, cell, across, along) {
    const index = isUpright ? cell : CELLS * CELLS + cell;
    this.doors.push({ index, isUpright, x: isUpright ? across : along, y: isUpright ? along : across });
  }

  #findWindows() {
    for (let i = 0; i < this.size; i += 1) {
      const along = i * CELL + CELL / 2;
      const sides = /** @type {Window[]} */ ([
        { x: 0, y: along, angle: 0 },
        { x: along, y: 0, angle: Math.PI / 2 },
        { x: this.side, y: along, angle: Math.PI },
        { x: along, y: this.side, angle: -Math.PI / 2 },
      ]);
      sides.forEach((side, n) => {
        if (chance(i * 4 + n + 1000) < 0.6) this.windows.push(side);
      });
    }
  }
}

/** @param {Door} door @param {number} opening half of its gap, in units @returns {Segment[]} what is left of its two leaves */
export function doorLeaves({ x, y, isUpright }, opening) {
  const half = DOORWAY / 2;
  if (opening >= half) return [];
  if (opening <= 0) return [isUpright ? { x1: x, y1: y - half, x2: x, y2: y + half } : { x1: x - half, y1: y, x2: x + half, y2: y }];
  return isUpright
    ? [{ x1: x, y1: y - half, x2: x, y2: y - opening }, { x1: x, y1: y + opening, x2: x, y2: y + half }]
    : [{ x1: x - half, y1: y, x2: x - opening, y2: y }, { x1: x + opening, y1: y, x2: x + half, y2: y }];
}

/** @param {[number, number][]} pieces in order @returns {[number, number][]} */
function joined(pieces) {
  /** @type {[number, number][]} */
  const whole = [];
  for (const [from, to] of pieces) {
    const last = whole.at(-1);
    if (last && last[1] === from) last[1] = to;
    else whole.push([from, to]);
  }
  return whole;
}

/** @param {Segment} segment @param {number} x @param {number} y @param {number} reach */
function isNear({ x1, y1, x2, y2 }, x, y, reach) {
  return Math.min(x1, x2) < x + reach && Math.max(x1, x2) > x - reach && Math.min(y1, y2) < y + reach && Math.max(y1, y2) > y - reach;
}

/** @param {number} cell */
const middleOf = (cell) => ({ x: ((cell % CELLS) + 0.5) * CELL, y: (Math.floor(cell / CELLS) + 0.5) * CELL });

/** @param {number[]} cells of a room @returns {number[]} those with a lamp: enough to light the room, with shade between */
function lampsOf(cells) {
  if (cells.length <= 2) return cells.slice(0, 1);
  const lit = cells.filter((cell) => (cell % CELLS) % 2 === 0 && Math.floor(cell / CELLS) % 2 === 0);
  return lit.length ? lit : cells.slice(0, 1);
}

/** @param {number[]} cells @returns {Room["rug"]} in the middle of the room; some have none */
function rugOf(cells) {
  const first = cells[0] ?? 0;
  const tone = RUGS[Math.floor(chance(first + 5) * RUGS.length)];
  if (!tone || cells.length < 2 || chance(first + 77) < 0.25) return null;
  const middles = cells.map(middleOf);
  const [xs, ys] = [middles.map(({ x }) => x), middles.map(({ y }) => y)];
  const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const half = (/** @type {number} */ length) => Math.min(RUG_HALF_MAX, (length + CELL) * 0.24);
  return { tone, x: (left + right) / 2, y: (top + bottom) / 2, halfWidth: half(right - left), halfHeight: half(bottom - top) };
}
