//! Pellets: the server tells of each once, and of its end if it hits something; in between they fly by the rule.

/** A pellet's id modulo this. */
export const NUMBERS = 4096;
/** Units in a tick. */
const SPEED = 30;
const CELL = 256;
const DOORWAY_HALF = 48;

/**
 * A pellet as it was told.
 * @typedef {object} Pellet
 * @property {number} id modulo 4,096
 * @property {number} owner
 * @property {number} tick in which it was so
 * @property {number} x in units
 * @property {number} y
 * @property {number} vx units in a tick
 * @property {number} vy
 * @property {number} life ticks that it has left
 * @property {number} bounces that it has left
 * @property {number | null} endsAt the tick in which it hit something
 */

/** What `pelletAt` needs of a house: @typedef {{cells: Uint8Array, openDoors: ReadonlySet<number>, introduction: {right: Uint8Array, below: Uint8Array}}} House */

/** @param {import("./bytes.js").Reader} reader @param {number} tick @returns {Pellet} */
export function readPellet(reader, tick) {
  const number = reader.u16();
  const owner = reader.u8();
  const [x, y] = [reader.u16() / 16, reader.u16() / 16];
  const way = reader.u16();
  const angle = ((way & 1023) * Math.PI) / 512;
  const [vx, vy] = [Math.cos(angle) * SPEED, Math.sin(angle) * SPEED];
  const [life, bounces] = [way >> 10, (number >> 12) & 3];
  return { id: number % NUMBERS, owner, tick, x, y, vx, vy, life, bounces, endsAt: null };
}

/**
 * Where a pellet is in a tick with a fraction, and how it flies; null before it was told and after its end.
 * @param {House} house
 * @param {Pellet} pellet
 * @param {number} tick
 * @returns {{x: number, y: number, vx: number, vy: number} | null}
 */
export function pelletAt(house, pellet, tick) {
  const ticks = tick - pellet.tick;
  if (ticks < -1 || ticks > pellet.life || (pellet.endsAt !== null && tick > pellet.endsAt)) return null;
  let { x, y, vx, vy, bounces } = pellet;
  if (ticks < 0) return { x: x + vx * ticks, y: y + vy * ticks, vx, vy };
  // From line to line of the grid, on which alone there are walls.
  for (let left = ticks; left > 0; ) {
    const acrossAt = vx > 0 ? (Math.floor(x / CELL) + 1) * CELL : (Math.ceil(x / CELL) - 1) * CELL;
    const downAt = vy > 0 ? (Math.floor(y / CELL) + 1) * CELL : (Math.ceil(y / CELL) - 1) * CELL;
    const across = vx === 0 ? Infinity : (acrossAt - x) / vx;
    const down = vy === 0 ? Infinity : (downAt - y) / vy;
    const step = Math.min(across, down, left);
    x += vx * step;
    y += vy * step;
    left -= step;
    if (left <= 0) break;
    const isUpright = across <= down;
    if (isUpright) x = acrossAt;
    else y = downAt;
    if (!isSolid(house, isUpright, x, y)) continue;
    if (bounces === 0) return null;
    bounces -= 1;
    if (isUpright) vx = -vx;
    else vy = -vy;
  }
  return { x, y, vx, vy };
}

/** Whether what crosses a line of the grid at a place meets a wall. @param {House} house @param {boolean} isUpright @param {number} x @param {number} y */
function isSolid(house, isUpright, x, y) {
  const line = Math.round((isUpright ? x : y) / CELL) - 1;
  const index = Math.floor((isUpright ? y : x) / CELL);
  if (line < 0 || line >= 15 || index < 0 || index > 15) return true;
  const cell = isUpright ? index * 16 + line : line * 16 + index;
  const border = (isUpright ? house.introduction.right : house.introduction.below)[cell];
  if (border === 0) return false;
  if (border === 1 || (border === 3 && !house.openDoors.has(isUpright ? cell : 256 + cell))) return true;
  const offset = (isUpright ? y : x) - index * CELL - CELL / 2;
  return Math.abs(offset) >= DOORWAY_HALF;
}

/**
 * Whether a pellet is, as of a world's tick, in no cell that is in sight. A little beyond the border is still in sight:
 * the server's reckoning is finer.
 * @param {House & {tick: number}} world
 * @param {Pellet} pellet
 */
export function hasFlownOutOfSight(world, pellet) {
  const at = pelletAt(world, { ...pellet, endsAt: null }, world.tick);
  if (at === null) return false;
  const slack = 8;
  return ![-slack, slack].some((dx) =>
    [-slack, slack].some((dy) => {
      const [column, row] = [Math.floor((at.x + dx) / CELL), Math.floor((at.y + dy) / CELL)];
      return column >= 0 && column < 16 && row >= 0 && row < 16 && world.cells[row * 16 + column] === 1;
    }),
  );
}
