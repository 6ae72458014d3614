//! How one entry of a room looks: a message, somebody coming or going, with the day and the "new" line before it.

import { make, paintAvatar } from "./dom.js";
import { dayKey, dayName, fullTimeOf, messageNodes, timeOf } from "./text.js";

/** @typedef {import("../sdk/protocol.js").RoomEvent} RoomEvent */

/** Messages of one sender within this time stand together under one name. */
const GROUP_MS_MAX = 5 * 60_000;

/**
 * @typedef {object} RowContext
 * @property {string} me this user's id
 * @property {number} now milliseconds since 1970
 * @property {RoomEvent | undefined} previous the shown entry before this one
 * @property {boolean} divider whether the "new messages" line comes before this one
 */

/**
 * @param {RoomEvent} event
 * @returns {boolean} whether there is anything to show: kinds from the future are counted, not shown
 */
export function isShown(event) {
  return event.kind === "message" || event.kind === "join" || event.kind === "leave";
}

/**
 * @param {RoomEvent} event
 * @param {RowContext} context
 * @returns {HTMLElement}
 */
export function eventRow(event, context) {
  const row = make("div", { class: "row" });
  row.dataset.seq = String(event.seq);
  const newDay = startsDay(event, context.previous);
  if (newDay) row.append(dayLine(event.at, context.now));
  if (context.divider) row.append(make("div", { class: "divider", role: "separator" }, make("span", { text: "New messages" })));
  if (event.kind !== "message") {
    row.append(noticeLine(event));
    return row;
  }
  const grouped = !newDay && !context.divider && continues(event, context.previous);
  row.append(messageLine(event, grouped, event.from === context.me ? sentMark() : null));
  return row;
}

/**
 * A message of this user that is not in the log yet.
 * @param {RoomEvent} event what it will look like there
 * @param {RoomEvent | undefined} previous
 * @param {number} now
 * @returns {HTMLElement}
 */
export function pendingRow(event, previous, now) {
  const row = make("div", { class: "row" });
  row.dataset.id = event.id ?? "";
  const newDay = startsDay(event, previous);
  if (newDay) row.append(dayLine(event.at, now));
  row.append(messageLine(event, !newDay && continues(event, previous), make("span", { class: "mark" })));
  row.dataset.place = placeOf(event, previous);
  return row;
}

/**
 * @param {HTMLElement} row from `pendingRow`
 * @param {RoomEvent} event
 * @param {RoomEvent | undefined} previous what stands before it now
 * @returns {boolean} whether the row still looks right there
 */
export function hasPlace(row, event, previous) {
  return row.dataset.place === placeOf(event, previous);
}

/**
 * @param {RoomEvent} event
 * @param {RoomEvent | undefined} previous
 */
function placeOf(event, previous) {
  return `${startsDay(event, previous)} ${continues(event, previous)}`;
}

/**
 * Shows how far a message of this user has come.
 * @param {HTMLElement} row from `pendingRow`
 * @param {"sending" | "sent" | "failed"} state
 * @param {string} [reason] why it failed
 */
export function markPending(row, state, reason = "") {
  if (row.dataset.state === state) return;
  row.dataset.state = state;
  row.querySelector(".failure")?.remove();
  const mark = row.querySelector(".mark");
  const words = { sending: "Sending", sent: "Sent", failed: "Not sent" };
  const signs = { sending: "◌", sent: "✓", failed: "!" };
  mark?.replaceChildren(make("span", { "aria-hidden": "true", text: signs[state] }), make("span", { class: "sr-only", text: words[state] }));
  mark?.setAttribute("title", words[state]);
  if (state !== "failed") return;
  const failure = make("div", { class: "failure" }, make("span", { text: `Not sent. ${reason}` }));
  for (const action of ["Retry", "Delete"]) {
    const button = make("button", { class: "button small", type: "button", text: action });
    button.dataset.action = action.toLowerCase();
    failure.append(button);
  }
  row.querySelector(".message-body")?.append(failure);
}

function sentMark() {
  return make("span", { class: "mark", title: "Sent" }, make("span", { "aria-hidden": "true", text: "✓" }), make("span", { class: "sr-only", text: "Sent" }));
}

/**
 * @param {RoomEvent} event
 * @param {boolean} grouped under the name of the message before
 * @param {HTMLElement | null} mark
 */
function messageLine(event, grouped, mark) {
  const line = make("div", { class: grouped ? "message grouped" : "message" });
  if (mark) line.classList.add("mine");
  const time = make("time", { class: "time", datetime: new Date(event.at).toISOString(), title: fullTimeOf(event.at), text: timeOf(event.at) });
  const name = make("bdi", { class: grouped ? "sr-only" : "sender", text: event.name });
  const body = make("div", { class: "message-body" });
  const text = make("div", { class: "message-text", dir: "auto" }, ...messageNodes(event.body ?? ""));
  if (grouped) {
    line.append(time);
    body.append(name);
  } else {
    const avatar = make("span", { class: "avatar", "aria-hidden": "true" });
    paintAvatar(avatar, event.from, event.name);
    line.append(avatar);
    body.append(make("div", { class: "message-head" }, name, time));
  }
  body.append(make("div", { class: "message-content" }, text, ...(mark ? [mark] : [])));
  line.append(body);
  return line;
}

/** @param {RoomEvent} event */
function noticeLine(event) {
  const verb = event.kind === "join" ? "joined" : "left";
  const time = make("time", { class: "time", datetime: new Date(event.at).toISOString(), title: fullTimeOf(event.at), text: timeOf(event.at) });
  return make("p", { class: "notice" }, make("bdi", { text: event.name }), ` ${verb} `, time);
}

/**
 * @param {number} at
 * @param {number} now
 */
function dayLine(at, now) {
  return make("div", { class: "day", role: "separator" }, make("span", { text: dayName(at, now) }));
}

/**
 * @param {RoomEvent} event
 * @param {RoomEvent | undefined} previous
 */
function startsDay(event, previous) {
  return !previous || dayKey(previous.at) !== dayKey(event.at);
}

/**
 * @param {RoomEvent} event
 * @param {RoomEvent | undefined} previous
 */
function continues(event, previous) {
  if (previous?.kind !== "message" || previous.from !== event.from || previous.name !== event.name) return false;
  return event.at - previous.at < GROUP_MS_MAX;
}
