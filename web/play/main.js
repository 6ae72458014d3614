//! The match page. The address says what is shown: `/play` the lobby, `?match=ID` a match (with `&watch` as a spectator),
//! `?replay=ID` a recording, `?demo` a match against bots without any server (`&seed=N` for a certain house, `&after=S` as it is after
//! so many seconds). Links, reloads and the back button work by it. `graphics=canvas` or `graphics=webgl` chooses how to draw.

import { byId, setText } from "../chat/dom.js";
import { fetchRecording, isMatchId } from "./api.js";
import { ArenaModule } from "./arena.js";
import { makeDemo } from "./demo.js";
import { showEnd } from "./end.js";
import { ranking } from "./hud.js";
import { Lobby } from "./lobby.js";
import { OnlineMatch } from "./online.js";
import { RECORDING_BYTES_MAX, Recording, RecordingError } from "./recording.js";
import { ReplaySource, ReplayWorld } from "./replay.js";
import { MatchScreen, dialog } from "./screen.js";
import { loadSettings, saveSettings } from "./settings.js";
import { Show } from "./show.js";
import { Sound } from "./sound.js";
import { WebGlPainter } from "./webgl.js";

const DEMO = Object.freeze({ players: 24, bodies: 120, afterMax: 295 });
const BACKDROP = Object.freeze({ players: 16, bodies: 90, seed: 11n, name: "", colour: 0 });

const settings = loadSettings();
const query = () => new URLSearchParams(location.search);
const graphics = query().get("graphics");
const isPlain = graphics === "canvas" || (graphics !== "webgl" && !WebGlPainter.isFast());
const surface = byId("picture");
const show = new Show(/** @type {HTMLCanvasElement} */ (surface), /** @type {HTMLCanvasElement} */ (byId("labels")), { isPlain });
const sound = new Sound(settings.hasSound);
const screen = new MatchScreen(show, sound, surface);
const lobby = new Lobby(settings);
const module = ArenaModule.load();
/** Grows with each way that was taken, so that what comes late from an earlier one is dropped. */
let turn = 0;
/** @type {OnlineMatch | null} */
let online = null;
/** The seat that was found last. @type {import("./api.js").Seat} */
let seat = { match: "", token: "" };

/** @param {string} search what follows `/play` */
function goTo(search) {
  history.pushState(null, "", `/play${search}`);
  void follow();
}

/** Shows what the address says. */
async function follow() {
  turn += 1;
  online = null;
  byId("rules").hidden = true;
  for (const id of ["menu", "end"]) dialog(id).close();
  const parameters = query();
  const [match, replay] = [parameters.get("match") ?? "", parameters.get("replay") ?? ""];
  if (isMatchId(match) && (settings.name || parameters.has("watch"))) await playOnline(match, parameters.has("watch"));
  else if (isMatchId(replay)) await playReplay(replay);
  else if (parameters.has("demo")) await playDemo();
  else await openLobby(isMatchId(match) ? "Choose a name, and then join." : "");
}

/** @param {string} why */
async function openLobby(why) {
  const mine = turn;
  byId("game").hidden = true;
  lobby.open();
  lobby.explain(why);
  document.title = "Wreckroom";
  const arena = await module;
  byId("play-demo").hidden = !arena;
  // Whoever wants no motion gets a still picture behind the lobby: none at all.
  if (!arena || mine !== turn || matchMedia("(prefers-reduced-motion: reduce)").matches) return screen.stop();
  const demo = makeDemo(arena, BACKDROP);
  if (demo) screen.run(demo, { isBackdrop: true });
}

function enterGame() {
  lobby.close();
  byId("game").hidden = false;
  document.title = "Wreckroom: match";
}

async function playDemo() {
  const mine = turn;
  enterGame();
  screen.stop();
  const arena = await module;
  if (mine !== turn) return;
  const seed = BigInt.asUintN(64, BigInt(query().get("seed")?.match(/^\d{1,19}$/)?.[0] ?? Math.floor(Math.random() * 2 ** 32)));
  const after = Math.min(DEMO.afterMax, Number(query().get("after")?.match(/^\d{1,3}$/)?.[0] ?? 0));
  const demo = arena && makeDemo(arena, { ...DEMO, seed, after, name: settings.name || "You", colour: settings.colour });
  if (!demo) return openLobby("The simulation does not run in this browser.");
  demo.onEnd = () => showEnd(ranking(demo.world.players), demo.slot, "");
  screen.run(demo);
}

/** @param {string} match @param {boolean} isSpectator */
async function playOnline(match, isSpectator) {
  const mine = turn;
  enterGame();
  screen.stop();
  screen.hud.banner("Connecting…");
  const arena = await module;
  if (mine !== turn) return;
  const source = new OnlineMatch(match, { name: settings.name, colour: settings.colour, isSpectator, token: seat.match === match ? seat.token : "" }, arena);
  online = source;
  source.onState = (text) => screen.hud.banner(text);
  source.onRules = (text) => {
    byId("rules").hidden = !text;
    setText(byId("rules-text"), text);
  };
  source.onEnd = (ranked, teams) => showEnd(ranked, source.slot, `/play?replay=${match}`, teams);
  source.onClosed = (why) => {
    if (source !== online) return;
    history.replaceState(null, "", "/play");
    turn += 1;
    void openLobby(why);
  };
  source.onReady = () => screen.run(source);
  source.open();
}

/** @param {string} match */
async function playReplay(match) {
  const mine = turn;
  enterGame();
  screen.stop();
  screen.hud.banner("Loading the recording…");
  try {
    const [arena, bytes] = await Promise.all([module, fetchRecording(match)]);
    if (mine !== turn) return;
    if (!arena) throw new RecordingError("The simulation does not run in this browser.");
    if (bytes.length > RECORDING_BYTES_MAX) throw new RecordingError("The recording is too long.");
    const replay = new ReplayWorld(arena, new Recording(bytes));
    screen.run(new ReplaySource(replay));
    byId("replay-play").focus();
  } catch (error) {
    if (mine !== turn) return;
    history.replaceState(null, "", "/play");
    await openLobby(error instanceof Error ? error.message : "The recording cannot be played.");
  }
}

function setUpMenu() {
  const menu = dialog("menu");
  const boxes = /** @type {const} */ ([["set-sound", "hasSound"], ["set-shake", "hasShake"], ["set-network", "hasNetwork"]]);
  const paint = () => {
    for (const [id, key] of boxes) /** @type {HTMLInputElement} */ (byId(id)).checked = settings[key];
    sound.isOn = settings.hasSound;
    show.effects.mayShake = settings.hasShake;
    screen.hud.showsNetwork = settings.hasNetwork;
    byId("sound-toggle").setAttribute("aria-pressed", String(settings.hasSound));
    saveSettings(settings);
  };
  const toggle = (/** @type {"hasSound" | "hasShake" | "hasNetwork"} */ key) => {
    settings[key] = !settings[key];
    paint();
  };
  for (const [id, key] of boxes) byId(id).addEventListener("change", () => toggle(key));
  byId("sound-toggle").addEventListener("click", () => toggle("hasSound"));
  byId("network-toggle").addEventListener("click", () => toggle("hasNetwork"));
  byId("scores-toggle").addEventListener("click", () => {
    screen.hud.showsScores = !screen.hud.showsScores;
  });
  const open = () => {
    if (byId("game").hidden || menu.open || dialog("end").open) return;
    byId("menu-copy").hidden = !online;
    screen.isSteered = false;
    menu.showModal();
    byId("menu-resume").focus();
  };
  byId("menu-open").addEventListener("click", open);
  byId("menu-resume").addEventListener("click", () => menu.close());
  menu.addEventListener("close", () => {
    screen.isSteered = true;
  });
  byId("menu-leave").addEventListener("click", () => {
    online?.leave();
    goTo("");
  });
  byId("menu-copy").addEventListener("click", () => {
    const link = new URL(`/play?match=${query().get("match") ?? ""}`, location.href).href;
    void navigator.clipboard?.writeText(link).then(() => setText(byId("menu-copy"), "Copied"), () => {});
  });
  window.addEventListener("keydown", (event) => {
    if (byId("game").hidden || menu.open || dialog("end").open || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.code === "Escape") {
      // The browser would close the menu again with the same press.
      event.preventDefault();
      open();
    } else if (event.code === "Tab" && screen.isSteering) {
      event.preventDefault();
      screen.hud.showsScores = !screen.hud.showsScores;
    } else if (event.code === "KeyM") toggle("hasSound");
    else if (event.code === "KeyN") toggle("hasNetwork");
  });
  paint();
}

function setUpEnd() {
  byId("end-again").addEventListener("click", () => {
    const isDemo = query().has("demo");
    goTo(isDemo ? "?demo" : "");
    if (!isDemo) byId("quick-play").click();
  });
  byId("end-lobby").addEventListener("click", () => goTo(""));
  dialog("end").addEventListener("cancel", () => goTo(""));
}

lobby.onChoose = ({ match, spectate, token }) => {
  seat = { match, token };
  goTo(`?match=${match}${spectate ? "&watch" : ""}`);
};
lobby.onDemo = () => goTo("?demo");
byId("rules-reload").addEventListener("click", () => location.reload());
setUpMenu();
setUpEnd();
window.addEventListener("popstate", () => void follow());
void follow();
