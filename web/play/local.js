//! A match that is computed in the page: the demo, where one practises against bots, and what moves behind the lobby.

import { between } from "./between.js";
import { TICK_MS } from "./scene.js";

/** @typedef {import("./scene.js").Moment} Moment */
/** @typedef {import("./scene.js").Command} Command */

/**
 * A world that can be stepped: the WebAssembly arena, or toys in tests.
 * @typedef {object} World
 * @property {number} tick
 * @property {number} ticksLeft
 * @property {import("./house.js").House} house
 * @property {import("./between.js").Things} things the same objects may change with the next step
 * @property {import("./scene.js").Happening[]} happenings of the latest step
 * @property {ReadonlyMap<number, import("./scene.js").Player>} players
 * @property {(slot: number) => import("./scene.js").Waits | null} waits
 * @property {() => ReadonlyMap<number, number>} openings
 * @property {() => ReadonlySet<number>} darkCells
 * @property {() => Moment["gusts"]} gusts
 * @property {(commands: ReadonlyMap<number, Command>) => void} step bots play for everybody without a command
 */

/** So much is caught up after a pause; what is beyond it never happened. */
const PAUSE_MS = 250;

export class LocalMatch {
  #world;
  #slot;
  /** @type {import("./between.js").Things} */
  #before;
  /** @type {import("./scene.js").Happening[]} */
  #happenings = [];
  #due = 0;
  /** How often the world steps, as a factor. */
  speed = 1;

  /** @param {World} world @param {number} slot of the person who plays, or -1 */
  constructor(world, slot) {
    this.#world = world;
    this.#slot = slot;
    this.#before = copied(world.things);
  }

  get world() {
    return this.#world;
  }

  /**
   * @param {number} now milliseconds
   * @param {() => Command} command asked once a tick
   * @returns {Moment}
   */
  look(now, command) {
    const world = this.#world;
    const step = TICK_MS / this.speed;
    this.#due = Math.max(this.#due, now - PAUSE_MS);
    while (this.#due <= now && world.ticksLeft > 0) {
      this.#before = copied(world.things);
      world.step(this.#slot >= 0 ? new Map([[this.#slot, command()]]) : new Map());
      this.#happenings.push(...world.happenings);
      this.#due += step;
    }
    const part = 1 - (this.#due - now) / step;
    const things = between(this.#before, world.things, Math.min(1, Math.max(0, part)));
    const happenings = this.#happenings;
    this.#happenings = [];
    return {
      ...things, happenings,
      house: world.house, tick: world.tick + part - 1, ticksLeft: world.ticksLeft, players: world.players,
      openings: world.openings(), darkCells: world.darkCells(), gusts: world.gusts(),
      me: things.drones.find((drone) => drone.slot === this.#slot) ?? null,
      waits: world.waits(this.#slot),
      seesAll: this.#slot < 0,
    };
  }
}

/** @param {import("./between.js").Things} things */
function copied({ drones, bodies, pellets, grenades }) {
  const copy = (/** @type {any[]} */ list) => list.map((thing) => ({ ...thing }));
  return { drones: copy(drones), bodies: copy(bodies), pellets: copy(pellets), grenades: copy(grenades) };
}
