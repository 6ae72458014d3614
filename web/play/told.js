//! What the server has told of a match, as moments to draw: others a little in the past, between two snapshots; one's own
//! drone and its shots ahead, as predicted.

import { BODY_RADIUS } from "./picture.js";
import { CELLS, DOORWAY, House, WALL_HALF } from "./house.js";
import { rayLength } from "./light.js";
import { DRONE_RADIUS, MATCH_TICKS, TICKS_PER_SECOND, UNIT, mix, radians } from "./scene.js";
import { World, pelletAt, placeAt } from "./wire.js";

/** @typedef {import("./scene.js").Happening} Happening */
/** @typedef {import("./scene.js").Moment} Moment */
/** @typedef {import("./scene.js").Player} Player */
/** @typedef {import("./prediction.js").Predicted} Predicted */
/** @typedef {{due: number, happening: Happening}} Due */
/** @typedef {{tick: number, x: number, y: number, aim: number}} Ghost a pellet of one's own that the server has not told of yet */

/** What is nearer than this to one's own drone is drawn where the prediction has it: one can touch it. */
const NEAR = 110;
/** What the prediction is told of: more than a drone can reach in the ticks that it is ahead. */
const PLACED = 420;
/** How fast furniture gets from its told place to its predicted one and back, as a part of the way in a second. */
const SETTLE = 12;
const PELLET_TICKS = 45;
const PELLET_SPEED = 30;
const PELLET_RADIUS = 4;
const RAIL_REACH = 1200;
const GHOST_TICKS = 12;
/** The tick in which a pellet was fired may be one beside the predicted one. */
const GHOST_SLACK = 2;
const DUE_MAX = 400;

export class Told {
  world;
  house;
  /** @type {Map<number, Player>} */
  players = new Map();
  #arena;
  /** @type {Due[]} */
  #due = [];
  /** @type {Map<number, number>} health of furniture when it was told last */
  #hp = new Map();
  /** @type {Ghost[]} */
  #ghosts = [];
  /** Where touched furniture is drawn. @type {Map<number, {x: number, y: number}>} */
  #settling = new Map();
  /** Rails that were shown ahead, so that they are not shown again, by tick. @type {number[]} */
  #ownRails = [];

  /** @param {import("./wire.js").Welcome} welcome @param {import("./arena.js").Arena | null} arena */
  constructor(welcome, arena) {
    this.world = new World(welcome);
    const { houseCells, right, below } = this.world.introduction;
    this.house = arena?.house ?? new House(houseCells, right, below);
    this.#arena = arena;
  }

  /** The match's last tick. */
  get lastTick() {
    return this.world.introduction.minutes * 60 * TICKS_PER_SECOND || MATCH_TICKS;
  }

  /** @param {readonly import("./wire.js").RosterEntry[]} entries */
  enlist(entries) {
    for (const { slot, name, isBot, isGone, colour } of entries) {
      const known = this.players.get(slot) ?? { score: 0, kills: 0, deaths: 0, captures: 0 };
      this.players.set(slot, { ...known, slot, name, isBot, isGone, colour: colour ?? 0 });
    }
  }

  /** @param {import("./wire.js").Snapshot} snapshot */
  apply(snapshot) {
    const { world } = this;
    const changes = world.apply(snapshot);
    const fresh = new Set(changes.bodies);
    for (const { age, event } of changes.events) this.#queue(changes.tick - age, event);
    for (const number of fresh) {
      const body = world.bodies[number];
      if (!body) {
        this.#hp.delete(number);
        continue;
      }
      if (body.hp < (this.#hp.get(number) ?? 0)) this.#push(changes.tick, { what: "hit", body: number, at: { x: body.x, y: body.y } });
      this.#hp.set(number, body.hp);
    }
    for (const pellet of changes.pellets) if (pellet.owner === world.slot) this.#forgetGhost(pellet.tick - (PELLET_TICKS - pellet.life));
    if (changes.hasNewScores) {
      world.scores.forEach((score, slot) => {
        const player = score && this.players.get(slot);
        if (player) Object.assign(player, { score: score.score, kills: score.kills, deaths: score.deaths, captures: score.captures });
      });
    }
  }

  /**
   * What the prediction needs: one's own drone in the simulation's words, and what it can touch.
   * @returns {Parameters<import("./arena.js").ArenaPredictor["restore"]>[1] | null} null without a drone
   */
  own() {
    const { me, bodies, drones, slot } = this.world;
    if (!me) return null;
    const words = [
      me.x, me.y, me.vx, me.vy, me.aim, me.hp, me.colour, me.respawn, me.shield, me.dash, me.pelletWait, me.railWait, me.dashWait, me.grenadeWait,
      me.score, me.kills, me.deaths, me.captures, me.bounty,
    ];
    const [x, y] = [me.x / UNIT, me.y / UNIT];
    const isNear = (/** @type {{x: number, y: number} | null} */ thing) => thing !== null && Math.abs(thing.x - x) < PLACED && Math.abs(thing.y - y) < PLACED;
    const inWords = (/** @type {{x: number, y: number, vx: number, vy: number, tick: number}} */ thing) => {
      const late = this.world.tick - thing.tick;
      return { x: Math.round((thing.x + thing.vx * late) * UNIT), y: Math.round((thing.y + thing.vy * late) * UNIT), vx: Math.round(thing.vx * UNIT), vy: Math.round(thing.vy * UNIT) };
    };
    return {
      words,
      bodies: bodies.filter((body) => body !== null).filter(isNear).map((body) => ({ number: body.number, kind: body.kind, ...inWords(body) })),
      drones: drones.filter((drone) => drone !== null).filter((drone) => drone.slot !== slot && isNear(drone)).map((drone) => ({ slot: drone.slot, ...inWords(drone) })),
    };
  }

  /** One's own weapon went off ahead of the server. @param {"pellet" | "rail"} weapon @param {number} tick @param {{x: number, y: number}} at @param {number} aim radians */
  fired(weapon, tick, at, aim) {
    if (weapon === "pellet") {
      this.#ghosts.push({ tick, x: at.x, y: at.y, aim });
      return;
    }
    const [dx, dy] = [Math.cos(aim), Math.sin(aim)];
    const openings = this.#openings(tick);
    const far = rayLength(at.x, at.y, dx, dy, RAIL_REACH, this.house.segmentsNear(at.x, at.y, RAIL_REACH, openings)) - WALL_HALF;
    const from = { x: at.x + dx * DRONE_RADIUS, y: at.y + dy * DRONE_RADIUS };
    this.#push(0, { what: "rail", by: this.world.slot, from, to: { x: at.x + dx * far, y: at.y + dy * far } });
    this.#ownRails.push(tick);
  }

  /**
   * @param {number} shown the tick that others are shown in
   * @param {number} ahead the tick that one's own drone is in
   * @param {(Predicted & {aim: number}) | null} predicted
   * @param {number} passed seconds since the last moment
   * @returns {Moment}
   */
  moment(shown, ahead, predicted, passed) {
    const { world, house, players } = this;
    const me = this.#me(shown, predicted);
    const drones = this.#drones(shown);
    if (me) drones.push(me);
    const tick = Math.floor(shown);
    return {
      house, players, tick: shown, ticksLeft: Math.max(0, this.lastTick - shown), drones,
      bodies: this.#bodies(shown, predicted ? me : null, passed),
      pellets: this.#pellets(shown, predicted ? ahead : shown),
      grenades: [...world.grenades.values()].map(({ id, owner, vx, vy, track }) => ({ id, owner, vx, vy, fuse: 30, ...(placeAt(track, shown) ?? { x: 0, y: 0 }) })),
      happenings: this.#happenings(shown),
      darkCells: this.#darkCells(), openings: this.#openings(tick), gusts: this.#gusts(),
      me, seesAll: false, teams: world.introduction.teams,
      waits: predicted?.waits ?? (world.me ? { pellet: world.me.pelletWait, rail: world.me.railWait, dash: world.me.dashWait, grenade: world.me.grenadeWait } : null),
    };
  }

  /** @param {number} shown @param {(Predicted & {aim: number}) | null} predicted @returns {import("./scene.js").Drone | null} */
  #me(shown, predicted) {
    const own = this.world.me;
    if (!own) return null;
    const { slot } = this.world;
    if (predicted) {
      const { x, y, vx, vy, aim, hp, shield, dash, respawn } = predicted;
      return { slot, x, y, vx, vy, aim, hp: respawn > 0 ? 0 : Math.min(hp, own.hp), colour: own.colour, shield, dash, respawn };
    }
    const track = this.world.drones[slot]?.track;
    const at = (track && placeAt(track, shown)) ?? { x: own.x / UNIT, y: own.y / UNIT };
    const { hp, respawn, colour, shield, dash } = own;
    return { slot, x: at.x, y: at.y, vx: own.vx / UNIT, vy: own.vy / UNIT, aim: radians(own.aim), hp: respawn > 0 ? 0 : hp, colour, shield, dash, respawn };
  }

  /** @param {number} shown @returns {import("./scene.js").Drone[]} */
  #drones(shown) {
    const seen = [];
    for (const drone of this.world.drones) {
      if (!drone || (drone.slot === this.world.slot && this.world.me)) continue;
      const at = placeAt(drone.track, shown);
      if (!at) continue;
      const { slot, vx, vy, hp, hasShield, isDashing } = drone;
      const colour = this.players.get(slot)?.colour ?? 0;
      seen.push({ slot, x: at.x, y: at.y, vx, vy, aim: radians(at.aim), hp, colour, shield: hasShield ? 20 : 0, dash: isDashing ? 3 : 0, respawn: 0 });
    }
    return seen;
  }

  /** @param {number} shown @param {import("./scene.js").Drone | null} me ahead of the others @param {number} passed @returns {import("./scene.js").Body[]} */
  #bodies(shown, me, passed) {
    const seen = [];
    for (const body of this.world.bodies) {
      const at = body && placeAt(body.track, shown);
      if (!at) continue;
      const { number, kind, vx, vy, hp, captor, colour } = body;
      const place = this.#settled(number, kind, at, me, passed);
      seen.push({ id: number, kind, x: place.x, y: place.y, vx, vy, hp, captor, colour });
    }
    return seen;
  }

  /** What one's own drone pushes goes with it, not behind it. @param {number} number @param {number} kind @param {{x: number, y: number}} told @param {import("./scene.js").Drone | null} me @param {number} passed */
  #settled(number, kind, told, me, passed) {
    const reach = NEAR + (BODY_RADIUS[kind] ?? 20);
    const isNear = me !== null && Math.abs(told.x - me.x) < reach && Math.abs(told.y - me.y) < reach;
    const was = this.#settling.get(number);
    if (!isNear && !was) return told;
    let goal = told;
    if (isNear && this.#arena?.call("predicted_body", number)) {
      const { words } = this.#arena;
      goal = { x: (words[0] ?? 0) / UNIT, y: (words[1] ?? 0) / UNIT };
    }
    const part = 1 - Math.exp(-passed * SETTLE);
    const from = was ?? told;
    const place = { x: mix(from.x, goal.x, part), y: mix(from.y, goal.y, part) };
    if (!isNear && Math.abs(place.x - told.x) + Math.abs(place.y - told.y) < 0.2) this.#settling.delete(number);
    else this.#settling.set(number, place);
    return place;
  }

  /** @param {number} shown @param {number} ahead @returns {import("./scene.js").Pellet[]} */
  #pellets(shown, ahead) {
    const { world } = this;
    /** @type {import("./scene.js").Pellet[]} */
    const seen = [];
    for (const pellet of world.pellets.values()) {
      const isOwn = pellet.owner === world.slot;
      const at = pelletAt(world, pellet, isOwn ? ahead : shown);
      if (at && !(isOwn && this.#hasHit(at))) seen.push({ id: pellet.id, owner: pellet.owner, ...at });
    }
    this.#ghosts = this.#ghosts.filter((ghost) => ahead - ghost.tick < GHOST_TICKS);
    for (const { tick, x, y, aim } of this.#ghosts) {
      const far = DRONE_RADIUS + Math.max(0, ahead - tick) * PELLET_SPEED;
      const [dx, dy] = [Math.cos(aim), Math.sin(aim)];
      const at = { x: x + dx * far, y: y + dy * far };
      if (!this.#hasHit(at) && rayLength(x, y, dx, dy, far, this.house.segmentsNear(x, y, far + 10, this.#openings(Math.floor(shown)))) >= far) {
        seen.push({ id: 0x10000 + (tick & 0xffff), owner: world.slot, ...at, vx: dx * PELLET_SPEED, vy: dy * PELLET_SPEED });
      }
    }
    return seen;
  }

  /** What flies ahead of the server ends at the furniture that one sees. @param {{x: number, y: number}} at */
  #hasHit(at) {
    return this.world.bodies.some((body) => body !== null && Math.hypot(body.x - at.x, body.y - at.y) < (BODY_RADIUS[body.kind] ?? 20) + PELLET_RADIUS);
  }

  /** @param {number} born */
  #forgetGhost(born) {
    const nth = this.#ghosts.findIndex((ghost) => Math.abs(ghost.tick - born) <= GHOST_SLACK);
    if (nth >= 0) this.#ghosts.splice(nth, 1);
  }

  /** @param {number} tick @param {import("./wire/events.js").Happening} event */
  #queue(tick, event) {
    const { world } = this;
    const mine = world.slot;
    const place = (/** @type {number} */ slot) => {
      const known = slot === mine && world.me ? { x: world.me.x / UNIT, y: world.me.y / UNIT } : world.drones[slot];
      return known ? { x: known.x, y: known.y } : null;
    };
    if (event.what === "hurt") {
      const at = place(event.slot);
      if (at) this.#push(event.slot === mine || event.by === mine ? 0 : tick, { ...event, at });
    } else if (event.what === "captured") {
      const body = world.bodies[event.body];
      this.#push(event.by === mine ? 0 : tick, { ...event, at: body ? { x: body.x, y: body.y } : null });
    } else if (event.what === "rail" && event.by === mine && this.#ownRails.length) {
      this.#ownRails.shift();
    } else if (event.what === "wrecked") {
      const isMine = event.slot === mine || event.by === mine;
      this.#push(isMine ? 0 : tick, { ...event, at: event.at ?? place(event.slot) });
    } else {
      this.#push("by" in event && event.by === mine ? 0 : tick, event);
    }
  }

  /** @param {number} due 0: at once @param {Happening} happening */
  #push(due, happening) {
    this.#due.push({ due, happening });
    if (this.#due.length > DUE_MAX) this.#due.shift();
  }

  /** @param {number} shown @returns {Happening[]} */
  #happenings(shown) {
    const ready = this.#due.filter((one) => one.due <= shown);
    if (ready.length) this.#due = this.#due.filter((one) => one.due > shown);
    return ready.map((one) => one.happening);
  }

  /** @param {number} tick @returns {Map<number, number>} */
  #openings(tick) {
    if (this.#openingsAt !== tick) {
      this.#openingsAt = tick;
      const { openDoors } = this.world;
      this.#openingsNow = this.#arena?.openings(Math.max(0, tick)) ?? new Map(this.house.doors.map(({ index }) => [index, openDoors.has(index) ? DOORWAY / 2 : 0]));
    }
    return this.#openingsNow;
  }

  #openingsAt = -1;
  /** @type {Map<number, number>} */
  #openingsNow = new Map();

  #darkCells() {
    if (this.#darkOf !== this.world.darkRooms) {
      this.#darkOf = this.world.darkRooms;
      this.#dark = new Set();
      for (const [room, { left, top, width, height }] of this.world.introduction.rooms.entries()) {
        if (!this.world.darkRooms.has(room)) continue;
        for (let y = top; y < top + height; y += 1) for (let x = left; x < left + width; x += 1) this.#dark.add(y * CELLS + x);
      }
    }
    return this.#dark;
  }

  /** @type {Set<number> | null} */
  #darkOf = null;
  /** @type {Set<number>} */
  #dark = new Set();

  #gusts() {
    return this.world.gusts.map(({ room, x, y }) => {
      const { left, top } = this.world.introduction.rooms[room] ?? { left: 0, top: 0 };
      return { room: this.house.roomOf[top * CELLS + left] ?? 0, x, y };
    });
  }
}
