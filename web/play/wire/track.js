//! The latest places of something, and where it was in between.

/** @typedef {{tick: number, x: number, y: number, aim: number}} Place `aim` 0 to 1,023 */
/** The latest places, the oldest first. @typedef {Place[]} Track */

/** Places that are kept: a third of a second of what is near, two seconds of what is far. */
export const TRACK_PLACES_MAX = 12;
/** For how long something moves on as it did when nothing newer is known, in ticks. */
const EXTRAPOLATION_TICKS_MAX = 3;
/** What moves farther in a tick was not seen moving: it came back somewhere else. In units. */
const LEAP = 80;

/** @returns {Track} */
export function newTrack() {
  return [];
}

/** @param {Track} track @param {Place} place newer than those before */
export function addPlace(track, place) {
  const last = track.at(-1);
  if (last !== undefined && last.tick >= place.tick) track.pop();
  track.push(place);
  if (track.length > TRACK_PLACES_MAX) track.shift();
}

/**
 * Where something was in a tick with a fraction: between the places before and after it, or a little further on from the
 * last. Null for a track without places.
 * @param {Track} track
 * @param {number} tick
 * @returns {{x: number, y: number, aim: number} | null}
 */
export function placeAt(track, tick) {
  const after = track.findIndex((place) => place.tick >= tick);
  const [first, last] = [track[0], track.at(-1)];
  if (first === undefined || last === undefined) return null;
  if (after === 0) return first;
  const [from, to] = after > 0 ? [track[after - 1], track[after]] : [track.at(-2), last];
  if (from === undefined || to === undefined) return last;
  const ticks = to.tick - from.tick;
  if (Math.hypot(to.x - from.x, to.y - from.y) > LEAP * ticks) return after > 0 ? from : to;
  const end = Math.min(tick, last.tick + EXTRAPOLATION_TICKS_MAX);
  const part = (end - from.tick) / ticks;
  const turn = ((to.aim - from.aim + 1536) & 1023) - 512;
  return {
    x: from.x + (to.x - from.x) * part,
    y: from.y + (to.y - from.y) * part,
    aim: (from.aim + turn * Math.min(part, 1) + 1024) % 1024,
  };
}
