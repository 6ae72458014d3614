//! One's own drone, exact, as a difference to what it would be if nothing new had come.

import { WireError } from "./bytes.js";

/**
 * One's own drone, in the units of the simulation: places in 1/256 of a unit, velocities in that per tick, times in ticks.
 * @typedef {object} Own
 * @property {number} colour
 * @property {number} x
 * @property {number} y
 * @property {number} vx
 * @property {number} vy
 * @property {number} aim 0 to 1,023
 * @property {number} hp 0 while it waits to come back
 * @property {number} respawn until it comes back
 * @property {number} shield for which nothing hurts it
 * @property {number} dash for which its dash lasts
 * @property {number} pelletWait until the weapon is ready
 * @property {number} railWait
 * @property {number} dashWait
 * @property {number} grenadeWait
 * @property {number} score
 * @property {number} kills
 * @property {number} deaths
 * @property {number} captures
 * @property {number} bounty
 * @property {number} scoredAt tick of the latest capture or kill
 */

const PART = Object.freeze({ anew: 1, place: 2, velocity: 4, aim: 8, hp: 16, waits: 32, points: 64 });

/** @param {import("./bytes.js").Reader} reader @param {Own | null} before @param {number} ticks since then @returns {Own} */
export function readOwn(reader, before, ticks) {
  const parts = reader.u8();
  const own = parts & PART.anew ? anew(reader.u8()) : before === null ? null : expected(before, ticks);
  if (own === null) throw new WireError("a difference to a drone that was not told");
  if (parts & PART.place) {
    own.x = (own.x + reader.zigzag()) | 0;
    own.y = (own.y + reader.zigzag()) | 0;
  }
  if (parts & PART.velocity) {
    own.vx = (own.vx + reader.zigzag()) | 0;
    own.vy = (own.vy + reader.zigzag()) | 0;
  }
  if (parts & PART.aim) own.aim = reader.u16();
  if (parts & PART.hp) own.hp = reader.u8();
  if (parts & PART.waits) {
    [own.respawn, own.shield, own.dash] = [limited(reader, 65535), limited(reader, 65535), limited(reader, 255)];
    [own.pelletWait, own.railWait] = [limited(reader, 255), limited(reader, 255)];
    [own.dashWait, own.grenadeWait] = [limited(reader, 255), limited(reader, 65535)];
  }
  if (parts & PART.points) {
    own.score = reader.varint();
    [own.kills, own.deaths] = [limited(reader, 65535), limited(reader, 65535)];
    [own.captures, own.bounty] = [limited(reader, 65535), limited(reader, 65535)];
    own.scoredAt = reader.varint();
  }
  return own;
}

/** All of it, in the order of the digest. @param {Own} own @returns {number[]} */
export function wordsOf(own) {
  const { colour, x, y, vx, vy, aim, hp, respawn, shield, dash, pelletWait, railWait, dashWait, grenadeWait } = own;
  const { score, kills, deaths, captures, bounty, scoredAt } = own;
  const state = [colour, x, y, vx, vy, aim, hp, respawn, shield, dash, pelletWait, railWait, dashWait, grenadeWait];
  return [...state, score, kills, deaths, captures, bounty, scoredAt];
}

/** @param {number} colour @returns {Own} */
function anew(colour) {
  if (colour > 4) throw new WireError("no such colour");
  const still = { x: 0, y: 0, vx: 0, vy: 0, aim: 0, hp: 100 };
  const waits = { respawn: 0, shield: 0, dash: 0, pelletWait: 0, railWait: 0, dashWait: 0, grenadeWait: 0 };
  return { colour, ...still, ...waits, score: 0, kills: 0, deaths: 0, captures: 0, bounty: 0, scoredAt: 0 };
}

/** What becomes of a drone of which nothing more is heard: it moves on, and its waits count down. @param {Own} own @param {number} ticks */
function expected(own, ticks) {
  const down = (/** @type {number} */ wait) => Math.max(wait - ticks, 0);
  return {
    ...own,
    x: (own.x + Math.imul(own.vx, ticks)) | 0,
    y: (own.y + Math.imul(own.vy, ticks)) | 0,
    respawn: down(own.respawn),
    shield: down(own.shield),
    dash: down(own.dash),
    pelletWait: down(own.pelletWait),
    railWait: down(own.railWait),
    dashWait: down(own.dashWait),
    grenadeWait: down(own.grenadeWait),
  };
}

/** @param {import("./bytes.js").Reader} reader @param {number} most */
function limited(reader, most) {
  const value = reader.varint();
  if (value > most) throw new WireError("a number does not fit");
  return value;
}
