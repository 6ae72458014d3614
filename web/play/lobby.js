//! The lobby: name and colour, matches to join or watch, quick play, and matches for friends.

import { byId, make, setText } from "../chat/dom.js";
import { ApiError, findMatch, listMatches, makePrivateMatch } from "./api.js";
import { clockText } from "./hud.js";
import { saveSettings } from "./settings.js";

/** @typedef {import("./api.js").Listed} Listed */
/** @typedef {{match: string, spectate: boolean, token: string}} Choice the token says whose seat was found; empty for any guest */

/** How often the list is asked for while the lobby is open and somebody looks. */
const REFRESH_MS = 4_000;

export class Lobby {
  #settings;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer = undefined;
  /** @type {AbortController | null} */
  #search = null;
  #shown = "";
  /** @param {Choice} _choice */
  onChoose = (_choice) => {};
  onDemo = () => {};

  /** @param {import("./settings.js").Settings} settings */
  constructor(settings) {
    this.#settings = settings;
    this.#name.value = settings.name;
    for (const input of this.#colours) {
      input.checked = Number(input.value) === settings.colour;
      input.addEventListener("change", () => this.#remember());
    }
    this.#name.addEventListener("change", () => this.#remember());
    for (const input of this.#modes) {
      input.checked = (input.value === "teams") === settings.hasTeams;
      input.addEventListener("change", () => this.#remember());
    }
    byId("play-form").addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.#search) this.#search.abort();
      else void this.#quickPlay();
    });
    byId("make-private").addEventListener("click", () => void this.#makePrivate());
    byId("play-demo").addEventListener("click", () => {
      if (this.#remember()) this.onDemo();
    });
    byId("copy-link").addEventListener("click", () => void this.#copy());
    byId("enter-private").addEventListener("click", (event) => {
      event.preventDefault();
      const match = /** @type {HTMLAnchorElement} */ (byId("enter-private")).dataset.match;
      if (match) this.#choose(match, false);
    });
  }

  open() {
    byId("lobby").hidden = false;
    clearInterval(this.#timer);
    void this.#refresh();
    this.#timer = setInterval(() => {
      if (!document.hidden) void this.#refresh();
    }, REFRESH_MS);
  }

  close() {
    byId("lobby").hidden = true;
    clearInterval(this.#timer);
    this.#search?.abort();
  }

  /** @param {string} text why the person is here again */
  explain(text) {
    setText(byId("search-state"), text);
  }

  get #name() {
    return /** @type {HTMLInputElement} */ (byId("name"));
  }

  get #modes() {
    return /** @type {HTMLInputElement[]} */ ([...document.querySelectorAll('input[name="mode"]')]);
  }

  /** @returns {import("./api.js").Mode} */
  get #mode() {
    return this.#settings.hasTeams ? "teams" : "free";
  }

  get #colours() {
    return /** @type {HTMLInputElement[]} */ ([...document.querySelectorAll('input[name="colour"]')]);
  }

  /** @returns {boolean} whether there is a name to play under */
  #remember() {
    const name = this.#name.value.trim();
    const isGood = name !== "" && new TextEncoder().encode(name).length <= 32;
    setText(byId("name-problem"), isGood ? "" : name ? "This name is too long." : "Others want to know who wrecked them: choose a name.");
    this.#name.setAttribute("aria-invalid", String(!isGood));
    this.#settings.colour = Number(this.#colours.find((input) => input.checked)?.value ?? 0);
    this.#settings.hasTeams = this.#modes.some((input) => input.checked && input.value === "teams");
    if (isGood) this.#settings.name = name;
    saveSettings(this.#settings);
    return isGood;
  }

  async #quickPlay() {
    if (!this.#remember()) return this.#name.focus();
    const search = new AbortController();
    this.#search = search;
    const button = byId("quick-play");
    setText(button, "Cancel");
    setText(byId("search-state"), "Looking for a match…");
    try {
      const { match, token } = await findMatch(this.#settings.name, this.#mode, (waiting) => {
        setText(byId("search-state"), waiting > 1 ? `Looking for a match… ${waiting} people wait.` : "Looking for a match…");
      }, search.signal);
      setText(byId("search-state"), "");
      this.onChoose({ match, spectate: false, token });
    } catch (error) {
      setText(byId("search-state"), search.signal.aborted ? "" : message(error));
    } finally {
      this.#search = null;
      setText(button, "Play now");
    }
  }

  async #makePrivate() {
    if (!this.#remember()) return this.#name.focus();
    const button = /** @type {HTMLButtonElement} */ (byId("make-private"));
    button.disabled = true;
    try {
      const match = await makePrivateMatch(this.#mode);
      byId("private").hidden = false;
      const link = new URL(`/play?match=${match}`, location.href).href;
      /** @type {HTMLInputElement} */ (byId("private-link")).value = link;
      Object.assign(byId("enter-private"), { href: link });
      byId("enter-private").dataset.match = match;
      byId("copy-link").focus();
    } catch (error) {
      setText(byId("search-state"), message(error));
    } finally {
      button.disabled = false;
    }
  }

  async #copy() {
    const field = /** @type {HTMLInputElement} */ (byId("private-link"));
    try {
      await navigator.clipboard.writeText(field.value);
      setText(byId("copy-link"), "Copied");
    } catch {
      field.select();
    }
  }

  async #refresh() {
    try {
      this.#list(await listMatches());
    } catch (error) {
      setText(byId("matches-state"), message(error));
    }
  }

  /** @param {Listed[]} matches */
  #list(matches) {
    setText(byId("matches-state"), matches.length ? "" : "None is running. “Play now” begins one.");
    // A list that is made anew under somebody's finger is a nuisance: only if anything changed, and the focus stays.
    const key = JSON.stringify(matches);
    if (key === this.#shown) return;
    this.#shown = key;
    const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset.key : undefined;
    byId("matches").replaceChildren(...matches.map((match) => this.#line(match)));
    if (focused) /** @type {HTMLElement | null} */ (document.querySelector(`[data-key="${focused}"]`))?.focus();
  }

  /** @param {Listed} match */
  #line(match) {
    const { id, people, bots, seats, spectators, secondsLeft, isOpen } = match;
    const name = houseName(id);
    const button = (/** @type {string} */ text, /** @type {boolean} */ spectate) => {
      const made = make("button", { class: "button", type: "button", text, "aria-label": `${text} ${name}`, "data-key": `${id}:${text}` });
      made.addEventListener("click", () => this.#choose(id, spectate));
      return made;
    };
    const about = [
      `${people} ${people === 1 ? "person" : "people"}`, `${bots} bots`, `${seats} seats`, ...(spectators ? [`${spectators} watch`] : []),
      ...(secondsLeft === null ? [] : [`${clockText(secondsLeft)} left`]),
    ];
    const acts = make("span", { class: "acts" }, ...(isOpen ? [button("Join", false)] : []), button("Watch", true));
    return make("li", {}, make("span", { class: "name", text: name, title: id }), make("span", { class: "about", text: about.join(" · ") }), acts);
  }

  /** @param {string} match @param {boolean} spectate */
  #choose(match, spectate) {
    if (spectate || this.#remember()) this.onChoose({ match, spectate, token: "" });
    else this.#name.focus();
  }
}

const LOOKS = Object.freeze(["Amber", "Crooked", "Dusty", "Gilded", "Hollow", "Idle", "Lofty", "Mossy", "Narrow", "Quiet", "Rusty", "Silver", "Sleepy", "Velvet", "Winding", "Yonder"]);
const HOUSES = Object.freeze(["Attic", "Bungalow", "Cabin", "Chalet", "Cottage", "Gables", "Grange", "Hall", "Lodge", "Loft", "Manor", "Mansion", "Parlour", "Terrace", "Tower", "Villa"]);

/** Ids say nothing to people. The name is made of one, so everybody sees the same. @param {string} id */
export function houseName(id) {
  let hash = 7;
  for (const char of id) hash = (hash * 31 + (char.codePointAt(0) ?? 0)) >>> 0;
  return `${LOOKS[hash % 16]} ${HOUSES[(hash >>> 4) % 16]}`;
}

/** @param {unknown} error */
const message = (error) => (error instanceof ApiError ? error.message : "Something went wrong. Try again.");
