//! A match on a server: brings together the connection, the clocks, what was told and what is predicted, as a source of
//! moments for the screen.

import { ArenaPredictor, options } from "./arena.js";
import { Clock } from "./clock.js";
import { Connection, sentAt } from "./connection.js";
import { Interpolation } from "./interpolation.js";
import { Prediction } from "./prediction.js";
import { TICKS_PER_SECOND, UNIT, radians } from "./scene.js";
import { keepResume, keptResume } from "./settings.js";
import { Told } from "./told.js";
import { COMMANDS_MAX, encodeInput, encodeWatch } from "./wire.js";

/** @typedef {import("./wire.js").ServerMessage} ServerMessage */
/** @typedef {import("./scene.js").Player} Player */
/** @typedef {Parameters<ArenaPredictor["restore"]>[1]} Exact */

/** A spectator of a free camera says where it looks so often at most. */
const WATCH_MS = 250;
/** The figures of bytes and corrections are of the latest so many seconds. */
const WINDOW_S = 5;
const RARE_FRAMES_MS = 60;
/** Snapshots of so many ticks are acknowledged without waiting for an input. */
const ACKNOWLEDGED_TICKS = 2;
const SPECTATOR = 255;

export class OnlineMatch {
  slot = -1;
  #match;
  #connection;
  #module;
  #isSpectator;
  /** @type {Told | null} */
  #told = null;
  /** @type {Clock | null} */
  #clock = null;
  /** @type {Interpolation | null} */
  #interpolation = null;
  /** @type {Prediction<Exact> | null} */
  #prediction = null;
  /** The tick of the latest command that was sent. */
  #sent = 0;
  #inputTick = 0;
  #acknowledged = 0;
  #lookedAt = 0;
  #watchedAt = 0;
  #isSeen = false;
  #speed = 100;
  #cost = 0;
  /** @type {{at: number, bytes: number, corrections: number}[]} */
  #history = [];
  /** @param {string} _text what is wrong at the moment; empty if nothing is */
  onState = (_text) => {};
  /** @param {Player[]} _ranked the best first @param {number} _teams 0 where each plays alone */
  onEnd = (_ranked, _teams) => {};
  /** @param {string} _why it is over without an end of the match */
  onClosed = (_why) => {};
  /** @param {string} _text what to do, if the server plays by other rules than this page; empty if it does not */
  onRules = (_text) => {};
  /** There is something to see. */
  onReady = () => {};

  /**
   * @param {string} match
   * @param {{name: string, colour: number, isSpectator: boolean, token: string}} person
   * @param {import("./arena.js").ArenaModule | null} module null: nothing is predicted
   */
  constructor(match, { name, colour, isSpectator, token }, module) {
    this.#match = match;
    this.#module = module;
    this.#isSpectator = isSpectator;
    const url = new URL(`/v1/match/${encodeURIComponent(match)}`, location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const resume = isSpectator ? "" : keptResume(match);
    const hello = { name: name || "Spectator", colour: isSpectator ? null : colour, spectate: isSpectator, token };
    this.#connection = new Connection(url.href, resume ? { ...hello, resume: fromHex(resume) } : hello);
    this.#connection.onMessage = (message, now) => this.#hear(message, now);
    this.#connection.onPhase = (phase, reason) => {
      if (phase === "waiting") this.onState(reason);
      else if (phase === "open") this.onState("");
      else if (phase === "closed") this.onClosed(reason);
    };
  }

  open() {
    this.#connection.open();
  }

  close() {
    this.#connection.onPhase = () => {};
    this.#connection.close(false);
  }

  /** Gives the place up: somebody else may have it at once. */
  leave() {
    keepResume(this.#match, "");
    this.#connection.onPhase = () => {};
    this.#connection.close(true);
  }

  /** Whom the server shows to a spectator. @returns {number | null} */
  get watched() {
    return this.#told?.world.watched ?? null;
  }

  /** @param {number} now @param {() => import("./scene.js").Command} command @param {number} aim */
  look(now, command, aim) {
    const [told, clock, interpolation] = [this.#told, this.#clock, this.#interpolation];
    if (!told || !clock || !interpolation || !this.#isSeen) return null;
    const shown = Math.max(1, interpolation.advance(now));
    this.#inputTick = clock.inputTick(now);
    if (this.slot >= 0) this.#act(Math.floor(this.#inputTick), shown, command);
    // Usually inputs acknowledge on the way. If there are none for a while, the server would wait.
    if (told.world.tick > this.#acknowledged + ACKNOWLEDGED_TICKS) this.#acknowledge();
    const passed = Math.min(0.1, (now - this.#lookedAt) / 1000);
    this.#lookedAt = now;
    const predicted = this.#prediction?.show(this.#inputTick, aim, now) ?? null;
    return told.moment(shown, this.#inputTick, predicted, passed);
  }

  /** @returns {import("./hud.js").Figures | null} */
  figures() {
    const [clock, interpolation] = [this.#clock, this.#interpolation];
    if (!clock || !interpolation) return null;
    const now = performance.now();
    const corrections = this.#prediction?.corrections ?? 0;
    this.#history.push({ at: now, bytes: this.#connection.received, corrections });
    while ((this.#history[0]?.at ?? now) < now - WINDOW_S * 1000) this.#history.shift();
    const first = this.#history[0];
    const seconds = Math.max(1, (now - (first?.at ?? now)) / 1000);
    return {
      rtt: clock.rtt, delay: interpolation.delay, gaps: (100 * interpolation.skipped) / Math.max(1, interpolation.ticks),
      bytes: (this.#connection.received - (first?.bytes ?? 0)) / seconds,
      error: this.#prediction?.error ?? 0, corrections: Math.round(((corrections - (first?.corrections ?? 0)) / seconds) * 60),
      margin: clock.margin, cost: this.#cost, speed: this.#speed,
    };
  }

  /** @returns {{tick: number, x: number, y: number} | null} */
  exact() {
    const world = this.#told?.world;
    return world?.me ? { tick: world.tick, x: world.me.x / UNIT, y: world.me.y / UNIT } : null;
  }

  /** @param {{slot: number} | {x: number, y: number} | null} what */
  watch(what) {
    const now = performance.now();
    if (what && "x" in what && now - this.#watchedAt < WATCH_MS) return;
    this.#watchedAt = now;
    this.#connection.send(encodeWatch(what));
  }

  /** @param {ServerMessage} message @param {number} now */
  #hear(message, now) {
    switch (message.type) {
      case "welcome": return this.#begin(message, now);
      case "snapshot": return this.#snapshot(message, now);
      case "pong": return this.#clock?.pong(sentAt(message.time, now), now, message.tick + message.phase);
      case "roster": return this.#told?.enlist(message.entries);
      case "notice": return this.onState(message.text);
      case "end": return this.#end(message);
    }
  }

  /** @param {import("./wire.js").Welcome} welcome @param {number} now */
  #begin(welcome, now) {
    this.slot = welcome.slot === SPECTATOR ? -1 : welcome.slot;
    if (!this.#isSpectator) keepResume(this.#match, toHex(welcome.resume));
    this.onRules(otherRules(welcome.simulation, this.#module?.rules ?? welcome.simulation));
    const first = new Told(welcome, null);
    const arena = this.slot >= 0 ? this.#simulate(welcome, first) : null;
    this.#told = arena ? new Told(welcome, arena) : first;
    this.#clock = new Clock(welcome.rate, welcome.tick, now);
    this.#interpolation = new Interpolation(1000 / welcome.rate);
    this.#prediction = arena ? new Prediction(new ArenaPredictor(arena, this.slot)) : null;
    if (this.#prediction) this.#prediction.onFired = (weapon, tick, at, aim) => this.#told?.fired(weapon, tick, at, radians(aim));
    this.#sent = this.#acknowledged = 0;
    this.#isSeen = false;
    this.#history = [];
  }

  /**
   * The simulation, if it is the server's: of the same version, and it must build the same house.
   * @param {import("./wire.js").Welcome} welcome @param {Told} told @returns {import("./arena.js").Arena | null}
   */
  #simulate(welcome, { house, world }) {
    const { playersMax, bodies, minutes, teams } = world.introduction;
    if (welcome.rate !== TICKS_PER_SECOND || welcome.simulation !== this.#module?.rules) return null;
    const arena = this.#module.begin({ seed: welcome.seed, playersMax, options: options(bodies, minutes, teams) });
    const isSame = arena !== null && arena.house.isLike(house);
    if (arena && !isSame) console.warn("The server plays by other rules than this page knows: nothing is predicted.");
    return isSame ? arena : null;
  }

  /** @param {import("./wire.js").Snapshot} snapshot @param {number} now */
  #snapshot(snapshot, now) {
    const [told, clock, interpolation] = [this.#told, this.#clock, this.#interpolation];
    if (!told || !clock || !interpolation) return;
    told.apply(snapshot);
    [this.#speed, this.#cost] = [snapshot.speed, snapshot.cost];
    clock.pace(snapshot.speed, now);
    interpolation.pace(snapshot.speed);
    interpolation.arrived(snapshot.tick, now);
    if (snapshot.applied) clock.arrived(snapshot.margin);
    const own = told.own();
    if (own) this.#prediction?.reconcile(snapshot.tick, own, Math.max(this.#sent, snapshot.tick), now);
    // Nothing is drawn while the page is hidden, and spectators do nothing: then nobody else acknowledges.
    // The same if frames are so rare that the server would wait for them.
    if (this.slot < 0 || document.hidden || now - this.#lookedAt > RARE_FRAMES_MS) this.#acknowledge();
    if (this.#isSeen) return;
    this.#isSeen = true;
    this.onReady();
  }

  #acknowledge() {
    const world = this.#told?.world;
    if (!world) return;
    this.#acknowledged = world.tick;
    this.#connection.send(encodeInput({ acknowledged: world.tick, view: 0, first: 0, commands: [] }));
  }

  /** Sends what one does, one command a tick. @param {number} tick @param {number} shown @param {() => import("./scene.js").Command} command */
  #act(tick, shown, command) {
    const world = this.#told?.world;
    if (!world || tick <= this.#sent) return;
    // At the beginning there is no earlier tick to act in, and after a pause only the latest matter: the others are over.
    const first = this.#sent ? Math.max(this.#sent + 1, tick - COMMANDS_MAX + 1) : tick;
    const commands = [];
    for (let at = first; at <= tick; at += 1) {
      const one = command();
      commands.push(one);
      this.#prediction?.command(at, one);
    }
    this.#sent = tick;
    this.#acknowledged = world.tick;
    this.#connection.send(encodeInput({ acknowledged: world.tick, view: Math.max(0, Math.round(shown * 8)), first, commands }));
  }

  /** @param {import("./wire.js").End} end */
  #end({ ranking }) {
    keepResume(this.#match, "");
    this.#connection.onPhase = () => {};
    const ranked = ranking.map(({ slot, points, kills, deaths, captures }) => {
      const player = this.#told?.players.get(slot);
      return { slot, name: player?.name ?? "Somebody", colour: player?.colour ?? 0, isBot: player?.isBot ?? false, isGone: player?.isGone ?? true, score: points, kills, deaths, captures };
    });
    this.onEnd(ranked, this.#told?.world.introduction.teams ?? 0);
  }
}

/** @param {number} server @param {number} page versions of the rules @returns {string} */
export function otherRules(server, page) {
  if (server === page) return "";
  return `This match has version ${server} of the rules, your page has version ${page}: your drone answers late. Reload the page; it comes back into its drone.`;
}

/** @param {Uint8Array} bytes */
const toHex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
/** @param {string} hex */
const fromHex = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
