//! Composes a picture of a moment: lists of quads and light, in the order of painting. Painters know nothing of the game.

import { CELL, CELLS, DOORWAY, House, WALL_HALF, doorLeaves } from "./house.js";
import { outline } from "./light.js";
import { DRONE_RADIUS, chance, lightOf } from "./scene.js";
import { SHAPE } from "./shaders.js";

/** @typedef {import("./scene.js").Moment} Moment */
/** @typedef {import("./scene.js").Drone} Drone */
/** @typedef {import("./scene.js").Body} Body */
/** @typedef {readonly [number, number, number]} Rgb */
/** @typedef {{x: number, y: number, scale: number, width: number, height: number}} Camera `scale` is pixels a unit */

/** Floats of a quad: x, y, half width, half height, angle, shape, a, b, red, green, blue, alpha. */
export const QUAD_FLOATS = 12;
const QUADS_START = 1024;
/** Quads in a picture at most; what is beyond it is not drawn. */
const QUADS_MAX = 16_384;
const LIGHT_FLOATS = 8;
const LIGHT_CORNERS_MAX = 120_000;

/** How far eyes see, in units; half of it in the dark. */
export const SIGHT = 820;
export const SIGHT_DARK = 330;

/** The radius of each kind of furniture, in units. */
export const BODY_RADIUS = Object.freeze([26, 26, 18, 36, 18, 26, 18, 36]);

export class Quads {
  floats = new Float32Array(QUADS_START * QUAD_FLOATS);
  count = 0;

  /**
   * @param {number} shape @param {number} x @param {number} y @param {number} halfWidth @param {number} halfHeight
   * @param {number} angle @param {Rgb} rgb @param {number} [alpha] @param {number} [a] @param {number} [b]
   */
  add(shape, x, y, halfWidth, halfHeight, angle, rgb, alpha = 1, a = 0, b = 0) {
    let at = this.count * QUAD_FLOATS;
    if (at === this.floats.length) {
      if (this.count >= QUADS_MAX) return;
      const grown = new Float32Array(this.floats.length * 2);
      grown.set(this.floats);
      this.floats = grown;
    }
    const { floats } = this;
    for (const value of [x, y, halfWidth, halfHeight, angle, shape, a, b, rgb[0], rgb[1], rgb[2], alpha]) {
      floats[at] = value;
      at += 1;
    }
    this.count += 1;
  }
}

/** Outlines of light as triangles. Those from `eyesFrom` on are not light but what eyes can see. */
class Light {
  floats = new Float32Array(6_000 * LIGHT_FLOATS);
  count = 0;
  eyesFrom = 0;

  /** @param {number} x @param {number} y @param {number} radius @param {Rgb} rgb @param {number} strength @param {Float32Array} points */
  add(x, y, radius, rgb, strength, points) {
    const corners = (points.length / 2) * 3;
    if (this.count + corners > LIGHT_CORNERS_MAX) return;
    while ((this.count + corners) * LIGHT_FLOATS > this.floats.length) {
      const grown = new Float32Array(this.floats.length * 2);
      grown.set(this.floats);
      this.floats = grown;
    }
    for (let i = 0; i < points.length; i += 2) {
      const next = (i + 2) % points.length;
      this.#corner(x, y, x, y, radius, rgb, strength);
      this.#corner(points[i] ?? 0, points[i + 1] ?? 0, x, y, radius, rgb, strength);
      this.#corner(points[next] ?? 0, points[next + 1] ?? 0, x, y, radius, rgb, strength);
    }
  }

  /** @param {number} px @param {number} py @param {number} x @param {number} y @param {number} radius @param {Rgb} rgb @param {number} strength */
  #corner(px, py, x, y, radius, rgb, strength) {
    const at = this.count * LIGHT_FLOATS;
    const { floats } = this;
    [floats[at], floats[at + 1], floats[at + 2], floats[at + 3], floats[at + 4]] = [px, py, x, y, radius];
    [floats[at + 5], floats[at + 6], floats[at + 7]] = [rgb[0] * strength, rgb[1] * strength, rgb[2] * strength];
    this.count += 1;
  }
}

export class Picture {
  lit = new Quads();
  glow = new Quads();
  light = new Light();
  /** @type {Camera} */
  camera = { x: 0, y: 0, scale: 1, width: 1, height: 1 };
  eyes = { x: 0, y: 0, radius: SIGHT };
  hasFog = false;
  seconds = 0;
  /** Outlines of lamps, which stay the same until a door nearby moves. @type {Map<import("./house.js").Lamp, {doors: string, points: Float32Array}>} */
  #lampOutlines = new Map();
  /** How bright each room's lamps are: they go out slowly. @type {Map<number, number>} */
  #bright = new Map();
  /** @type {{left: number, right: number, top: number, bottom: number}} */
  #edge = { left: 0, right: 0, top: 0, bottom: 0 };

  /**
   * Begins a picture with all that stands in the house. Effects add to it, then `finish` closes it.
   * @param {Moment} moment
   * @param {Camera} camera
   * @param {number} seconds since any moment, for what flickers
   * @param {number} passed seconds since the last picture
   */
  begin(moment, camera, seconds, passed) {
    this.camera = camera;
    this.seconds = seconds;
    this.lit.count = this.glow.count = this.light.count = 0;
    const [halfWidth, halfHeight] = [camera.width / 2 / camera.scale, camera.height / 2 / camera.scale];
    this.#edge = { left: camera.x - halfWidth, right: camera.x + halfWidth, top: camera.y - halfHeight, bottom: camera.y + halfHeight };
    this.#look(moment);
    this.#dimRooms(moment, passed);
    this.#ground(moment);
    this.#furniture(moment);
    this.#walls(moment);
    this.#shots(moment);
    for (const drone of moment.drones) this.#drone(drone, drone === moment.me);
    this.#lamps(moment);
  }

  /** @param {Moment} moment Closes the picture: fog lies on everything, and eyes see only what walls let them. */
  finish(moment) {
    if (moment.darkCells.size) this.#fog(moment);
    this.light.eyesFrom = this.light.count;
    if (!this.hasFog) return;
    const { x, y, radius } = this.eyes;
    this.light.add(x, y, radius, [0, 0, 0], 0, outline(x, y, radius, moment.house.segmentsNear(x, y, radius, moment.openings)));
  }

  /** @param {number} x @param {number} y @param {number} reach */
  isIn(x, y, reach) {
    return x > this.#edge.left - reach && x < this.#edge.right + reach && y > this.#edge.top - reach && y < this.#edge.bottom + reach;
  }

  /**
   * Light from something that moves.
   * @param {Moment} moment @param {number} x @param {number} y @param {number} radius @param {Rgb} rgb @param {number} strength
   */
  shine(moment, x, y, radius, rgb, strength) {
    if (!this.isIn(x, y, radius) || strength <= 0.01) return;
    this.light.add(x, y, radius, rgb, strength, outline(x, y, radius, moment.house.segmentsNear(x, y, radius, moment.openings)));
  }

  /** @param {Moment} moment */
  #look({ me, darkCells, seesAll }) {
    this.hasFog = me !== null && !seesAll;
    if (!me) {
      this.eyes = { x: this.camera.x, y: this.camera.y, radius: SIGHT };
      return;
    }
    const isDark = darkCells.has(House.cellAt(me.x, me.y));
    this.eyes = { x: me.x, y: me.y, radius: isDark ? SIGHT_DARK : SIGHT };
  }

  /** @param {Moment} moment @param {number} passed */
  #dimRooms({ house, darkCells }, passed) {
    for (const room of house.rooms) {
      const aim = darkCells.has(room.cells[0] ?? -1) ? 0 : 1;
      const now = this.#bright.get(room.id) ?? aim;
      this.#bright.set(room.id, aim > now ? Math.min(aim, now + passed * 2) : Math.max(aim, now - passed));
    }
  }

  /** @param {Moment} moment */
  #ground({ house }) {
    const { lit } = this;
    const { left, right, top, bottom } = this.#edge;
    if (left < 0 || top < 0 || right > house.side || bottom > house.side) {
      lit.add(SHAPE.outside, this.camera.x, this.camera.y, (right - left) / 2, (bottom - top) / 2, 0, [0, 0, 0]);
    }
    for (const cell of this.#cellsInView()) {
      const room = house.rooms[house.roomOf[cell] ?? -1];
      if (!room) continue;
      const [column, row] = [cell % CELLS, Math.floor(cell / CELLS)];
      lit.add(SHAPE.floor, (column + 0.5) * CELL, (row + 0.5) * CELL, CELL / 2, CELL / 2, 0, room.tone, 1, room.style);
    }
    for (const { rug } of house.rooms) {
      if (!rug || !this.isIn(rug.x, rug.y, 160)) continue;
      lit.add(SHAPE.boxShadow, rug.x + 2, rug.y + 3, rug.halfWidth + 3, rug.halfHeight + 3, 0, [0, 0, 0], 0.35, 8);
      lit.add(SHAPE.rug, rug.x, rug.y, rug.halfWidth, rug.halfHeight, 0, rug.tone);
    }
  }

  /** @returns {number[]} */
  #cellsInView() {
    const low = (/** @type {number} */ edge) => Math.max(0, Math.floor(edge / CELL));
    const high = (/** @type {number} */ edge) => Math.min(CELLS - 1, Math.floor(edge / CELL));
    const cells = [];
    for (let row = low(this.#edge.top); row <= high(this.#edge.bottom); row += 1) {
      for (let column = low(this.#edge.left); column <= high(this.#edge.right); column += 1) cells.push(row * CELLS + column);
    }
    return cells;
  }

  /** @param {Moment} moment */
  #furniture(moment) {
    const { lit, glow } = this;
    const seen = moment.bodies.filter((body) => this.isIn(body.x, body.y, 160));
    for (const body of seen) this.#shadow(moment, body.x, body.y, BODY_RADIUS[body.kind] ?? 20, 0.55);
    for (const body of seen) {
      const radius = BODY_RADIUS[body.kind] ?? 20;
      const isCaptured = body.colour >= 0;
      const colour = lightOf(body.colour);
      const size = radius * 1.2;
      lit.add(body.kind, body.x, body.y, size, size, restAngle(body), isCaptured ? colour : [1, 1, 1], 1, isCaptured ? 1 : 0, isCaptured ? 0 : 1 - body.hp / 100);
      if (isCaptured) {
        const pulse = 0.8 + 0.2 * Math.sin(this.seconds * 2.4 + body.id);
        glow.add(SHAPE.glow, body.x, body.y, radius * 2.3, radius * 2.3, 0, colour, 0.3 * pulse);
        glow.add(SHAPE.ring, body.x, body.y, radius + 5, radius + 5, 0, colour, 0.75 * pulse, 2);
        this.shine(moment, body.x, body.y, 150, colour, 0.5 * pulse);
      } else if (body.hp < 100) {
        glow.add(SHAPE.arc, body.x, body.y, radius + 6, radius + 6, 0, [1, 0.85, 0.6], 0.3, 1.8, body.hp / 100);
      }
      if (body.kind === 4 && !isCaptured) {
        this.shine(moment, body.x, body.y, 210, [1, 0.72, 0.4], 0.6 * (body.hp / 100));
        glow.add(SHAPE.glow, body.x, body.y, 34, 34, 0, [1, 0.72, 0.4], 0.35);
      } else if (body.kind === 0 && !isCaptured) {
        this.shine(moment, body.x, body.y, 120, [0.4, 0.6, 1], 0.3 + 0.08 * Math.sin(this.seconds * 9 + body.id));
      }
    }
  }

  /** Falls away from the room's nearest lamp. @param {Moment} moment @param {number} x @param {number} y @param {number} radius @param {number} alpha */
  #shadow({ house }, x, y, radius, alpha) {
    const room = house.roomAt(x, y);
    let [dx, dy, nearest] = [0.4, 0.6, Infinity];
    for (const lamp of room?.lamps ?? []) {
      const far = Math.hypot(x - lamp.x, y - lamp.y);
      if (far < nearest) [dx, dy, nearest] = [(x - lamp.x) / (far + 1), (y - lamp.y) / (far + 1), far];
    }
    const reach = Math.min(14, 4 + nearest * 0.04);
    this.lit.add(SHAPE.shadow, x + dx * reach, y + dy * reach, radius * 1.35 + reach * 0.5, radius * 1.3, Math.atan2(dy, dx), [0, 0, 0], alpha);
  }

  /** @param {Moment} moment */
  #walls({ house, openings }) {
    const { lit } = this;
    const seen = house.walls.filter((wall) => this.isIn((wall.x1 + wall.x2) / 2, (wall.y1 + wall.y2) / 2, Math.max(Math.abs(wall.x2 - wall.x1), Math.abs(wall.y2 - wall.y1)) / 2 + 20));
    const place = (/** @type {import("./house.js").Segment} */ wall) => /** @type {const} */ ([
      (wall.x1 + wall.x2) / 2, (wall.y1 + wall.y2) / 2,
      Math.abs(wall.x2 - wall.x1) / 2 + WALL_HALF, Math.abs(wall.y2 - wall.y1) / 2 + WALL_HALF,
    ]);
    for (const wall of seen) {
      const [x, y, halfWidth, halfHeight] = place(wall);
      lit.add(SHAPE.boxShadow, x + 4, y + 7, halfWidth + 12, halfHeight + 12, 0, [0, 0, 0], 0.6, 14);
    }
    for (const door of house.doors) {
      if (!this.isIn(door.x, door.y, DOORWAY)) continue;
      for (const leaf of doorLeaves(door, openings.get(door.index) ?? 0)) {
        const half = Math.hypot(leaf.x2 - leaf.x1, leaf.y2 - leaf.y1) / 2;
        const [x, y, angle] = [(leaf.x1 + leaf.x2) / 2, (leaf.y1 + leaf.y2) / 2, door.isUpright ? Math.PI / 2 : 0];
        lit.add(SHAPE.boxShadow, x + 3, y + 5, half + 8, 12, angle, [0, 0, 0], 0.5, 10);
        lit.add(SHAPE.door, x, y, half, 4.5, angle, [0.5, 0.3, 0.17]);
      }
    }
    for (const wall of seen) {
      const [x, y, halfWidth, halfHeight] = place(wall);
      lit.add(SHAPE.wall, x, y, halfWidth, halfHeight, 0, [0.2, 0.21, 0.27]);
    }
    for (const window of house.windows) {
      if (this.isIn(window.x, window.y, 60)) lit.add(SHAPE.window, window.x, window.y, 42, 4, window.angle + Math.PI / 2, [1, 1, 1]);
    }
  }

  /** @param {Moment} moment */
  #shots(moment) {
    const { lit, glow } = this;
    for (const pellet of moment.pellets) {
      if (!this.isIn(pellet.x, pellet.y, 80)) continue;
      const colour = lightOf(moment.players.get(pellet.owner)?.colour ?? -1);
      const angle = Math.atan2(pellet.vy, pellet.vx);
      const [back, half] = [22, 30];
      glow.add(SHAPE.glow, pellet.x, pellet.y, 26, 26, 0, colour, 0.35);
      glow.add(SHAPE.tracer, pellet.x - Math.cos(angle) * back, pellet.y - Math.sin(angle) * back, half, 4.5, angle, colour);
    }
    for (const grenade of moment.grenades) {
      if (!this.isIn(grenade.x, grenade.y, 80)) continue;
      const colour = lightOf(moment.players.get(grenade.owner)?.colour ?? -1);
      this.#shadow(moment, grenade.x, grenade.y, 10, 0.6);
      lit.add(SHAPE.grenade, grenade.x, grenade.y, 14, 14, 0, colour, 1, grenade.fuse);
      glow.add(SHAPE.glow, grenade.x, grenade.y, 30, 30, 0, colour, grenade.fuse < 20 && Math.floor(this.seconds * 16) % 2 ? 0.9 : 0.35);
    }
  }

  /** @param {Drone} drone @param {boolean} isMe */
  #drone(drone, isMe) {
    if (drone.hp <= 0 || !this.isIn(drone.x, drone.y, 90)) return;
    const { lit, glow } = this;
    const colour = lightOf(drone.colour);
    const size = DRONE_RADIUS * 1.35;
    lit.add(SHAPE.shadow, drone.x + 5, drone.y + 9, 23, 20, 0, [0, 0, 0], 0.6);
    lit.add(SHAPE.drone, drone.x, drone.y, size, size, drone.aim, colour);
    glow.add(SHAPE.glow, drone.x, drone.y, 52, 52, 0, colour, isMe ? 0.5 : 0.38);
    if (drone.dash > 0) {
      const speed = Math.hypot(drone.vx, drone.vy) || 1;
      const angle = Math.atan2(drone.vy, drone.vx);
      glow.add(SHAPE.tracer, drone.x - (drone.vx / speed) * 45, drone.y - (drone.vy / speed) * 45, 62, 17, angle, colour, 0.8);
    }
    if (drone.shield > 0) glow.add(SHAPE.shield, drone.x, drone.y, 34, 34, 0, colour, Math.min(1, drone.shield / 20) * 0.6);
    if (!isMe && drone.hp < 100) glow.add(SHAPE.arc, drone.x, drone.y, 26, 26, 0, [0.75, 0.85, 0.9], 0.6, 2.5, drone.hp / 100);
    if (isMe) glow.add(SHAPE.arc, drone.x, drone.y, 29, 29, 0, drone.hp > 35 ? [0.6, 1, 0.75] : [1, 0.35, 0.3], 0.55, 3, drone.hp / 100);
  }

  /** @param {Moment} moment */
  #lamps(moment) {
    const { house, openings } = moment;
    for (const room of house.rooms) {
      const bright = this.#bright.get(room.id) ?? 1;
      if (bright < 0.02) continue;
      // A lamp that is about to go out, or came back just now, flickers.
      const flicker = bright < 1 && chance(Math.floor(this.seconds * 18) + room.id) < 0.4 ? 0.3 : 1;
      for (const lamp of room.lamps) {
        if (!this.isIn(lamp.x, lamp.y, lamp.radius)) continue;
        const points = this.#lampOutline(lamp, house, openings);
        this.light.add(lamp.x, lamp.y, lamp.radius, lamp.colour, 0.62 * bright * flicker, points);
      }
    }
    for (const { x, y, angle } of house.windows) if (this.isIn(x, y, 330)) this.#moonlight(x, y, angle);
    for (const drone of moment.drones) {
      if (drone.hp <= 0) continue;
      const isMe = drone === moment.me;
      this.shine(moment, drone.x, drone.y, isMe ? 250 : 150, isMe ? softer(lightOf(drone.colour)) : lightOf(drone.colour), isMe ? 0.42 : 0.36);
    }
  }

  /** @param {import("./house.js").Lamp} lamp @param {House} house @param {ReadonlyMap<number, number>} openings @returns {Float32Array} */
  #lampOutline(lamp, house, openings) {
    const { x, y, radius } = lamp;
    const doors = house.doorsNear(x, y, radius).map((door) => Math.round(openings.get(door.index) ?? 0)).join();
    const known = this.#lampOutlines.get(lamp);
    if (known?.doors === doors) return known.points;
    const points = outline(x, y, radius, house.segmentsNear(x, y, radius, openings));
    this.#lampOutlines.set(lamp, { doors, points });
    return points;
  }

  /** A slanted patch of cold light on the floor below a window. @param {number} x @param {number} y @param {number} angle */
  #moonlight(x, y, angle) {
    const [dx, dy] = [Math.cos(angle), Math.sin(angle)];
    const corner = (/** @type {number} */ along, /** @type {number} */ across) => [x + dx * along - dy * across, y + dy * along + dx * across];
    const points = Float32Array.from([corner(4, -42), corner(4, 42), corner(250, 118), corner(250, 4)].flat());
    this.light.add(x + dx * 20, y + dy * 20, 290, [0.3, 0.42, 0.75], 0.55, points);
  }

  /** @param {Moment} moment */
  #fog({ darkCells, house }) {
    for (const cell of this.#cellsInView()) {
      if (!darkCells.has(cell)) continue;
      const thick = 1 - (this.#bright.get(house.roomOf[cell] ?? -1) ?? 0);
      const [x, y] = [((cell % CELLS) + 0.5) * CELL, (Math.floor(cell / CELLS) + 0.5) * CELL];
      this.lit.add(SHAPE.fog, x, y, CELL / 2, CELL / 2, 0, [0, 0, 0], thick);
    }
  }
}

/** @param {Rgb} rgb @returns {Rgb} nearer to white */
const softer = ([red, green, blue]) => [red * 0.5 + 0.5, green * 0.5 + 0.48, blue * 0.5 + 0.45];

/** Furniture has no direction in the simulation; each piece is given one, and turns a little as it slides. @param {Body} body */
function restAngle(body) {
  const quarter = Math.floor(chance(body.id + 17) * 4) * (Math.PI / 2);
  return quarter + (chance(body.id + 3) - 0.5) * 0.3 + (body.x + body.y * 0.7) * 0.006 * (body.id % 2 ? 1 : -1);
}
