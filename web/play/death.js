//! "Why did I die": what the server judged when it wrecked one's drone, drawn from its events. A rail is judged where its
//! shooter saw one, a little in the past; the server tells that place, and the picture shows both.

import { byId, setText } from "../chat/dom.js";
import { DRONE_RADIUS, TICK_MS, TICKS_PER_SECOND, WEAPONS, inkOf } from "./scene.js";

/** @typedef {import("./scene.js").Moment} Moment */
/** @typedef {import("./scene.js").Point} Point */
/** @typedef {{tick: number, x: number, y: number}} Mark */
/** @typedef {{by: number, hp: number, seen: import("./scene.js").Seen | null}} Hurt */
/** @typedef {{by: number, from: Point, to: Point, tick: number}} Beam */

/** How much of one's own way is kept, in ticks. */
const KEPT_TICKS = 30;
/** How much of the way of whoever did it is drawn. */
const SHOWN_TICKS = 18;

export class DeathView {
  /** @type {Mark[]} */
  #way = [];
  /** @type {Map<number, Mark[]>} */
  #others = new Map();
  /** @type {Hurt[]} */
  #hurts = [];
  /** @type {Beam[]} */
  #beams = [];

  /**
   * @param {Moment} moment
   * @param {Mark | null} exact one's own drone as the server has it; null for the one that is shown
   * @param {number} slot one's own
   */
  update(moment, exact, slot) {
    const tick = Math.round(moment.tick);
    const me = moment.me;
    if (me && me.hp > 0) this.#remember(this.#way, exact ?? { tick, x: me.x, y: me.y });
    for (const drone of moment.drones) {
      const way = this.#others.get(drone.slot) ?? [];
      this.#others.set(drone.slot, way);
      this.#remember(way, { tick, x: drone.x, y: drone.y });
    }
    for (const one of moment.happenings) {
      if (one.what === "rail") keep(this.#beams, { by: one.by, from: one.from, to: one.to, tick });
      if (one.what === "hurt" && one.slot === slot) keep(this.#hurts, { by: one.by, hp: one.hp, seen: one.seen });
      if (one.what === "wrecked" && one.slot === slot) this.#open(moment, one.by, one.weapon, one.at ?? me, slot);
      if (one.what === "returned" && one.slot === slot) this.close();
    }
    if (byId("death").hidden) return;
    const wait = me?.respawn ?? 0;
    if (me && me.hp > 0) this.close();
    else setText(byId("death-wait"), wait > 0 ? `Back in ${(wait / TICKS_PER_SECOND).toFixed(1)} s` : "Coming back…");
  }

  close() {
    byId("death").hidden = true;
    this.#hurts = [];
  }

  /** @param {Mark[]} way @param {Mark} mark */
  #remember(way, mark) {
    if (way.at(-1)?.tick === mark.tick) way.pop();
    way.push(mark);
    while (way.length > KEPT_TICKS) way.shift();
  }

  /** @param {Moment} moment @param {number} by @param {number} weapon @param {Point | null} at @param {number} slot */
  #open(moment, by, weapon, at, slot) {
    const wrecker = moment.players.get(by);
    const name = by === slot ? "yourself" : (wrecker?.name ?? "somebody");
    byId("death").hidden = false;
    setText(byId("death-text"), by === slot ? "You wrecked yourself." : `${name} wrecked you with a ${WEAPONS[weapon] ?? "hit"}.`);
    const sum = new Map();
    for (const hurt of this.#hurts) sum.set(hurt.by, (sum.get(hurt.by) ?? 0) + hurt.hp);
    const beam = weapon === 1 ? this.#beams.findLast((one) => one.by === by) : undefined;
    const place = at ?? this.#way.at(-1) ?? null;
    const judged = weapon === 1 ? judgement(this.#hurts, by) : null;
    const shares = [...sum].map(([other, hp]) => `${hp} by ${moment.players.get(other)?.name ?? "somebody"}`).join(", ");
    const caption = judged ? judgementText(judged, name) : "Your way through the last second, and who did what.";
    setText(byId("death-caption"), shares ? `${caption} Damage: ${shares}.` : caption);
    if (place) this.#draw(moment, place, by, beam, judged);
  }

  /** @param {Moment} moment @param {Point} at @param {number} by @param {Beam | undefined} beam @param {import("./scene.js").Seen | null} judged */
  #draw(moment, at, by, beam, judged) {
    const canvas = /** @type {HTMLCanvasElement} */ (byId("death-view"));
    const density = Math.min(2, window.devicePixelRatio || 1);
    canvas.width = canvas.clientWidth * density;
    canvas.height = canvas.clientHeight * density;
    const context = canvas.getContext("2d");
    if (!context) return;
    const way = this.#others.get(by)?.slice(-SHOWN_TICKS) ?? [];
    const points = [at, ...this.#way.slice(-12), ...way.slice(-1), ...(beam ? [beam.from] : []), ...(judged ? [judged] : [])];
    const scale = fit(context, canvas, points);
    context.strokeStyle = "rgb(160 176 216 / 0.7)";
    context.lineWidth = 12;
    context.lineCap = "butt";
    context.beginPath();
    for (const { x1, y1, x2, y2 } of moment.house.walls) {
      context.moveTo(x1, y1);
      context.lineTo(x2, y2);
    }
    context.stroke();
    const mine = inkOf(moment.me?.colour ?? -1);
    const theirs = inkOf(moment.players.get(by)?.colour ?? -1);
    trail(context, this.#way.slice(-15), mine, scale);
    if (by !== moment.me?.slot) trail(context, way, theirs, scale);
    if (beam) {
      context.strokeStyle = theirs;
      context.lineWidth = 3 / scale;
      context.beginPath();
      context.moveTo(beam.from.x, beam.from.y);
      context.lineTo(beam.to.x, beam.to.y);
      context.stroke();
    }
    circle(context, at, mine, 2.5 / scale, []);
    if (judged && judged.back > 0) circle(context, judged, "#ffffff", 2 / scale, [5 / scale, 4 / scale]);
    const last = beam?.from ?? way.at(-1);
    if (last && by !== moment.me?.slot) circle(context, last, theirs, 2.5 / scale, []);
    context.fillStyle = "#eef2fb";
    context.font = `600 ${12 * density / scale}px system-ui, sans-serif`;
    context.textAlign = "center";
    context.fillText("you", at.x, at.y + DRONE_RADIUS + (14 * density) / scale);
    if (last && by !== moment.me?.slot) context.fillText(moment.players.get(by)?.name ?? "", last.x, last.y + DRONE_RADIUS + (14 * density) / scale);
  }
}

/** @param {readonly Hurt[]} hurts the latest last @param {number} by @returns {import("./scene.js").Seen | null} where their rail found one */
export function judgement(hurts, by) {
  return hurts.findLast((hurt) => hurt.by === by && hurt.seen !== null)?.seen ?? null;
}

/** @param {import("./scene.js").Seen} judged @param {string} name @returns {string} what the server did, as a sentence */
export function judgementText({ back }, name) {
  if (back === 0) return `The server judged the rail where you were when ${name} fired.`;
  return `The server judged the rail where ${name} saw you: ${Math.round(back * TICK_MS)} ms earlier, at the dashed circle.`;
}

/** @template T @param {T[]} list @param {T} one */
function keep(list, one) {
  list.push(one);
  if (list.length > KEPT_TICKS) list.shift();
}

/** @param {CanvasRenderingContext2D} context @param {HTMLCanvasElement} canvas @param {readonly Point[]} points @returns {number} pixels a unit */
function fit(context, { width, height }, points) {
  const [xs, ys] = [points.map((point) => point.x), points.map((point) => point.y)];
  const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const scale = Math.min(width / (right - left + 160), height / (bottom - top + 120), 2.4);
  context.setTransform(scale, 0, 0, scale, width / 2 - ((left + right) / 2) * scale, height / 2 - ((top + bottom) / 2) * scale);
  return scale;
}

/** @param {CanvasRenderingContext2D} context @param {readonly Mark[]} way @param {string} ink @param {number} scale */
function trail(context, way, ink, scale) {
  context.fillStyle = ink;
  way.forEach(({ x, y }, i) => {
    context.globalAlpha = 0.15 + (0.6 * i) / way.length;
    context.beginPath();
    context.arc(x, y, 3.2 / scale, 0, 2 * Math.PI);
    context.fill();
  });
  context.globalAlpha = 1;
}

/** @param {CanvasRenderingContext2D} context @param {Point} at @param {string} ink @param {number} width @param {number[]} dashes */
function circle(context, { x, y }, ink, width, dashes) {
  context.strokeStyle = ink;
  context.lineWidth = width;
  context.setLineDash(dashes);
  context.beginPath();
  context.arc(x, y, DRONE_RADIUS, 0, 2 * Math.PI);
  context.stroke();
  context.setLineDash([]);
}
