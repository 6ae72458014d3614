//! Says when the connection is away, when the next try is, and lets the user try now.

import { byId, setText } from "./dom.js";

/** @typedef {import("../sdk/index.js").StoaChat} StoaChat */

/** A shorter interruption is nobody's business. */
const SHOW_AFTER_MS = 800;
const COUNT_EVERY_MS = 250;

/** What a close code that ends the tries means to the user. */
const STOPPED = /** @type {Record<number, string>} */ ({
  4401: "You are signed out.",
  4402: "You are signed out: your session has ended.",
  4409: "You are connected from too many devices. Close one of them.",
});

/** The line over the messages while there is no connection. */
export class Banner {
  #chat;
  #element = byId("banner");
  #awaySince = performance.now();
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #ticks = undefined;

  /** @param {StoaChat} chat */
  constructor(chat) {
    this.#chat = chat;
    byId("try-now").addEventListener("click", () => chat.connect());
    chat.on("state", (state) => {
      if (state.phase === "open" || state.phase === "idle") return this.#stop();
      if (this.#ticks === undefined) {
        this.#awaySince = performance.now();
        this.#ticks = setInterval(() => this.#paint(), COUNT_EVERY_MS);
      }
      this.#paint();
    });
  }

  #stop() {
    clearInterval(this.#ticks);
    this.#ticks = undefined;
    this.#element.hidden = true;
  }

  #paint() {
    const { state } = this.#chat;
    const stopped = state.phase === "stopped";
    if (!stopped && performance.now() - this.#awaySince < SHOW_AFTER_MS) return;
    this.#element.hidden = false;
    const reload = "This page and the server do not understand each other. Reload the page.";
    setText(byId("banner-text"), stopped ? (STOPPED[state.code ?? 0] ?? reload) : "Offline. What you write goes out when you are back.");
    const seconds = Math.max(0, Math.ceil(((state.retryAt ?? 0) - this.#chat.now) / 1000));
    setText(byId("banner-count"), stopped ? "" : state.phase === "waiting" ? `Next try in ${seconds} s` : "Trying…");
    const button = /** @type {HTMLButtonElement} */ (byId("try-now"));
    button.disabled = state.phase === "connecting";
  }
}
