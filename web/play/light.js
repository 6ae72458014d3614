//! Where light falls: the outline of what can be seen from a place, with walls in the way. The same outline is used for
//! lamps, for drones' own light, and for eyes.

/** @typedef {import("./house.js").Segment} Segment */

/** Rays of a circle without any wall. */
const RAYS = 28;
/** A corner gets a ray on each side of it, this much apart. */
const CORNER = 0.0006;

/**
 * @param {number} x @param {number} y where the light is
 * @param {number} radius how far it reaches
 * @param {readonly Segment[]} segments what stops it
 * @returns {Float32Array} the outline, x and y in turn, clockwise
 */
export function outline(x, y, radius, segments) {
  const angles = [];
  for (let i = 0; i < RAYS; i += 1) angles.push((i / RAYS) * 2 * Math.PI - Math.PI);
  const reach = radius * radius;
  for (const { x1, y1, x2, y2 } of segments) {
    for (const [cx, cy] of [[x1, y1], [x2, y2]]) {
      const [dx, dy] = [/** @type {number} */ (cx) - x, /** @type {number} */ (cy) - y];
      if (dx * dx + dy * dy > reach * 1.1) continue;
      const angle = Math.atan2(dy, dx);
      angles.push(angle - CORNER, angle, angle + CORNER);
    }
    addCrossings(angles, x, y, radius, x1, y1, x2, y2);
  }
  angles.sort((a, b) => a - b);
  const points = new Float32Array(angles.length * 2);
  for (const [i, angle] of angles.entries()) {
    const [dx, dy] = [Math.cos(angle), Math.sin(angle)];
    const far = rayLength(x, y, dx, dy, radius, segments);
    points[i * 2] = x + dx * far;
    points[i * 2 + 1] = y + dy * far;
  }
  return points;
}

/**
 * Where a wall leaves the circle the outline turns from straight to round: a ray is needed there too.
 * @param {number[]} angles @param {number} x @param {number} y @param {number} radius
 * @param {number} x1 @param {number} y1 @param {number} x2 @param {number} y2
 */
function addCrossings(angles, x, y, radius, x1, y1, x2, y2) {
  const isUpright = x1 === x2;
  const across = isUpright ? x1 - x : y1 - y;
  if (Math.abs(across) >= radius) return;
  const along = Math.sqrt(radius * radius - across * across);
  const [low, high] = isUpright ? [Math.min(y1, y2) - y, Math.max(y1, y2) - y] : [Math.min(x1, x2) - x, Math.max(x1, x2) - x];
  for (const at of [along, -along]) {
    if (at < low || at > high) continue;
    angles.push(isUpright ? Math.atan2(at, across) : Math.atan2(across, at));
  }
}

/**
 * @param {number} x @param {number} y @param {number} dx @param {number} dy a direction of length 1
 * @param {number} longest
 * @param {readonly Segment[]} segments upright or level
 * @returns {number} how far one sees
 */
export function rayLength(x, y, dx, dy, longest, segments) {
  let best = longest;
  for (const { x1, y1, x2, y2 } of segments) {
    const isUpright = x1 === x2;
    const along = isUpright ? dx : dy;
    if (along === 0) continue;
    const far = ((isUpright ? x1 - x : y1 - y)) / along;
    if (far <= 0 || far >= best) continue;
    const hit = isUpright ? y + dy * far : x + dx * far;
    const [low, high] = isUpright ? [Math.min(y1, y2), Math.max(y1, y2)] : [Math.min(x1, x2), Math.max(x1, x2)];
    if (hit >= low && hit <= high) best = far;
  }
  return best;
}
