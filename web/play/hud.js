//! What lies over the picture: health, weapons, clock, leaders, scoreboard, what happened, and figures of the network.

import { byId, make, setText } from "../chat/dom.js";
import { Minimap } from "./minimap.js";
import { COLOURS, KINDS, TICKS_PER_SECOND, WAIT, WEAPONS } from "./scene.js";

/** @typedef {import("./scene.js").Moment} Moment */
/** @typedef {import("./scene.js").Player} Player */
/**
 * Figures of the network; null where there is none.
 * @typedef {object} Figures
 * @property {number} rtt milliseconds
 * @property {number} delay how far in the past others are shown, in milliseconds
 * @property {number} gaps ticks in a hundred for which no snapshot came
 * @property {number} bytes a second
 * @property {number} error of the prediction when it was wrong last, in units
 * @property {number} corrections a minute
 * @property {number} margin how many ticks before its tick an input arrives
 * @property {number} cost of a tick, in percent of its time
 * @property {number} speed of the match, in percent
 */

const FEED_MAX = 6;
const FEED_MS = 6_000;
/** Lists are made anew this often: more is only work. */
const LIST_MS = 400;
const LEADERS = 5;
const LAST_SECONDS = 10;

export class Hud {
  #minimap = new Minimap(byId("minimap"));
  #listedAt = 0;
  #mapAt = 0;
  #isScores = false;
  #isNetwork = false;
  #lastSecond = -1;
  /** Called in each of the last seconds. */
  onLastSecond = () => {};

  /** @param {boolean} isOpen */
  set showsScores(isOpen) {
    this.#isScores = isOpen;
    byId("scoreboard").hidden = !isOpen;
    byId("scores-toggle").setAttribute("aria-expanded", String(isOpen));
    this.#listedAt = 0;
  }

  get showsScores() {
    return this.#isScores;
  }

  /** @param {boolean} isOpen */
  set showsNetwork(isOpen) {
    this.#isNetwork = isOpen;
    byId("network").hidden = !isOpen;
    byId("network-toggle").setAttribute("aria-expanded", String(isOpen));
  }

  get showsNetwork() {
    return this.#isNetwork;
  }

  /** Empties everything for another match. */
  clear() {
    byId("feed").replaceChildren();
    setText(byId("banner"), "");
    this.#listedAt = 0;
    this.#lastSecond = -1;
  }

  /**
   * @param {Moment} moment @param {number} mine slot of the person, -1 without one
   * @param {import("./camera.js").Camera} camera @param {Figures | null} figures @param {number} frames a second @param {number} now
   */
  update(moment, mine, camera, figures, frames, now) {
    for (const one of moment.happenings) this.#tell(moment, one, mine, now);
    this.#clock(moment.ticksLeft);
    this.#vitals(moment);
    if (now - this.#mapAt > 66) {
      this.#mapAt = now;
      this.#minimap.paint(moment, camera);
    }
    if (now - this.#listedAt < LIST_MS) return;
    this.#listedAt = now;
    this.#lists(moment.players, mine);
    this.#teams(moment);
    this.#figures(figures, frames);
    for (const line of [...byId("feed").children]) if (now - Number(/** @type {HTMLElement} */ (line).dataset.at) > FEED_MS) line.remove();
  }

  /** @param {string} text a sentence in the middle of the screen; empty to take it away */
  banner(text) {
    setText(byId("banner"), text);
  }

  /** @param {number} ticksLeft */
  #clock(ticksLeft) {
    const seconds = Math.max(0, Math.ceil(ticksLeft / TICKS_PER_SECOND));
    if (seconds === this.#lastSecond) return;
    if (seconds < this.#lastSecond && seconds <= LAST_SECONDS) this.onLastSecond();
    this.#lastSecond = seconds;
    setText(byId("clock"), clockText(seconds));
    byId("clock").classList.toggle("late", seconds <= LAST_SECONDS);
  }

  /** @param {Moment} moment */
  #vitals({ me, waits }) {
    const vitals = byId("vitals");
    vitals.hidden = !me;
    byId("vignette").classList.toggle("low", me !== null && me.hp > 0 && me.hp <= 30);
    if (!me) return;
    const hp = String(Math.round(me.hp));
    if (byId("health-text").textContent !== hp) {
      setText(byId("health-text"), hp);
      byId("health-bar").setAttribute("aria-valuenow", hp);
      byId("health-bar").classList.toggle("low", me.hp <= 30);
      byId("health-fill").style.transform = `scaleX(${me.hp / 100})`;
    }
    for (const name of /** @type {const} */ (["pellet", "rail", "dash", "grenade"])) {
      const left = waits?.[name] ?? 0;
      const item = byId(`wait-${name}`);
      item.classList.toggle("ready", left <= 0);
      const ring = /** @type {SVGElement | null} */ (item.querySelector(".fill"));
      if (ring) ring.style.strokeDasharray = `${100 * (1 - Math.min(1, left / WAIT[name]))} 100`;
      document.getElementById(`touch-${name}`)?.classList.toggle("waiting", left > 0);
    }
  }

  /** @param {ReadonlyMap<number, Player>} players @param {number} mine */
  #lists(players, mine) {
    const ranked = ranking(players);
    const shown = ranked.slice(0, LEADERS);
    const own = ranked.findIndex((player) => player.slot === mine);
    if (own >= LEADERS) shown[LEADERS - 1] = /** @type {Player} */ (ranked[own]);
    byId("leaders").replaceChildren(...shown.map((player) => make(
      "li", { class: `${COLOURS[player.colour] ?? ""}${player.slot === mine ? " me" : ""}` },
      make("span", { class: "rank", text: String(ranked.indexOf(player) + 1) }),
      make("span", { text: player.name }),
      make("span", { class: "points", text: String(player.score) }),
    )));
    if (this.#isScores) byId("score-rows").replaceChildren(...scoreRows(ranked, mine, true));
  }

  /** @param {Moment} moment */
  #teams({ players, teams = 0 }) {
    const list = byId("teams");
    list.hidden = teams === 0;
    if (teams > 0) list.replaceChildren(...teamScores([...players.values()]).map(({ colour, points }) => make("li", { class: COLOURS[colour] }, make("span", { text: teamName(colour) }), make("span", { text: String(points) }))));
  }

  /** @param {Moment} moment @param {import("./scene.js").Happening} happening @param {number} mine @param {number} now */
  #tell({ players, bodies, house }, happening, mine, now) {
    const name = (/** @type {number} */ slot) => {
      const player = players.get(slot);
      return make("b", { class: COLOURS[player?.colour ?? -1] ?? "", text: slot === mine ? "You" : (player?.name ?? "Somebody") });
    };
    /** @type {(Node | string)[]} */
    let line;
    let isMine = false;
    if (happening.what === "wrecked") {
      isMine = happening.by === mine || happening.slot === mine;
      const how = WEAPONS[happening.weapon] ?? "hit";
      line = happening.by === happening.slot ? [name(happening.slot), " crashed"] : [name(happening.by), ` › ${how} › `, name(happening.slot)];
    } else if (happening.what === "captured") {
      if (happening.by !== mine) return;
      isMine = true;
      const kind = bodies.find((body) => body.id === happening.body)?.kind ?? -1;
      line = [name(happening.by), ` captured a ${KINDS[kind] ?? "thing"}`];
    } else if (happening.what === "set") {
      isMine = happening.by === mine;
      line = [name(happening.by), ` made a set${house.rooms.length > 1 ? ` in room ${happening.room + 1}` : ""}`];
    } else {
      return;
    }
    const feed = byId("feed");
    feed.prepend(make("li", { class: isMine ? "me" : undefined, "data-at": String(now) }, ...line));
    while (feed.children.length > FEED_MAX) feed.lastElementChild?.remove();
  }

  /** @param {Figures | null} figures @param {number} frames */
  #figures(figures, frames) {
    setText(byId("ping"), figures ? `${Math.round(figures.rtt)} ms` : "local");
    const slow = byId("speed");
    slow.hidden = !figures || figures.speed >= 100;
    if (figures) setText(slow, `time runs at ${figures.speed} %`);
    if (!this.#isNetwork) return;
    const say = (/** @type {string} */ id, /** @type {string} */ text) => setText(byId(id), text);
    say("net-frames", `${Math.round(frames)} / s`);
    say("net-rtt", figures ? `${figures.rtt.toFixed(1)} ms` : "–");
    say("net-delay", figures ? `${Math.round(figures.delay)} ms` : "–");
    say("net-gaps", figures ? `${figures.gaps.toFixed(1)} %` : "–");
    say("net-bytes", figures ? `${(figures.bytes / 1000).toFixed(1)} kB / s` : "–");
    say("net-error", figures ? `${figures.error.toFixed(1)} u, ${figures.corrections} / min` : "–");
    say("net-margin", figures ? `${figures.margin.toFixed(1)} ticks` : "–");
    say("net-cost", figures ? `${figures.cost} % of its time` : "–");
    say("net-speed", figures ? `${figures.speed} %` : "–");
  }
}

/** @param {number} seconds */
export const clockText = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

/** @param {ReadonlyMap<number, Player>} players @returns {Player[]} the best first: by points, then captures */
export function ranking(players) {
  return [...players.values()].sort((a, b) => b.score - a.score || b.captures - a.captures || a.slot - b.slot);
}

/** A team is a colour. @param {readonly Player[]} players @returns {{colour: number, points: number}[]} the best first */
export function teamScores(players) {
  /** @type {Map<number, number>} */
  const sums = new Map();
  for (const { colour, score, isGone } of players) if (!isGone) sums.set(colour, (sums.get(colour) ?? 0) + score);
  return [...sums].map(([colour, points]) => ({ colour, points })).sort((a, b) => b.points - a.points || a.colour - b.colour);
}

/** @param {number} colour */
export const teamName = (colour) => (COLOURS[colour] ?? "").replace(/^./, (first) => first.toUpperCase());

/** @param {readonly Player[]} ranked @param {number} mine @param {boolean} hasDeaths @returns {HTMLElement[]} */
export function scoreRows(ranked, mine, hasDeaths) {
  return ranked.map((player, i) => {
    const cells = [player.score, player.captures, player.kills, ...(hasDeaths ? [player.deaths] : [])];
    const name = make("span", { class: COLOURS[player.colour] ?? "", text: player.name });
    const note = player.isGone ? " (gone)" : player.isBot ? " (bot)" : "";
    return make(
      "tr", { class: player.slot === mine ? "me" : undefined },
      make("td", { text: String(i + 1) }), make("td", {}, name, make("span", { class: "soft", text: note })),
      ...cells.map((value) => make("td", { text: String(value) })),
    );
  });
}
