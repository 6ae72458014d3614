// The rules of the reduced game, the same as those of `crates/lab/src/drift`, in integers: who moves how.

/** A length is in 1/16 of a unit, so that a place is two numbers of 16 bits. */
export const UNIT = 16;
/** The arena is a square of this side. */
export const SIDE = 4096 * UNIT;
/** What a client sees of others ends here. */
export const SIGHT = 600 * UNIT;
/** Velocity that one tick of thrust adds, along an axis and along a diagonal, in lengths per tick. */
const THRUST = 24;
const THRUST_DIAGONAL = 17;
/** A tick takes one in so many parts of the velocity, as a power of two. */
const DRAG_SHIFT = 3;
/** Health at the beginning, and again after the last was lost. */
export const HP_MAX = 100;
/** Ticks in a second. */
export const TICKS_PER_SECOND = 30;

/** The thrust of each of the directions 0 to 7, clockwise from the right; 8 is none. */
const DIRECTIONS = [
  [THRUST, 0], [THRUST_DIAGONAL, THRUST_DIAGONAL], [0, THRUST], [-THRUST_DIAGONAL, THRUST_DIAGONAL],
  [-THRUST, 0], [-THRUST_DIAGONAL, -THRUST_DIAGONAL], [0, -THRUST], [THRUST_DIAGONAL, -THRUST_DIAGONAL], [0, 0],
];

/**
 * What the server knows of a player besides what it shows.
 * @typedef {{ x: number, y: number, vx: number, vy: number, direction: number, hp: number }} Body
 */

/**
 * Where the player in this place begins.
 * @param {number} slot
 * @returns {Body}
 */
export function newBody(slot) {
  // The places form a grid of 16 × 16, shuffled by a number without a common factor with 256.
  const place = (slot * 89) & 255;
  const step = SIDE / 16;
  return { x: (place & 15) * step + step / 2, y: (place >> 4) * step + step / 2, vx: 0, vy: 0, direction: 8, hp: HP_MAX };
}

/**
 * One tick of one player.
 * @param {Body} body
 */
export function move(body) {
  const [ax, ay] = DIRECTIONS[body.direction] ?? DIRECTIONS[8];
  body.vx += ax - (body.vx >> DRAG_SHIFT);
  body.vy += ay - (body.vy >> DRAG_SHIFT);
  body.x += body.vx;
  body.y += body.vy;
  let touches = false;
  if (body.x < 0 || body.x >= SIDE) {
    [body.x, body.vx, touches] = [Math.min(Math.max(body.x, 0), SIDE - 1), 0, true];
  }
  if (body.y < 0 || body.y >= SIDE) {
    [body.y, body.vy, touches] = [Math.min(Math.max(body.y, 0), SIDE - 1), 0, true];
  }
  if (touches) body.hp = body.hp > 1 ? body.hp - 1 : HP_MAX;
}
