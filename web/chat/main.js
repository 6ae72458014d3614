//! The chat page: makes the client and the parts of the page, and decides which room is shown. The address's `#room` is the
//! one place that says so: links, the back button and reloads work by themselves.

import { StoaChat, StoaError, chatUrl, followBrowser, isRoomName } from "../sdk/index.js";
import { Announcer } from "./announcer.js";
import { Banner } from "./banner.js";
import { Composer } from "./composer.js";
import { Dialogs } from "./dialogs.js";
import { byId, setText } from "./dom.js";
import { MessageList } from "./messages.js";
import { People } from "./people.js";
import { setUpShortcuts } from "./shortcuts.js";
import { Sidebar } from "./sidebar.js";
import { typingText } from "./text.js";
import { setUpTheme } from "./theme.js";

/** A room that missed more than this while the page slept starts anew at its newest message. */
const RESUME_EVENTS_MAX = 2_000;
/** Close code of a server that does not take the name. */
const BAD_HELLO = 4400;
const TOKEN_REFUSED = 4401;

const chat = new StoaChat({ url: chatUrl(location), resumeEventsMax: RESUME_EVENTS_MAX });
const messages = new MessageList(chat);
const composer = new Composer(chat, () => messages.sent());
const people = new People(chat);
const dialogs = new Dialogs(chat, goTo);
const sidebar = new Sidebar(chat, goTo);
const announcer = new Announcer(chat, () => shown);
new Banner(chat);
const phone = window.matchMedia("(max-width: 719px)");

/** The room that is shown, empty for none. */
let shown = "";
/** A room that the address asks for, and that the server is asked for. */
let entering = "";

/** @param {string} room Shows it, and makes an entry in the browser's history. */
function goTo(room) {
  if (room === shown) return composer.focus();
  location.hash = `#${room}`;
}

function roomInAddress() {
  try {
    const name = decodeURIComponent(location.hash.slice(1));
    return isRoomName(name) ? name : "";
  } catch {
    return "";
  }
}

/** Makes the page show what the address says. */
function follow() {
  const name = roomInAddress();
  if (name === shown) return;
  if (shown) leaveView();
  const room = chat.room(name);
  if (room) showRoom(room);
  else if (name && chat.state.phase === "open") void enter(name);
  paintView();
}

/** @param {import("../sdk/index.js").Room} room */
function showRoom(room) {
  shown = room.name;
  setText(byId("room-name"), room.name);
  paintView();
  chat.show(room.name);
  people.show(room);
  composer.open(room);
  void messages.open(room);
  // A phone's keyboard would cover what one came to read.
  if (!phone.matches && !dialogs.isOpen) composer.focus();
}

function leaveView() {
  chat.hide(shown);
  shown = "";
  messages.close();
  composer.open(null);
  people.show(null);
  setText(byId("typing"), "");
}

function paintView() {
  byId("room").hidden = shown === "";
  byId("welcome").hidden = shown !== "";
  byId("app").classList.toggle("in-room", shown !== "");
  sidebar.setCurrent(shown);
  announcer.paintTitle();
}

/** @param {string} name a room that the address names, and that the user is not in yet */
async function enter(name) {
  if (entering === name) return;
  entering = name;
  try {
    await chat.join(name);
    if (roomInAddress() === name) follow();
  } catch (error) {
    if (error instanceof StoaError) setText(byId("welcome-text"), `${name} cannot be entered. ${error.message}`);
  } finally {
    entering = "";
  }
}

function toRooms() {
  history.pushState(null, "", location.pathname + location.search);
  follow();
  sidebar.focus();
}

/**
 * @param {number} step
 * @param {boolean} unreadOnly
 */
function stepRoom(step, unreadOnly) {
  const rooms = chat.rooms.filter((room) => !unreadOnly || room.unread > 0 || room.name === shown);
  if (rooms.length === 0) return;
  const index = rooms.findIndex((room) => room.name === shown);
  const next = rooms[index < 0 ? (step > 0 ? 0 : rooms.length - 1) : (index + step + rooms.length) % rooms.length];
  if (next) goTo(next.name);
}

function escape() {
  if (people.covers) return people.hide();
  if (document.activeElement !== byId("text") && shown) return composer.focus();
  if (phone.matches && shown) return toRooms();
  sidebar.focus();
}

/** @param {string} [note] why it is asked again */
function askFirstName(note) {
  dialogs.askName((name) => {
    chat.rename(name);
    chat.connect();
  }, { first: true, note });
}

/** This browser is somebody else's from now on. */
function forget() {
  dialogs.closeName();
  chat.forget();
  sidebar.paintMe();
  askFirstName();
}

function wireButtons() {
  for (const id of ["open-join", "welcome-join"]) byId(id).addEventListener("click", () => dialogs.askRoom());
  byId("join-lobby").addEventListener("click", () => goTo("lobby"));
  byId("open-name").addEventListener("click", () => dialogs.askName((name) => name !== chat.name && chat.rename(name)));
  byId("open-keys").addEventListener("click", () => dialogs.showKeys());
  byId("leave").addEventListener("click", () => shown && dialogs.askLeave(shown));
  byId("forget").addEventListener("click", forget);
  byId("back").addEventListener("click", toRooms);
  setUpShortcuts({
    busy: () => dialogs.isOpen,
    stepRoom,
    join: () => dialogs.askRoom(),
    togglePeople: () => people.toggle(),
    scroll: (pages) => messages.scrollPages(pages),
    toEnd: () => messages.jumpToEnd(),
    escape,
    help: () => dialogs.showKeys(),
  });
}

function wireChat() {
  chat.on("rooms", () => {
    // The shown room may have been left, here or on another device.
    if (shown && !chat.room(shown)) return toRooms();
    if (roomInAddress() !== shown) follow();
  });
  chat.on("room", (room) => {
    if (room.name === shown) setText(byId("typing"), typingText(room.typingNames));
  });
  chat.on("expired", () => announcer.say("Your guest pass has run out. You go on as a new guest."));
  chat.on("state", (state) => {
    if (state.phase !== "stopped") return;
    if (state.code === BAD_HELLO) askFirstName("That name cannot be used. Please choose another.");
    if (state.code === TOKEN_REFUSED) askFirstName("Your guest pass has run out.");
  });
  window.addEventListener("hashchange", follow);
  window.addEventListener("popstate", follow);
  // A room may have been joined on another device in the meantime.
  window.addEventListener("focus", () => {
    if (chat.state.phase === "open") chat.refresh().catch(() => {});
  });
}

setUpTheme();
wireButtons();
wireChat();
followBrowser(chat);
sidebar.paintMe();
paintView();
byId("app").hidden = false;
if (chat.known) chat.connect();
else askFirstName();
