//! What a match looks like as far as the server has told: takes in snapshots, and is read by whoever draws.

import { Reader, WireError } from "./bytes.js";
import { CLASS, KEY_COUNT, classOf, numberOf, paceOf, readCell } from "./cell.js";
import { readEvent } from "./events.js";
import { readIntroduction } from "./introduction.js";
import { readOwn, wordsOf } from "./own.js";
import { NUMBERS, hasFlownOutOfSight, readPellet } from "./pellets.js";
import { addPlace, newTrack } from "./track.js";

/** @typedef {import("./cell.js").Thing} Thing */
/** @typedef {import("./track.js").Track} Track */
/** @typedef {import("./own.js").Own} Own */
/** @typedef {import("./events.js").Happening} Happening */
/** @typedef {import("./pellets.js").Pellet} Pellet */

/**
 * A drone in sight, as of `tick`.
 * @typedef {object} Drone
 * @property {number} slot
 * @property {number} tick
 * @property {number} x in units, to 1/16
 * @property {number} y
 * @property {number} vx units in a tick, on the average since it was told before
 * @property {number} vy
 * @property {number} aim 0 to 1,023, to 4
 * @property {number} hp
 * @property {boolean} hasShield
 * @property {boolean} isDashing
 * @property {Track} track
 */
/**
 * A piece of furniture in sight, as of `tick`.
 * @typedef {object} Body
 * @property {number} number
 * @property {number} kind
 * @property {number} tick
 * @property {number} x
 * @property {number} y
 * @property {number} vx
 * @property {number} vy
 * @property {number} hp
 * @property {number} captor slot of who captured it, or -1
 * @property {number} colour of the captor, or -1
 * @property {Track} track
 */
/** @typedef {{id: number, owner: number, tick: number, x: number, y: number, vx: number, vy: number, track: Track}} Grenade */
/** @typedef {{score: number, kills: number, deaths: number, captures: number, bounty: number}} Score */
/** @typedef {{room: number, x: number, y: number}} Gust what it adds to velocities in a tick, in units */

/**
 * What a snapshot has changed.
 * @typedef {object} Changes
 * @property {number} tick
 * @property {{age: number, event: Happening}[]} events the oldest first; `age` in ticks
 * @property {number[]} drones slots of those that came, changed or went
 * @property {number[]} bodies numbers of those that came, changed or went
 * @property {Pellet[]} pellets that are new
 * @property {boolean} hasNewCells cells came into sight or went out of it
 * @property {boolean} hasNewWorld doors, dark rooms or gusts
 * @property {boolean} hasNewScores
 */

/** What is known of a cell. @typedef {{tick: number, before: number, things: Thing[], former: Thing[], formerBehind: number, updated: number}} Held */

/** Things in all cells together at most: bounds what hostile bytes can make of it. */
const THINGS_MAX = 4096;
/** The sections of a snapshot, as bits of its first byte. */
const SECTION = Object.freeze({ own: 1, watched: 2, world: 4, scores: 8, cells: 16, pellets: 32, events: 64 });

export class World {
  /** What the welcome told: borders, rooms, kinds. */
  introduction;
  /** One's own slot; 255 for spectators. */
  slot;
  /** Of the latest snapshot. */
  tick;
  /** By slot; null for those out of sight. @type {(Drone | null)[]} */
  drones = new Array(256).fill(null);
  /** By number; null for those out of sight. @type {(Body | null)[]} */
  bodies;
  /** By id modulo 256. @type {Map<number, Grenade>} */
  grenades = new Map();
  /** By id modulo 4,096. `pelletAt` tells where they are. @type {Map<number, Pellet>} */
  pellets = new Map();
  /** One's own drone, exact. @type {Own | null} */
  me = null;
  /** Whom a spectator watches; null for nobody. @type {number | null} */
  watched = null;
  /** By slot. @type {(Score | null)[]} */
  scores = new Array(256).fill(null);
  /** 1 for each cell in sight. */
  cells = new Uint8Array(256);
  /** Indices of borders: cells for what is to their right, 256 + cells for what is below. @type {Set<number>} */
  openDoors = new Set();
  /** @type {Set<number>} */
  darkRooms = new Set();
  /** @type {Gust[]} */
  gusts = [];

  #snapshots = 0;
  #thingCount = 0;
  /** @type {Held[]} */
  #held = Array.from({ length: 256 }, () => ({
    tick: 0,
    before: 0,
    things: [],
    former: [],
    formerBehind: 1,
    updated: 0,
  }));
  /** In which cell each thing was seen last, by key; -1 for none. */
  #seenIn = new Int16Array(KEY_COUNT).fill(-1);
  /** The borders with doors. @type {number[]} */
  #doors = [];
  /** @type {Set<number>} keys of this snapshot */
  #changed = new Set();

  /** @param {import("../wire.js").Welcome} welcome */
  constructor(welcome) {
    this.introduction = readIntroduction(welcome.introduction);
    this.slot = welcome.slot;
    this.tick = welcome.tick;
    this.bodies = new Array(this.introduction.bodies).fill(null);
    const { right, below } = this.introduction;
    [...right, ...below].forEach((border, index) => {
      if (border === 3) this.#doors.push(index);
    });
  }

  /** Takes in a snapshot. @param {{tick: number, body: Uint8Array}} snapshot @returns {Changes} */
  apply({ tick, body }) {
    const reader = new Reader(body);
    const sections = reader.u8();
    if (sections > 127) throw new WireError("a section that this version does not define");
    const elapsed = this.#snapshots === 0 ? 0 : (tick - this.tick) >>> 0;
    this.tick = tick;
    this.#snapshots += 1;
    this.#changed.clear();
    if (sections & SECTION.own) this.me = readOwn(reader, this.me, elapsed);
    if (sections & SECTION.watched) {
      const watched = reader.u8();
      this.watched = watched === 255 ? null : watched;
    }
    if (sections & SECTION.world) this.#readWorld(reader);
    if (sections & SECTION.scores) this.#readScores(reader);
    const fresh = sections & SECTION.cells ? this.#toggle(reader) : new Set();
    this.#readCells(reader, fresh);
    const pellets = sections & SECTION.pellets ? this.#readPellets(reader) : [];
    const events = sections & SECTION.events ? this.#readEvents(reader) : [];
    this.#endPellets();
    reader.end();
    const of = (/** @type {number} */ wanted) =>
      [...this.#changed].filter((key) => classOf(key) === wanted).map(numberOf);
    return {
      tick,
      events,
      drones: of(CLASS.drone),
      bodies: of(CLASS.body),
      pellets,
      hasNewCells: (sections & SECTION.cells) !== 0,
      hasNewWorld: (sections & SECTION.world) !== 0,
      hasNewScores: (sections & SECTION.scores) !== 0,
    };
  }

  /**
   * A hash of what is known, for comparing with another implementation: `docs/match-protocol.md` says how it is made.
   * @returns {number}
   */
  digest() {
    const words = [this.tick, this.me === null ? 0 : 1];
    if (this.me !== null) words.push(...wordsOf(this.me));
    words.push(this.watched ?? 255);
    for (const door of this.#doors) words.push(this.openDoors.has(door) ? 1 : 0);
    this.introduction.rooms.forEach((_, room) => words.push(this.darkRooms.has(room) ? 1 : 0));
    for (const { room, x, y } of this.gusts) words.push(room, x * 256, y * 256);
    this.scores.forEach((score, slot) => {
      if (score !== null) words.push(slot, score.score, score.kills, score.deaths, score.captures, score.bounty);
    });
    this.#held.forEach(({ tick, things }, cell) => {
      if (this.cells[cell] !== 1) return;
      words.push(cell, tick);
      for (const { key, x, y, aim, hp, mark, dx, dy, turn } of things) words.push(key, x, y, aim, hp, mark, dx, dy, turn);
    });
    return fnv(words);
  }

  /** @param {Reader} reader */
  #readWorld(reader) {
    this.openDoors = new Set(this.#doors.filter(bitsOf(reader, this.#doors.length)));
    const rooms = this.introduction.rooms.map((_, room) => room);
    this.darkRooms = new Set(rooms.filter(bitsOf(reader, rooms.length)));
    this.gusts = [];
    const count = reader.u8();
    if (count > 64) throw new WireError("more gusts than rooms");
    for (let nth = 0; nth < count; nth += 1) {
      this.gusts.push({ room: reader.u8(), x: reader.i16() / 256, y: reader.i16() / 256 });
    }
  }

  /** @param {Reader} reader */
  #readScores(reader) {
    const count = reader.varint();
    if (count > 256) throw new WireError("more lines than places");
    for (let nth = 0; nth < count; nth += 1) {
      const slot = reader.u8();
      const [score, kills, deaths] = [reader.varint(), reader.varint(), reader.varint()];
      this.scores[slot] = { score, kills, deaths, captures: reader.varint(), bounty: reader.varint() };
    }
  }

  /** Cells come into sight and go out of it. @param {Reader} reader @returns {Set<number>} those that came */
  #toggle(reader) {
    const count = reader.varint();
    if (count > 256) throw new WireError("more cells than there are");
    /** @type {Set<number>} */
    const fresh = new Set();
    for (let nth = 0; nth < count; nth += 1) {
      const cell = reader.u8();
      if (this.cells[cell] === 1) {
        this.cells[cell] = 0;
        this.#replace(cell, []);
      } else {
        this.cells[cell] = 1;
        fresh.add(cell);
      }
    }
    return fresh;
  }

  /** @param {Reader} reader @param {Set<number>} fresh */
  #readCells(reader, fresh) {
    /** @type {number[]} */
    const inSight = [];
    this.cells.forEach((isInSight, cell) => {
      if (isInSight === 1) inSight.push(cell);
    });
    const isThere = bitsOf(reader, inSight.length);
    for (const [nth, cell] of inSight.entries()) {
      if (isThere(0, nth)) {
        reader.bytes(this.#readCell(cell, reader.peek(), fresh.has(cell)));
      } else if (fresh.has(cell)) {
        throw new WireError("a new cell without its content");
      }
    }
  }

  /** @param {number} cell @param {Uint8Array} bytes which begin with it @param {boolean} isFresh @returns {number} its length */
  #readCell(cell, bytes, isFresh) {
    const held = this.#heldOf(cell);
    const pace = paceOf(held.before, held.tick, this.tick);
    const known = isFresh ? null : { things: held.things, pace };
    const { things, since, length } = readCell(bytes, cell, known, (other, key) => this.#neighbour(other, key));
    const before = since === "last" ? held.tick : (this.tick - 1) >>> 0;
    const formerBehind = pace.behind;
    Object.assign(held, { tick: this.tick, before });
    this.#replace(cell, things);
    Object.assign(held, { formerBehind, updated: this.#snapshots });
    if (this.#thingCount > THINGS_MAX) throw new WireError("more things than there are");
    return length;
  }

  /** @param {number} cell @returns {Held} */
  #heldOf(cell) {
    return /** @type {Held} */ (this.#held[cell]);
  }

  /** Something in another cell, before this snapshot. @param {number} cell @param {number} key */
  #neighbour(cell, key) {
    if (this.cells[cell] !== 1) return null;
    const held = this.#heldOf(cell);
    const isUpdated = held.updated === this.#snapshots;
    const thing = (isUpdated ? held.former : held.things).find((thing) => thing.key === key);
    const behind = isUpdated ? held.formerBehind : paceOf(held.before, held.tick, this.tick).behind;
    return thing === undefined ? null : { thing, behind };
  }

  /** Puts another content into a cell. @param {number} cell @param {Thing[]} things */
  #replace(cell, things) {
    const held = this.#heldOf(cell);
    held.former = held.things;
    held.things = things;
    this.#thingCount += things.length - held.former.length;
    const stays = new Set(things.map((thing) => thing.key));
    for (const { key } of held.former) {
      if (!stays.has(key) && this.#seenIn[key] === cell) {
        this.#seenIn[key] = -1;
        this.#forget(key);
      }
    }
    const ticks = paceOf(held.before, held.tick, held.tick).behind;
    for (const thing of things) {
      this.#seenIn[thing.key] = cell;
      this.#see(thing, held.before, ticks);
    }
  }

  /** @param {number} key */
  #forget(key) {
    this.#changed.add(key);
    const number = numberOf(key);
    if (classOf(key) === CLASS.drone) this.drones[number] = null;
    else if (classOf(key) === CLASS.body) this.bodies[number] = null;
    else this.grenades.delete(number);
  }

  /**
   * Something is as told.
   * @param {Thing} thing
   * @param {number} before tick since which it moved as it did
   * @param {number} ticks from then until now
   */
  #see(thing, before, ticks) {
    this.#changed.add(thing.key);
    const number = numberOf(thing.key);
    const { tick } = this;
    const [x, y, vx, vy] = [thing.x / 16, thing.y / 16, thing.dx / 16 / ticks, thing.dy / 16 / ticks];
    const aim = thing.aim * 4;
    const follow = (/** @type {Track | undefined} */ known) => {
      const track = known ?? newTrack();
      // What lay still was not told of: it was where it moved from, and not on its way since it was told of last.
      const from = { tick: before, x: x - thing.dx / 16, y: y - thing.dy / 16, aim: (aim - thing.turn * 4) & 1023 };
      if ((track.at(-1)?.tick ?? -1) < before) addPlace(track, from);
      addPlace(track, { tick, x, y, aim });
      return track;
    };
    if (classOf(thing.key) === CLASS.drone) {
      const track = follow(this.drones[number]?.track);
      const [hasShield, isDashing] = [(thing.mark & 1) !== 0, (thing.mark & 2) !== 0];
      this.drones[number] = { slot: number, tick, x, y, vx, vy, aim, hp: thing.hp, hasShield, isDashing, track };
    } else if (classOf(thing.key) === CLASS.body) {
      const track = follow(this.bodies[number]?.track);
      const isCaptured = (thing.mark & 0x800) !== 0;
      const [captor, colour] = isCaptured ? [thing.mark & 0xff, (thing.mark >> 8) & 7] : [-1, -1];
      const kind = this.introduction.kinds[number];
      if (kind === undefined) throw new WireError("furniture that the house does not have");
      this.bodies[number] = { number, kind, tick, x, y, vx, vy, hp: thing.hp, captor, colour, track };
    } else {
      const track = follow(this.grenades.get(number)?.track);
      this.grenades.set(number, { id: number, owner: thing.mark & 0xff, tick, x, y, vx, vy, track });
    }
  }

  /** @param {Reader} reader @returns {Pellet[]} */
  #readPellets(reader) {
    /** @type {Pellet[]} */
    const pellets = [];
    for (let left = reader.u16(); left > 0; left -= 1) {
      const pellet = readPellet(reader, this.tick);
      this.pellets.set(pellet.id, pellet);
      pellets.push(pellet);
    }
    return pellets;
  }

  /** Forgets pellets that ended a second ago, and ends those that fly out of sight: the server tells of them again if they come back. */
  #endPellets() {
    for (const pellet of this.pellets.values()) {
      const isOver = this.tick - pellet.tick >= pellet.life + 30;
      if (isOver) this.pellets.delete(pellet.id);
      else if (pellet.endsAt === null && hasFlownOutOfSight(this, pellet)) pellet.endsAt = this.tick;
    }
  }

  /** @param {Reader} reader */
  #readEvents(reader) {
    /** @type {Changes["events"]} */
    const events = [];
    for (let left = reader.u16(); left > 0; left -= 1) {
      const told = readEvent(reader);
      const { event } = told;
      const pellet = event.what === "pellet-end" ? this.pellets.get(event.id % NUMBERS) : undefined;
      if (pellet !== undefined) pellet.endsAt = this.tick - told.age;
      events.push(told);
    }
    return events;
  }
}

/** FNV-1a over little-endian words of 32 bits. @param {readonly number[]} words @returns {number} */
function fnv(words) {
  let hash = 0x811c9dc5;
  for (const word of words) {
    for (let shift = 0; shift < 32; shift += 8) hash = Math.imul(hash ^ ((word >>> shift) & 0xff), 0x01000193);
  }
  return hash >>> 0;
}

/** @param {Reader} reader @param {number} count @returns {(value: unknown, nth: number) => boolean} whether the bit of the nth is set */
function bitsOf(reader, count) {
  const bytes = reader.bytes((count + 7) >> 3);
  return (_, nth) => ((/** @type {number} */ (bytes[nth >> 3]) >> (nth & 7)) & 1) === 1;
}
