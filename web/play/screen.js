//! The screen of a match: takes moments from a source (network, demo, recording), shows them, and hands back what the
//! person does. One loop, at the rate of the display.

import { byId } from "../chat/dom.js";
import { DeathView } from "./death.js";
import { House } from "./house.js";
import { Hud } from "./hud.js";
import { Input } from "./input.js";
import { Touch } from "./touch.js";
import { Watch } from "./watch.js";

/** @typedef {import("./scene.js").Moment} Moment */
/** @typedef {import("./scene.js").Command} Command */
/**
 * Where moments come from.
 * @typedef {object} Source
 * @property {number} slot of the person, -1 for a spectator
 * @property {(now: number, command: () => Command, aim: number) => Moment | null} look null until there is something to see
 * @property {() => import("./hud.js").Figures | null} figures
 * @property {() => {tick: number, x: number, y: number} | null} exact one's own drone as the server has it
 * @property {(what: {slot: number} | {x: number, y: number} | null) => void} watch
 * @property {number | null} [watched] whom the server shows to a spectator
 * @property {() => void} close
 */

/** What moves behind the lobby is drawn less often: nobody plays it. */
const BACKDROP_MS = 40;

export class MatchScreen {
  #show;
  #sound;
  #surface;
  hud = new Hud();
  #input;
  #watch;
  #death = new DeathView();
  /** @type {Source | null} */
  #source = null;
  #isBackdrop = false;
  #drawnAt = 0;
  /** Ticks and frames, for tests. */
  frames = 0;
  /** @type {Moment | null} */
  moment = null;

  /** @param {import("./show.js").Show} show @param {import("./sound.js").Sound} sound @param {HTMLElement} surface */
  constructor(show, sound, surface) {
    this.#show = show;
    this.#sound = sound;
    this.#surface = surface;
    this.#input = new Input(surface);
    this.#input.touch = new Touch(surface);
    this.#watch = new Watch(show.camera, surface);
    this.#watch.onWatch = (what) => this.#source?.watch(what);
    this.hud.onLastSecond = () => sound.beep(880);
    const loop = (/** @type {number} */ now) => {
      requestAnimationFrame(loop);
      this.#frame(now);
    };
    requestAnimationFrame(loop);
  }

  /**
   * Also for a source that goes on after a pause, maybe with another slot: that one is not closed.
   * @param {Source} source @param {{isBackdrop?: boolean}} [how] a backdrop has no controls and no sound
   */
  run(source, { isBackdrop = false } = {}) {
    if (source !== this.#source) this.stop();
    this.#source = source;
    this.#isBackdrop = isBackdrop;
    this.#watch.isOn = source.slot < 0 && !isBackdrop;
    this.#input.isOn = source.slot >= 0 && !isBackdrop;
    document.body.classList.toggle("playing", source.slot >= 0 && !isBackdrop);
    this.hud.clear();
    if (!isBackdrop) this.#input.touch?.showIfOnlyTouch();
  }

  stop() {
    this.#source?.close();
    this.#source = null;
    this.#input.isOn = false;
    this.#watch.isOn = false;
    this.#death.close();
    this.moment = null;
    document.body.classList.remove("playing");
  }

  /** Whether keys steer the drone: not while a dialog is open. @param {boolean} isOn */
  set isSteered(isOn) {
    this.#input.isOn = isOn && this.#source !== null && this.#source.slot >= 0 && !this.#isBackdrop;
  }

  /** Whether somebody flies a drone here: then Tab is for scores, and Escape leads to everything else. */
  get isSteering() {
    return this.#source !== null && this.#source.slot >= 0 && !this.#isBackdrop;
  }

  /** Where the drone is, on the canvas's element: for tests, and for whoever looks with the browser's tools. @param {Moment} moment @param {number} slot */
  #tell({ tick, me, darkCells, players, drones }, slot) {
    const { dataset } = this.#surface;
    dataset.tick = rounded(tick);
    dataset.slot = String(slot);
    dataset.drones = String(drones.length);
    if (!me) return;
    [dataset.x, dataset.y, dataset.hp] = [rounded(me.x), rounded(me.y), rounded(me.hp)];
    dataset.points = String(players.get(slot)?.score ?? 0);
    dataset.dark = String(darkCells.has(House.cellAt(me.x, me.y)));
  }

  /** @param {number} now */
  #frame(now) {
    const source = this.#source;
    if (!source || (this.#isBackdrop && now - this.#drawnAt < BACKDROP_MS)) return;
    this.#drawnAt = now;
    const { camera } = this.#show;
    const { density } = this.#show;
    const last = this.moment?.me;
    const middle = last
      ? { x: ((last.x - camera.x) * camera.scale + camera.width / 2) / density, y: ((last.y - camera.y) * camera.scale + camera.height / 2) / density }
      : null;
    this.#input.update(middle, now);
    const moment = source.look(now, () => this.#input.command(), this.#input.aim);
    if (!moment) return;
    this.moment = moment;
    this.frames += 1;
    const target = moment.me && source.slot >= 0 ? moment.me : this.#watch.target(moment, now, source.watched ?? null);
    const watched = source.slot < 0 && target && !this.#isBackdrop && !moment.seesAll ? { ...moment, me: target } : moment;
    const isAiming = source.slot >= 0 && !this.#isBackdrop && moment.me !== null && moment.me.hp > 0;
    const pointer = isAiming && !this.#input.touch?.isOn ? this.#input.pointer : null;
    this.#show.paint(watched, target, { reach: isAiming ? this.#input.reach : 0, pointer }, now);
    if (this.#isBackdrop) return;
    this.hud.update(moment, source.slot, camera, source.figures(), this.#show.frames, now);
    if (source.slot >= 0) this.#death.update(moment, source.exact(), source.slot);
    this.#sound.notice(moment, target ?? camera);
    this.#tell(moment, source.slot);
  }
}

/** Rounded, so that the page is not changed in each frame for nothing. @param {number} value */
const rounded = (value) => String(Math.round(value));

/** @param {string} id of a dialog @returns {HTMLDialogElement} */
export const dialog = (id) => /** @type {HTMLDialogElement} */ (byId(id));
