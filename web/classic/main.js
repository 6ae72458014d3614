//! The page of the classic room: joins the game that its address names with what is on the page.

import { ClassicGame } from "./game.js";
import { Colours, Furniture } from "./room.js";

/** @param {string} id of an element that `index.html` has @returns {HTMLElement} */
const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

const id = new URLSearchParams(location.search).get("gameId") ?? "game1";
const game = new ClassicGame(id, {
  // The messages name the game, too; the address names it for whatever stands in front of several servers.
  openSocket: () => {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    return new WebSocket(`${scheme}://${location.host}/classic?gameId=${encodeURIComponent(id)}`);
  },
  fetchScene: async () => {
    const answer = await fetch(`/items?gameId=${encodeURIComponent(id)}`);
    if (!answer.ok) throw new Error(`items: ${answer.status}`);
    return answer.json();
  },
  after: (run, ms) => setTimeout(run, ms),
  cancel: (timer) => clearTimeout(timer),
  random: Math.random,
});

const furniture = new Furniture(byId("items"), hit);
const colours = new Colours(byId("colours"), (user) => {
  if (user !== game.user || game.phase !== "playing") game.join(user);
});

/** @param {string} item */
function hit(item) {
  const piece = game.items.find((one) => one.item === item);
  if (piece?.user) say(`The ${item} is ${piece.user}'s already.`);
  else if (game.hit(item)) say("");
  else if (game.phase === "waiting" || game.phase === "joining") say("Just a moment: connecting.");
  else say("Choose a colour first.");
}

let saying = "";
/** @param {string} text beneath the furniture, until there is something else to say */
function say(text) {
  saying = text;
  paint();
}

/**
 * @param {string} text
 * @param {string} [user] whose news it is
 * @param {boolean} [aloud] for those who listen to the page
 */
function tell(text, user, aloud = true) {
  // Texts go down the lines, which stay where they are.
  const lines = /** @type {HTMLElement[]} */ ([...byId("news").children]);
  for (let line = lines.length - 1; line > 0; line -= 1) write(lines[line], lines[line - 1]?.textContent ?? "", lines[line - 1]?.dataset.colour);
  write(lines[0], text, user);
  if (aloud) byId("announcer").textContent = text;
}

/** @param {HTMLElement | undefined} line @param {string} text @param {string | undefined} user */
function write(line, text, user) {
  if (!line) return;
  line.textContent = text;
  line.dataset.colour = user ?? "";
}

/** @param {HTMLElement} element @param {string} text */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function stateText() {
  switch (game.phase) {
    case "playing": return `Playing as ${game.user}`;
    case "joining": return `Joining as ${game.user}`;
    case "waiting": return "Connection lost; coming back";
    case "stopped": return "Disconnected; choose a colour to return";
    default: return game.players.length > 0 ? `Looking in: ${game.players.length} playing` : "Looking in: nobody is playing";
  }
}

function promptText() {
  const left = game.items.filter((item) => !item.user);
  if (game.items.length > 0 && left.length === 0) {
    const counts = [...new Set(game.items.map((item) => item.user))].map((user) => `${user} ${game.items.filter((item) => item.user === user).length}`);
    return `Everything is smashed: ${counts.join(", ")}`;
  }
  if (saying) return saying;
  return game.phase === "playing" ? "" : "Choose a colour, then smash the furniture.";
}

function paint() {
  furniture.show(game.items);
  const isMine = game.phase === "playing" || game.phase === "waiting";
  colours.show(isMine ? game.user : "", game.players, game.items);
  const state = byId("state");
  setText(state, stateText());
  if (game.phase === "playing") state.dataset.colour = game.user;
  else delete state.dataset.colour;
  setText(byId("prompt"), promptText());
  byId("leave").hidden = !(isMine || game.phase === "joining");
  byId("reset").classList.toggle("wanted", game.items.length > 0 && game.items.every((item) => item.user));
}

game.on("change", paint);
game.on("hit", ({ item, user, hp }) => {
  furniture.shake(item, user);
  if (hp === 0) tell(`${user} captured the ${item}`, user);
  else tell(`${user} hit the ${item}: ${hp} left`, user, false);
});
game.on("people", ({ what, user }) => tell(what === "join" ? `${user} joined` : `${user} left`, user));
game.on("reset", () => {
  saying = "";
  tell("New furniture for everybody");
});
game.on("refused", (why) => say(`${why.charAt(0).toUpperCase()}${why.slice(1)}.`));

byId("leave").addEventListener("click", () => {
  game.leave();
  byId("colours").querySelector("button")?.focus();
});
byId("reset").addEventListener("click", async () => {
  const answer = await fetch(`/reset?gameId=${encodeURIComponent(id)}`, { redirect: "manual" }).catch(() => undefined);
  if (answer && answer.status === 429) say("This game was just reset. Wait a little.");
  else if (game.phase !== "playing") void game.look();
});
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const item = game.items[Number(event.key) - 1];
  if (item) hit(item.item);
});
for (const link of document.querySelectorAll("#games a")) {
  if (link.textContent === id) link.setAttribute("aria-current", "page");
}
document.title = `${id} · Classic room`;
paint();
void game.look();
