//! The end of a match: who won, on a podium and in a table.

import { byId, make, setText } from "../chat/dom.js";
import { scoreRows, teamName } from "./hud.js";
import { COLOURS } from "./scene.js";

/**
 * @param {readonly import("./scene.js").Player[]} ranked the best first
 * @param {number} mine slot, -1 for spectators
 * @param {string} recording the address of the recording; empty without one
 * @param {number} [teams] 0 where each plays alone
 */
export function showEnd(ranked, mine, recording, teams = 0) {
  const own = ranked.findIndex((player) => player.slot === mine);
  const winner = ranked[0];
  // The server ranks players of the best team first.
  const isTeams = teams > 0 && winner !== undefined;
  if (isTeams) setText(byId("end-title"), ranked[own]?.colour === winner.colour ? "Your team won!" : `${teamName(winner.colour)} won`);
  else setText(byId("end-title"), own === 0 ? "You won!" : winner ? `${winner.name} won` : "The match is over");
  setText(byId("end-text"), own >= 0 ? `You came in ${ordinal(own + 1)} of ${ranked.length}.` : "");
  byId("podium").replaceChildren(...ranked.slice(0, 3).map((player, i) => make(
    "li", { class: COLOURS[player.colour] },
    make("span", { class: "soft", text: ordinal(i + 1) }), make("b", { text: player.name }), make("span", { class: "points", text: String(player.score) }),
  )));
  byId("end-rows").replaceChildren(...scoreRows(ranked, mine, false));
  const link = /** @type {HTMLAnchorElement} */ (byId("end-replay"));
  link.hidden = !recording;
  if (recording) link.href = recording;
  const dialog = /** @type {HTMLDialogElement} */ (byId("end"));
  if (!dialog.open) dialog.showModal();
  byId("end-again").focus();
}

/** @param {number} place from 1 */
export function ordinal(place) {
  const teen = Math.floor((place % 100) / 10) === 1;
  const ending = teen ? "th" : (["th", "st", "nd", "rd"][place % 10] ?? "th");
  return `${place}${ending}`;
}
