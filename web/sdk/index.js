//! The browser SDK of Stoa: import everything from here.

export { StoaChat } from "./chat.js";
export { Room } from "./room.js";
export { StoaError, closeRule, isRoomName, bytesOf } from "./protocol.js";
export { browserStore, memoryStore } from "./platform.js";
export { followBrowser, chatUrl } from "./browser.js";
