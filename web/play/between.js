//! A moment between two states of a world that is computed right here: the demo and recordings. What moved is drawn
//! between where it was and where it is; what jumped is not drawn flying through the house.

import { mix, mixAngle } from "./scene.js";

/** @typedef {import("./scene.js").Drone} Drone */
/** @typedef {import("./scene.js").Body} Body */
/** @typedef {import("./scene.js").Pellet} Pellet */
/** @typedef {import("./scene.js").Grenade} Grenade */
/** @typedef {{drones: Drone[], bodies: Body[], pellets: Pellet[], grenades: Grenade[]}} Things */

/** Who moves further than this in a tick was put there. */
const JUMP = 150;

/**
 * @param {Things} before @param {Things} after
 * @param {number} part of the way, 0 to 1
 * @returns {Things}
 */
export function between(before, after, part) {
  const drones = moved(before.drones, after.drones, (drone) => drone.slot, part);
  const known = new Map(before.drones.map((drone) => [drone.slot, drone]));
  for (const drone of drones) drone.aim = mixAngle(known.get(drone.slot)?.aim ?? drone.aim, drone.aim, part);
  return {
    drones,
    bodies: moved(before.bodies, after.bodies, (body) => body.id, part),
    pellets: moved(before.pellets, after.pellets, (pellet) => pellet.id, part),
    grenades: moved(before.grenades, after.grenades, (grenade) => grenade.id, part),
  };
}

/**
 * @template {{x: number, y: number}} T
 * @param {T[]} before @param {T[]} after
 * @param {(thing: T) => number} key
 * @param {number} part
 * @returns {T[]} copies
 */
function moved(before, after, key, part) {
  const known = new Map(before.map((thing) => [key(thing), thing]));
  return after.map((thing) => {
    const was = known.get(key(thing));
    if (!was || Math.abs(was.x - thing.x) > JUMP || Math.abs(was.y - thing.y) > JUMP) return { ...thing };
    return { ...thing, x: mix(was.x, thing.x, part), y: mix(was.y, thing.y, part) };
  });
}
