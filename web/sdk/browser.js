//! What a browser tells about the network and the page, told to the client.

/** @typedef {import("./chat.js").StoaChat} StoaChat */

/** A page hidden for longer than this may have slept through the death of its connection. */
const HIDDEN_MS_MAX = 30_000;

/**
 * Checks the connection when the network comes back, when the page comes back from the browser's cache, and when it becomes
 * visible after a while. Sends what is held back when the page goes.
 * @param {StoaChat} chat
 */
export function followBrowser(chat) {
  let hiddenAt = performance.now();
  window.addEventListener("online", () => chat.check());
  window.addEventListener("pageshow", (event) => event.persisted && chat.check());
  window.addEventListener("pagehide", () => chat.flush());
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") hiddenAt = performance.now();
    else if (performance.now() - hiddenAt > HIDDEN_MS_MAX) chat.check();
  });
}

/**
 * @param {Location | URL} page
 * @returns {string} the address of the chat on the server that the page came from
 */
export function chatUrl(page) {
  return `${page.protocol === "https:" ? "wss" : "ws"}://${page.host}/v1/chat`;
}
