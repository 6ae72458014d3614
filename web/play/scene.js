//! What a moment of a match looks like to the page, wherever it comes from: the network, the demo or a recording.
//! Lengths are units (floats, the house is 4,096 wide), angles radians (0 to the right, clockwise), times ticks.

/** @typedef {import("./house.js").House} House */

/**
 * @typedef {object} Drone
 * @property {number} slot
 * @property {number} x
 * @property {number} y
 * @property {number} vx units a tick
 * @property {number} vy
 * @property {number} aim
 * @property {number} hp 0 while it waits to come back
 * @property {number} colour 0 to 4
 * @property {number} shield ticks for which nothing hurts it
 * @property {number} dash ticks for which its dash lasts
 * @property {number} respawn ticks until it comes back
 */

/**
 * @typedef {object} Waits of one's own drone: ticks until each is ready
 * @property {number} pellet
 * @property {number} rail
 * @property {number} dash
 * @property {number} grenade
 */

/**
 * @typedef {object} Body
 * @property {number} id
 * @property {number} kind 0 to 7
 * @property {number} x
 * @property {number} y
 * @property {number} vx
 * @property {number} vy
 * @property {number} hp
 * @property {number} captor its slot, or -1
 * @property {number} colour of the captor, or -1
 */

/** @typedef {{id: number, owner: number, x: number, y: number, vx: number, vy: number}} Pellet */
/** @typedef {{id: number, owner: number, x: number, y: number, vx: number, vy: number, fuse: number}} Grenade */

/**
 * Something that happened: as `model.rs` has it, with places in units.
 * @typedef {{what: "rail", by: number, from: Point, to: Point}
 *   | {what: "pellet-end", id: number, at: Point}
 *   | {what: "blast", by: number, at: Point}
 *   | {what: "hurt", slot: number, by: number, hp: number, at: Point, seen: Seen | null}
 *   | {what: "wrecked", slot: number, by: number, weapon: number, at: Point | null}
 *   | {what: "captured", body: number, by: number, at: Point | null}
 *   | {what: "returned", slot: number, at: Point}
 *   | {what: "set", by: number, room: number}
 *   | {what: "hit", body: number, at: Point}} Happening
 */
/** @typedef {{x: number, y: number}} Point */
/** @typedef {Point & {back: number}} Seen where a rail found a drone, as its shooter saw it, and how many ticks ago that was */

/**
 * @typedef {object} Player a line of the scoreboard
 * @property {number} slot
 * @property {string} name
 * @property {number} colour
 * @property {boolean} isBot
 * @property {boolean} isGone
 * @property {number} score
 * @property {number} kills
 * @property {number} deaths
 * @property {number} captures
 */

/**
 * @typedef {object} Moment what is drawn in one frame
 * @property {House} house
 * @property {number} tick with a fraction
 * @property {number} ticksLeft of the match
 * @property {Drone[]} drones those that can be seen, `me` among them
 * @property {Body[]} bodies
 * @property {Pellet[]} pellets
 * @property {Grenade[]} grenades
 * @property {Happening[]} happenings since the last frame
 * @property {ReadonlySet<number>} darkCells
 * @property {ReadonlyMap<number, number>} openings of doors: half of the gap in units, by the index that `house.doors` has
 * @property {readonly {room: number, x: number, y: number}[]} gusts that blow through rooms, in units a tick
 * @property {ReadonlyMap<number, Player>} players
 * @property {Drone | null} me whom the eyes belong to; null for a free camera
 * @property {Waits | null} waits of `me`, if it is one's own
 * @property {number} [teams] how many there are; nothing or 0 where each plays alone
 * @property {boolean} seesAll no fog: recordings, and spectators with a free camera
 */

/** @typedef {{buttons: number, aim: number}} Command what one does in a tick; `aim` as `model.rs` has it, 0 to 1,023 */

export const TICKS_PER_SECOND = 30;
export const TICK_MS = 1000 / TICKS_PER_SECOND;
export const UNIT = 256;
export const TURN = 1024;
export const MATCH_TICKS = 5 * 60 * TICKS_PER_SECOND;
export const DRONE_RADIUS = 16;

/** The bits of a command's buttons. */
export const BUTTON = Object.freeze({ up: 1, down: 2, left: 4, right: 8, pellet: 16, rail: 32, dash: 64, grenade: 128 });

/** How long each takes to be ready again, in ticks: what the rings of the buttons are a part of. */
export const WAIT = Object.freeze({ pellet: 5, rail: 36, dash: 90, grenade: 240 });

export const KINDS = Object.freeze(["TV", "table", "chair", "sofa", "lamp", "shelf", "plant", "piano"]);
export const WEAPONS = Object.freeze(["pellet", "rail", "ram", "grenade"]);
export const COLOURS = Object.freeze(["red", "green", "purple", "blue", "yellow"]);

/** The five colours as light: red, green, blue from 0 to 1. */
export const LIGHTS = Object.freeze(
  /** @type {readonly (readonly [number, number, number])[]} */ ([
    [1.0, 0.27, 0.32],
    [0.22, 0.9, 0.5],
    [0.72, 0.42, 1.0],
    [0.22, 0.62, 1.0],
    [1.0, 0.8, 0.2],
  ]),
);
/** The same for text and canvases. */
export const INKS = Object.freeze(["#ff5a66", "#3be282", "#c184ff", "#55adff", "#ffd23f"]);

/** @param {number} colour @returns {readonly [number, number, number]} */
export const lightOf = (colour) => LIGHTS[colour] ?? [0.8, 0.85, 0.9];
/** @param {number} colour */
export const inkOf = (colour) => INKS[colour] ?? "#cfd6e4";

/** @param {number} turns of `model.rs`, 1,024 for a full turn */
export const radians = (turns) => (turns / TURN) * 2 * Math.PI;
/** @param {number} angle @returns {number} the same as `model.rs` has it */
export const turns = (angle) => ((Math.round((angle / (2 * Math.PI)) * TURN) % TURN) + TURN) % TURN;

/** @param {number} a @param {number} b @param {number} part */
export const mix = (a, b, part) => a + (b - a) * part;

/** @param {number} from @param {number} to @param {number} part @returns {number} along the shorter way around */
export function mixAngle(from, to, part) {
  const full = 2 * Math.PI;
  const way = ((((to - from) % full) + 1.5 * full) % full) - 0.5 * full;
  return from + way * part;
}

/** @param {number} value @param {number} low @param {number} high */
export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/** @param {number} seed @returns {number} 0 to 1, the same for the same seed */
export function chance(seed) {
  let h = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return ((h ^ (h >>> 16)) >>> 0) / 4294967296;
}
