//! Plays a recording in the WebAssembly arena: forwards at any speed, and to any place from the nearest keyframe before it.

import { byId, setText } from "../chat/dom.js";
import { ArenaWorld } from "./arena.js";
import { between } from "./between.js";
import { clockText } from "./hud.js";
import { RecordingError, records } from "./recording.js";
import { TICKS_PER_SECOND } from "./scene.js";

/** @typedef {import("./recording.js").Recording} Recording */
/** @typedef {import("./recording.js").Place} Place */
/** @typedef {import("./scene.js").Moment} Moment */
/** @typedef {{buttons: number, aim: number, rewind: number}} Logged */

/** Ticks in a frame at most, so that the page stays alive while it seeks. */
const TICKS_A_FRAME = 240;
/** A recording without keyframes nearby makes its own every so often, in ticks, for seeking back. */
const KEPT_EVERY_TICKS = 300;
const IDLE = Object.freeze({ buttons: 0, aim: 0, rewind: 0 });

/** The match of a recording, at some tick. */
export class ReplayWorld {
  #recording;
  /** @type {ArenaWorld} */
  world;
  /** @type {Map<number, Logged>} */
  #last = new Map();
  #chunk = 0;
  /** @type {Generator<import("./recording.js").Record> | null} */
  #records = null;
  /** @type {import("./recording.js").Keyframe[]} */
  #keyframes;
  /** The first tick whose hash was not what the recording says; 0 if all were. */
  firstFault = 0;
  /** Hashes that were compared. */
  hashes = 0;

  /** @param {import("./arena.js").ArenaModule} module @param {Recording} recording */
  constructor(module, recording) {
    const { about } = recording;
    const arena = about.game === "wreckroom" ? module.begin({ seed: about.seed, playersMax: about.playersMax, options: about.options }) : null;
    if (!arena) throw new RecordingError(`This page cannot play recordings of ${about.game}.`);
    if (about.version !== module.rules) throw new RecordingError(`The recording has version ${about.version} of the rules, this page has version ${module.rules}. If the page is the older one, reload it.`);
    this.#recording = recording;
    this.#keyframes = [...recording.keyframes];
    this.world = new ArenaWorld(arena, about.options[3] ?? 5);
    this.world.look();
  }

  get tick() {
    return this.world.tick;
  }

  get lastTick() {
    return this.#recording.end - 1;
  }

  /** One tick further. @returns {boolean} whether there was one */
  step() {
    if (this.tick >= this.lastTick) return false;
    for (;;) {
      const next = this.#nextRecord();
      if (!next) return false;
      if (next.kind === "join") this.#join(next.place);
      else if (next.kind === "leave") {
        this.world.leave(next.slot);
        this.#last.delete(next.slot);
      } else if (next.kind === "hash") this.#compare(next.hash);
      else {
        for (const { slot, command } of next.changes) this.#last.set(slot, { buttons: command[0] ?? 0, aim: (command[1] ?? 0) | ((command[2] ?? 0) << 8), rewind: command[3] ?? 0 });
        this.world.step(new Map([...this.world.players.keys()].map((slot) => [slot, this.#last.get(slot) ?? IDLE])));
        this.#keep();
        return true;
      }
    }
  }

  /** @param {number} tick Goes to the nearest keyframe before it, unless it is ahead and near. The rest is steps. */
  rewind(tick) {
    const keyframe = this.#keyframes.filter((one) => one.tick - 1 <= tick).sort((a, b) => b.tick - a.tick)[0];
    if (tick >= this.tick && (keyframe?.tick ?? 0) - 1 <= this.tick) return;
    if (keyframe) this.#load(keyframe);
    else this.#restart();
  }

  #restart() {
    this.world.arena.call("arena_new");
    this.world.players.clear();
    this.#last.clear();
    this.#chunk = 0;
    this.#records = null;
    this.world.look();
  }

  /** @param {import("./recording.js").Keyframe & {last?: Map<number, Logged>}} keyframe */
  #load(keyframe) {
    const { arena, players } = this.world;
    arena.bytes.set(keyframe.state);
    if (!arena.call("arena_load", keyframe.state.length)) throw new RecordingError("A keyframe of the recording is no state of its match.");
    players.clear();
    for (const { slot, name, isBot } of keyframe.places) players.set(slot, { slot, name, isBot, colour: 0, isGone: false, score: 0, kills: 0, deaths: 0, captures: 0 });
    this.#last = new Map(keyframe.last ?? []);
    this.#chunk = Math.max(0, this.#recording.ticks.findLastIndex((chunk) => chunk.tick <= keyframe.tick));
    this.#records = null;
    this.#skipTo(keyframe.tick);
    this.world.look();
    for (const drone of this.world.things.drones) Object.assign(players.get(drone.slot) ?? {}, { colour: drone.colour });
  }

  /** A keyframe of our own may lie within a chunk: what came before it in there is done already. @param {number} tick */
  #skipTo(tick) {
    const chunk = this.#recording.ticks[this.#chunk];
    if (!chunk || chunk.tick >= tick) return;
    this.#open(chunk);
    for (let at = chunk.tick; at < tick; ) if (this.#records?.next().value?.kind === "tick") at += 1;
  }

  /** @param {{payload: Uint8Array}} chunk */
  #open(chunk) {
    this.#records = records(chunk.payload, this.#recording.about.commandBytes);
    this.#chunk += 1;
  }

  /** @returns {import("./recording.js").Record | null} */
  #nextRecord() {
    for (;;) {
      const next = this.#records?.next();
      if (next && !next.done) return next.value;
      const chunk = this.#recording.ticks[this.#chunk];
      if (!chunk) return null;
      // A keyframe in the recording forgets what everybody did last, on both sides.
      if (this.#recording.keyframes.some((keyframe) => keyframe.tick === chunk.tick)) this.#last.clear();
      this.#open(chunk);
    }
  }

  /** @param {Place} place */
  #join({ slot, name, isBot, wish }) {
    if (!this.world.join(slot, name, wish[0] ?? -1, isBot)) throw new RecordingError("The recording lets somebody join who cannot.");
    this.#last.set(slot, IDLE);
  }

  /** @param {bigint} hash */
  #compare(hash) {
    const computed = BigInt.asUintN(64, /** @type {bigint} */ (/** @type {unknown} */ (this.world.arena.call("arena_hash"))));
    this.hashes += 1;
    if (computed !== hash && !this.firstFault) this.firstFault = this.tick;
  }

  #keep() {
    const { tick, world } = this;
    if (tick % KEPT_EVERY_TICKS !== 0 || this.#keyframes.some((keyframe) => Math.abs(keyframe.tick - tick) < KEPT_EVERY_TICKS / 2)) return;
    const length = world.arena.call("arena_save");
    if (!length) return;
    const places = [...world.players.values()].map(({ slot, name, isBot }) => ({ slot, name, isBot, wish: new Uint8Array(0) }));
    this.#keyframes.push(/** @type {import("./recording.js").Keyframe} */ ({ tick: tick + 1, places, state: world.arena.bytes.slice(0, length), last: new Map(this.#last) }));
  }
}

/** A recording as a source of moments, with its bar at the bottom of the screen. */
export class ReplaySource {
  slot = -1;
  #replay;
  /** The tick that is wanted, with its fraction. */
  #wanted = 0;
  #speed = 1;
  #isPlaying = true;
  #at = 0;
  /** @type {import("./between.js").Things} */
  #before;
  /** @type {AbortController} */
  #listening = new AbortController();

  /** @param {ReplayWorld} replay */
  constructor(replay) {
    this.#replay = replay;
    this.#before = replay.world.things;
    document.body.classList.add("replaying");
    byId("replay").hidden = false;
    const { signal } = this.#listening;
    const seek = /** @type {HTMLInputElement} */ (byId("replay-seek"));
    seek.max = String(replay.lastTick);
    seek.addEventListener("input", () => {
      this.#wanted = Number(seek.value);
    }, { signal });
    byId("replay-play").addEventListener("click", () => this.#toggle(), { signal });
    byId("replay-speed").addEventListener("change", ({ target }) => {
      this.#speed = Number(/** @type {HTMLSelectElement} */ (target).value);
    }, { signal });
    window.addEventListener("keydown", (event) => {
      if (event.code !== "Space" || (event.target instanceof HTMLElement && event.target.closest("button, input, select, dialog"))) return;
      event.preventDefault();
      this.#toggle();
    }, { signal });
  }

  /** @param {number} now @returns {Moment | null} */
  look(now) {
    const passed = Math.min(0.1, (now - this.#at) / 1000);
    this.#at = now;
    const replay = this.#replay;
    if (this.#isPlaying) this.#wanted = Math.min(replay.lastTick, this.#wanted + passed * TICKS_PER_SECOND * this.#speed);
    const happenings = this.#go();
    const { world } = replay;
    const isThere = world.tick >= Math.ceil(this.#wanted);
    const part = isThere ? 1 - (Math.ceil(this.#wanted) - this.#wanted) : 1;
    this.#paintBar(isThere);
    return {
      ...between(this.#before, world.things, part), happenings,
      house: world.house, tick: this.#wanted, ticksLeft: world.ticksLeft, players: world.players,
      openings: world.openings(), darkCells: world.darkCells(), gusts: world.gusts(), me: null, waits: null, seesAll: true,
    };
  }

  figures() {
    return null;
  }

  exact() {
    return null;
  }

  watch() {}

  close() {
    this.#listening.abort();
    document.body.classList.remove("replaying");
    byId("replay").hidden = true;
  }

  /** @returns {import("./scene.js").Happening[]} of what was stepped over, unless it was a jump */
  #go() {
    const replay = this.#replay;
    const goal = Math.ceil(this.#wanted);
    replay.rewind(goal);
    /** @type {import("./scene.js").Happening[]} */
    let happenings = [];
    for (let n = 0; n < TICKS_A_FRAME && replay.tick < goal; n += 1) {
      this.#before = replay.world.things;
      if (!replay.step()) break;
      happenings.push(...replay.world.happenings);
      if (n > 10) happenings = [];
    }
    return happenings;
  }

  #toggle() {
    this.#isPlaying = !this.#isPlaying;
    if (this.#isPlaying && this.#wanted >= this.#replay.lastTick) this.#wanted = 0;
  }

  /** @param {boolean} isThere */
  #paintBar(isThere) {
    const seek = /** @type {HTMLInputElement} */ (byId("replay-seek"));
    const tick = Math.round(this.#wanted);
    if (Number(seek.value) !== tick) seek.value = String(tick);
    const time = clockText(this.#wanted / TICKS_PER_SECOND);
    setText(byId("replay-time"), `${time} / ${clockText(this.#replay.lastTick / TICKS_PER_SECOND)}`);
    seek.setAttribute("aria-valuetext", time);
    setText(byId("replay-play"), this.#isPlaying ? "Pause" : "Play");
    const { firstFault, hashes } = this.#replay;
    setText(byId("replay-state"), firstFault ? `differs from tick ${firstFault} on` : isThere ? (hashes ? "verified" : "") : "seeking…");
  }
}
