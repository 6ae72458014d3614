//! The simulation, compiled to WebAssembly: predicts one's own drone and plays whole matches. What the module exports is in
//! `README.md`; this gives it the page's words and units.

import { BORDER, CELL, CELLS, DOORWAY, House } from "./house.js";
import { TICKS_PER_SECOND, UNIT, radians } from "./scene.js";

/** @typedef {import("./scene.js").Happening} Happening */
/** @typedef {import("./scene.js").Command} Command */
/** @typedef {import("./scene.js").Player} Player */
/** @typedef {Record<string, (...values: number[]) => number>} Exports */
/** @typedef {{seed: bigint, playersMax: number, options: Uint8Array}} Setup as a recording or a welcome has it */

/** Words of each record in a list, as `crates/arena-web` has them. */
const WORDS = Object.freeze({ drone: 20, body: 9, pellet: 8, grenade: 7, segment: 5, room: 5, gust: 3, event: 9 });
/** No schedule of a door is longer, in ticks: whatever is a door has shown a leaf by then. */
const DOOR_TICKS = 480;

/** The module, instantiated once for each thing that is computed: it holds one match. */
export class ArenaModule {
  /** @type {WebAssembly.Module} */
  #module;
  /** @type {number | undefined} */
  #rules = undefined;

  /** @param {WebAssembly.Module} module */
  constructor(module) {
    this.#module = module;
  }

  /**
   * @param {string | URL} [url]
   * @returns {Promise<ArenaModule | null>} null where it cannot be had: without WebAssembly, or if it was not built
   */
  static async load(url = new URL("./arena.wasm", import.meta.url)) {
    try {
      const response = await fetch(url);
      if (!response.ok) return null;
      return new ArenaModule(await WebAssembly.compile(await response.arrayBuffer()));
    } catch (error) {
      console.warn("The simulation does not run here.", error);
      return null;
    }
  }

  /** The version of the rules that it plays by. A server or a recording of another one plays another game. @returns {number} */
  get rules() {
    this.#rules ??= /** @type {Exports} */ (/** @type {unknown} */ (new WebAssembly.Instance(this.#module, {}).exports)).rules_version?.() ?? 0;
    return this.#rules;
  }

  /** @param {Setup} setup @returns {Arena | null} null if there cannot be such a match */
  begin(setup) {
    return Arena.begin(new WebAssembly.Instance(this.#module, {}), setup);
  }
}

/** One match in the module's memory. */
export class Arena {
  #exports;
  #memory;
  /** @type {House | null} */
  #house = null;
  setup;

  /** @param {WebAssembly.Instance} instance @param {Setup} setup */
  constructor(instance, setup) {
    this.#exports = /** @type {Exports} */ (/** @type {unknown} */ (instance.exports));
    this.#memory = /** @type {WebAssembly.Memory} */ (instance.exports.memory);
    this.setup = setup;
  }

  /** @param {WebAssembly.Instance} instance @param {Setup} setup @returns {Arena | null} */
  static begin(instance, setup) {
    const arena = new Arena(instance, setup);
    arena.bytes.set(setup.options);
    const [low, high] = [Number(setup.seed & 0xffffffffn), Number(setup.seed >> 32n)];
    return arena.call("begin", low, high, setup.playersMax, setup.options.length) ? arena : null;
  }

  /** @param {string} name of an export @param {...number} values @returns {number} */
  call(name, ...values) {
    const found = this.#exports[name];
    if (!found) throw new Error(`The simulation has no ${name}.`);
    return found(...values);
  }

  /** The shared buffer. Memory may grow with any call, so it is looked up each time. */
  get bytes() {
    const [at, length] = [this.call("buffer"), this.call("buffer_bytes")];
    return new Uint8Array(this.#memory.buffer, at, length);
  }

  get words() {
    const { buffer, byteOffset, length } = this.bytes;
    return new Int32Array(buffer, byteOffset, length >> 2);
  }

  /**
   * @template T
   * @param {string} name of an export that makes a list
   * @param {number} size words of a record
   * @param {(word: (nth: number) => number) => T} read
   * @param {...number} values
   * @returns {T[]}
   */
  list(name, size, read, ...values) {
    const count = this.call(name, ...values);
    const { words } = this;
    return Array.from({ length: count }, (_, nth) => read((word) => words[nth * size + word] ?? 0));
  }

  /** @returns {House} */
  get house() {
    this.#house ??= this.#findHouse();
    return this.#house;
  }

  /** @param {number} tick @returns {Map<number, number>} half of each door's gap, in units */
  openings(tick) {
    /** @type {Map<number, number>} */
    const openings = new Map(this.house.doors.map((door) => [door.index, DOORWAY / 2]));
    for (const segment of this.#segments(tick)) {
      if (!segment.isLeaf) continue;
      const { index, from, to } = borderOf(segment);
      const middle = CELL / 2;
      const opening = from < middle && to > middle ? 0 : Math.min(Math.abs(from - middle), Math.abs(to - middle));
      openings.set(index, Math.min(openings.get(index) ?? 0, opening));
    }
    return openings;
  }

  /** @param {number} tick @returns {Set<number>} */
  darkCells(tick) {
    const cells = new Set();
    for (const room of this.list("rooms", WORDS.room, (w) => ({ left: w(0), top: w(1), width: w(2), height: w(3), isDark: w(4) }), tick)) {
      if (!room.isDark) continue;
      for (let y = room.top; y < room.top + room.height; y += 1) for (let x = room.left; x < room.left + room.width; x += 1) cells.add(y * CELLS + x);
    }
    return cells;
  }

  /** @param {number} tick @returns {{room: number, x: number, y: number}[]} rooms as `house.rooms` numbers them */
  gusts(tick) {
    const gusts = this.list("gusts", WORDS.gust, (w) => ({ room: w(0), x: w(1) / UNIT, y: w(2) / UNIT }), tick);
    if (!gusts.length) return gusts;
    const rooms = this.list("rooms", WORDS.room, (w) => w(1) * CELLS + w(0), tick);
    return gusts.map((gust) => ({ ...gust, room: this.house.roomOf[rooms[gust.room] ?? 0] ?? 0 }));
  }

  /** @param {number} tick */
  #segments(tick) {
    return this.list("segments", WORDS.segment, (w) => ({ x1: w(0) / UNIT, y1: w(1) / UNIT, x2: w(2) / UNIT, y2: w(3) / UNIT, isLeaf: w(4) === 1 }), tick);
  }

  #findHouse() {
    const borders = [new Uint8Array(CELLS * CELLS), new Uint8Array(CELLS * CELLS)];
    let size = 0;
    for (let tick = 0; tick <= DOOR_TICKS; tick += 20) {
      for (const segment of this.#segments(tick)) {
        size = Math.max(size, segment.x2 / CELL, segment.y2 / CELL);
        if ((segment.x1 === segment.x2 ? segment.x1 : segment.y1) === 0) continue;
        const { index, from, to } = borderOf(segment);
        const side = borders[index < CELLS * CELLS ? 0 : 1];
        const cell = index % (CELLS * CELLS);
        const kind = segment.isLeaf ? BORDER.door : to - from === CELL ? BORDER.wall : BORDER.doorway;
        if (side && side[cell] !== BORDER.door) side[cell] = kind;
      }
    }
    return new House(Math.round(size), borders[0] ?? new Uint8Array(), borders[1] ?? new Uint8Array());
  }
}

/** @param {{x1: number, y1: number, x2: number, y2: number}} segment within one border @returns {{index: number, from: number, to: number}} */
function borderOf({ x1, y1, x2, y2 }) {
  const isUpright = x1 === x2;
  const [along, end, across] = isUpright ? [y1, y2, x1] : [x1, x2, y1];
  const nth = Math.floor((along + 0.01) / CELL);
  const line = Math.round(across / CELL) - 1;
  const index = isUpright ? nth * CELLS + line : CELLS * CELLS + line * CELLS + nth;
  return { index, from: along - nth * CELL, to: end - nth * CELL };
}

/** One's own drone ahead of the server; a `Predictor` of `prediction.js`. */
export class ArenaPredictor {
  #arena;
  #slot;
  /** @type {import("./prediction.js").Predicted | null} */
  #drone = null;

  /** @param {Arena} arena @param {number} slot */
  constructor(arena, slot) {
    this.#arena = arena;
    this.#slot = slot;
  }

  /**
   * @param {number} tick
   * @param {{words: readonly number[], bodies: readonly {number: number, kind: number, x: number, y: number, vx: number, vy: number}[],
   *   drones: readonly {slot: number, x: number, y: number, vx: number, vy: number}[]}} me the drone in the simulation's words, and what is near it, in
   *   the simulation's units
   */
  restore(tick, me) {
    this.#arena.words.set(me.words);
    this.#arena.call("predict_from", tick, this.#slot);
    for (const { number, kind, x, y, vx, vy } of me.bodies) this.#arena.call("place_body", number, kind, x, y, vx, vy);
    for (const { slot, x, y, vx, vy } of me.drones) this.#arena.call("place_drone", slot, x, y, vx, vy);
    this.#drone = predicted((nth) => me.words[nth] ?? 0);
  }

  /** @param {Command} command */
  predict({ buttons, aim }) {
    if (!this.#arena.call("predict", buttons, aim)) return;
    const { words } = this.#arena;
    this.#drone = predicted((nth) => words[nth] ?? 0);
  }

  drone() {
    return this.#drone ?? predicted(() => 0);
  }
}

/** @param {(nth: number) => number} w words of a drone, without its slot @returns {import("./prediction.js").Predicted} */
function predicted(w) {
  return {
    x: w(0) / UNIT, y: w(1) / UNIT, vx: w(2) / UNIT, vy: w(3) / UNIT, hp: w(5), respawn: w(7), shield: w(8), dash: w(9),
    waits: { pellet: w(10), rail: w(11), dash: w(12), grenade: w(13) },
  };
}

/** A whole match: a `World` of `local.js`. Who has no command is played by a bot. */
export class ArenaWorld {
  #arena;
  #lastTick;
  /** @type {Map<number, Player>} */
  players = new Map();
  /** @type {Happening[]} */
  happenings = [];
  /** @type {import("./between.js").Things} */
  things = { drones: [], bodies: [], pellets: [], grenades: [] };
  /** @type {Map<number, import("./scene.js").Waits>} */
  #waits = new Map();

  /** @param {Arena} arena @param {number} minutes */
  constructor(arena, minutes) {
    this.#arena = arena;
    this.#lastTick = minutes * 60 * TICKS_PER_SECOND;
    arena.call("arena_new");
  }

  get arena() {
    return this.#arena;
  }

  get house() {
    return this.#arena.house;
  }

  get tick() {
    return this.#arena.call("arena_tick");
  }

  get ticksLeft() {
    return Math.max(0, this.#lastTick - this.tick);
  }

  /** @param {number} slot @param {string} name @param {number} colour -1 without a wish @param {boolean} isBot @returns {boolean} whether it could */
  join(slot, name, colour, isBot) {
    const got = this.#arena.call("arena_join", slot, colour < 0 ? 255 : colour, isBot ? 1 : 0);
    if (got === 255) return false;
    this.players.set(slot, { slot, name, colour: got, isBot, isGone: false, score: 0, kills: 0, deaths: 0, captures: 0 });
    return true;
  }

  /** @param {number} slot */
  leave(slot) {
    this.#arena.call("arena_leave", slot);
    this.players.delete(slot);
  }

  /** @param {ReadonlyMap<number, Command & {rewind?: number}>} commands */
  step(commands) {
    for (const slot of [...this.players.keys()].sort((a, b) => a - b)) {
      const command = commands.get(slot);
      if (command) this.#arena.call("arena_command", slot, command.buttons, command.aim, command.rewind ?? 0);
      else this.#arena.call("arena_bot", slot, random(), random());
    }
    this.advance();
  }

  /** One tick with what was commanded. */
  advance() {
    const hp = new Map(this.things.bodies.map((body) => [body.id, body.hp]));
    this.#arena.call("arena_step");
    this.look();
    this.happenings = this.#arena.list("arena_events", WORDS.event, readEvent).filter((one) => one !== null);
    for (const body of this.things.bodies) {
      if (body.hp < (hp.get(body.id) ?? 0)) this.happenings.push({ what: "hit", body: body.id, at: { x: body.x, y: body.y } });
    }
  }

  /** Reads the state anew, after a step or a jump. */
  look() {
    const arena = this.#arena;
    this.things = {
      drones: arena.list("arena_drones", WORDS.drone, (w) => this.#drone(w)),
      bodies: arena.list("arena_bodies", WORDS.body, (w) => ({
        id: 0, kind: w(0), x: w(1) / UNIT, y: w(2) / UNIT, vx: w(3) / UNIT, vy: w(4) / UNIT, hp: w(5), captor: w(6), colour: w(7),
      })),
      pellets: arena.list("arena_pellets", WORDS.pellet, (w) => ({ id: w(6), owner: w(7), x: w(0) / UNIT, y: w(1) / UNIT, vx: w(2) / UNIT, vy: w(3) / UNIT })),
      grenades: arena.list("arena_grenades", WORDS.grenade, (w) => ({
        id: w(5), owner: w(6), x: w(0) / UNIT, y: w(1) / UNIT, vx: w(2) / UNIT, vy: w(3) / UNIT, fuse: w(4),
      })),
    };
    this.things.bodies.forEach((body, nth) => {
      body.id = nth;
    });
  }

  /** @param {(nth: number) => number} w words of a listed drone @returns {import("./scene.js").Drone} */
  #drone(w) {
    const slot = w(0);
    const own = predicted((nth) => w(nth + 1));
    this.#waits.set(slot, own.waits);
    const player = this.players.get(slot);
    if (player) Object.assign(player, { score: w(15), kills: w(16), deaths: w(17), captures: w(18) });
    const { x, y, vx, vy, hp, respawn, shield, dash } = own;
    return { slot, x, y, vx, vy, aim: radians(w(5)), hp: respawn > 0 ? 0 : hp, colour: w(7), shield, dash, respawn };
  }

  /** @param {number} slot */
  waits(slot) {
    return this.#waits.get(slot) ?? null;
  }

  openings() {
    return this.#arena.openings(this.tick);
  }

  darkCells() {
    return this.#arena.darkCells(this.tick);
  }

  gusts() {
    return this.#arena.gusts(this.tick);
  }
}

/** @param {(nth: number) => number} w words of an event @returns {Happening | null} */
export function readEvent(w) {
  const [kind, slot, by, value] = [w(0), w(1), w(2), w(3)];
  const at = { x: w(4) / UNIT, y: w(5) / UNIT };
  switch (kind) {
    case 0: return { what: "rail", by, from: at, to: { x: w(6) / UNIT, y: w(7) / UNIT } };
    case 1: return { what: "pellet-end", id: value, at };
    case 2: return { what: "blast", by, at };
    case 3: return { what: "hurt", slot, by, hp: value, at, seen: w(8) < 0 ? null : { x: w(6) / UNIT, y: w(7) / UNIT, back: w(8) / 8 } };
    case 4: return { what: "wrecked", slot, by, weapon: value, at };
    case 5: return { what: "captured", body: value, by, at };
    case 6: return { what: "set", by, room: value };
    case 7: return { what: "returned", slot, at };
    default: return null;
  }
}

const random = () => Math.floor(Math.random() * 2 ** 32);

/** As `Config::options` has it. @param {number} bodies @param {number} minutes @param {number} [teams] 0 for a free-for-all @returns {Uint8Array} */
export const options = (bodies, minutes, teams = 0) => Uint8Array.of(1, bodies & 255, bodies >> 8, minutes, teams);
