//! A match of one's own in the page: one person (or nobody, behind the lobby) and bots.

import { ArenaWorld, options } from "./arena.js";
import { LocalMatch } from "./local.js";
import { MATCH_TICKS, TICKS_PER_SECOND } from "./scene.js";

const NAMES = Object.freeze([
  "Ada", "Bolt", "Cleo", "Dash", "Echo", "Fizz", "Gus", "Hex", "Iris", "Jinx", "Kilo", "Luna", "Moss", "Nova", "Otto", "Pip", "Quill", "Rex", "Sage", "Tank",
  "Uma", "Vex", "Wren", "Zed",
]);
const MINUTES = MATCH_TICKS / TICKS_PER_SECOND / 60;

/**
 * @param {import("./arena.js").ArenaModule} module
 * @param {{seed: bigint, players: number, bodies: number, name: string, colour: number, after?: number}} how an empty name: nobody plays;
 *   `after` so many seconds, until which bots play for everybody
 * @returns {DemoSource | null}
 */
export function makeDemo(module, { seed, players, bodies, name, colour, after = 0 }) {
  const arena = module.begin({ seed, playersMax: players, options: options(bodies, MINUTES) });
  if (!arena) return null;
  const world = new ArenaWorld(arena, MINUTES);
  for (let slot = 0; slot < players; slot += 1) {
    const isPerson = slot === 0 && name !== "";
    world.join(slot, isPerson ? name : (NAMES[slot % NAMES.length] ?? "Bot"), isPerson ? colour : -1, !isPerson);
  }
  world.look();
  for (let left = after * TICKS_PER_SECOND; left > 0 && world.ticksLeft > 1; left -= 1) world.step(new Map());
  return new DemoSource(world, name === "" ? -1 : 0);
}

/** A demo as a source of moments. */
export class DemoSource {
  slot;
  #match;
  /** Called once, when the time is up. */
  onEnd = () => {};
  #hasEnded = false;

  /** @param {import("./local.js").World} world @param {number} slot of the person, -1 without one */
  constructor(world, slot) {
    this.slot = slot;
    this.#match = new LocalMatch(world, slot);
  }

  get world() {
    return this.#match.world;
  }

  /** @param {number} now @param {() => import("./scene.js").Command} command @param {number} aim */
  look(now, command, aim) {
    const moment = this.#match.look(now, command);
    if (moment.me) moment.me.aim = aim;
    if (moment.ticksLeft <= 0 && !this.#hasEnded) {
      this.#hasEnded = true;
      this.onEnd();
    }
    return moment;
  }

  figures() {
    return null;
  }

  exact() {
    return null;
  }

  watch() {}

  close() {}
}
