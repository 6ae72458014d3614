//! One game as a client sees it: a socket while one plays, looking at `/items` while one does not, and coming back when the
//! connection is lost. Knows nothing of the page.

import { Emitter } from "../sdk/emitter.js";
import { readMessage, retryAfter } from "./messages.js";

/** @typedef {import("./messages.js").Item} Item */
/** @typedef {import("./messages.js").Scene} Scene */
/** @typedef {{send(text: string): void, close(): void, onopen: any, onmessage: any, onclose: any, readyState: number}} Socket */
/**
 * @typedef {object} Platform what a browser has, and a test pretends to have
 * @property {() => Socket} openSocket
 * @property {() => Promise<Scene>} fetchScene
 * @property {(run: () => void, ms: number) => any} after
 * @property {(timer: any) => void} cancel
 * @property {() => number} random
 */
/**
 * @typedef {"watching" | "joining" | "playing" | "waiting" | "stopped"} Phase `waiting`: the connection was lost and comes back
 *   by itself; `stopped`: it does not, until somebody chooses a colour
 */
/**
 * @typedef {object} GameEvents
 * @property {void} change anything is different
 * @property {{item: string, user: string, hp: number}} hit
 * @property {string} refused why the server did not do it, for people
 * @property {{what: "join" | "leave", user: string}} people
 * @property {void} reset
 */

/** How often those who do not play look at the game, in milliseconds. */
const LOOK_MS = 2000;
/** How often one looks at a game in which hits come all the time. */
const CATCH_UP_LOOKS_MAX = 8;
const OPEN = 1;

/** @extends {Emitter<GameEvents>} */
export class ClassicGame extends Emitter {
  #id;
  #platform;
  /** @type {Socket | undefined} */
  #socket = undefined;
  #timer = /** @type {any} */ (undefined);
  #tries = 0;
  /** Messages so far. */
  #heard = 0;
  /** @type {Phase} */
  phase = "watching";
  /** The colour that one plays or wants to play. */
  user = "";
  /** @type {Item[]} */
  items = [];
  /** @type {string[]} */
  players = [];

  /**
   * @param {string} id
   * @param {Platform} platform
   */
  constructor(id, platform) {
    super();
    this.#id = id;
    this.#platform = platform;
  }

  /** Looks at the game now, and again and again while one does not play. */
  async look() {
    this.#cancel();
    try {
      const scene = await this.#platform.fetchScene();
      if (this.phase !== "playing") this.#show(scene);
    } catch {
      // The server is away; the next look may find it.
    }
    if (this.phase === "watching" || this.phase === "stopped") {
      this.#cancel();
      this.#timer = this.#platform.after(() => void this.look(), LOOK_MS);
    }
  }

  /**
   * Plays as a colour, in place of the one before.
   * @param {string} user
   */
  join(user) {
    this.#drop();
    this.user = user;
    this.#tries = 0;
    this.#connect();
  }

  /** Stops playing. */
  leave() {
    this.#drop();
    this.user = "";
    this.#enter("watching");
    void this.look();
  }

  /**
   * @param {string} item
   * @returns {boolean} whether the server was asked
   */
  hit(item) {
    if (this.phase !== "playing" || this.#socket?.readyState !== OPEN) return false;
    this.#socket.send(JSON.stringify({ cmd: "hit", game: this.#id, user: this.user, item }));
    return true;
  }

  #connect() {
    this.#cancel();
    const socket = this.#platform.openSocket();
    this.#socket = socket;
    socket.onopen = () => socket.send(JSON.stringify({ cmd: "join", game: this.#id, user: this.user }));
    socket.onmessage = (/** @type {{data: any}} */ { data }) => {
      if (socket === this.#socket) this.#take(String(data));
    };
    socket.onclose = (/** @type {{code: number, reason: string}} */ { code, reason }) => {
      if (socket === this.#socket) this.#lost(code, reason);
    };
    if (this.phase !== "waiting") this.#enter("joining");
  }

  /** @param {string} text */
  #take(text) {
    this.#heard += 1;
    const message = readMessage(text);
    if (message?.cmd === "error") this.emit("refused", message.message);
    if (!message || message.cmd === "error" || message.game !== this.#id) return;
    if (message.cmd === "join") this.#joined(message);
    else if (message.cmd === "reset") {
      this.#show(message);
      this.emit("reset", undefined);
    } else if (message.cmd === "leave") {
      this.players = message.players;
      this.emit("people", { what: "leave", user: message.user });
      this.emit("change", undefined);
    } else if (message.cmd === "hit") {
      if (message.status === undefined) this.#hit(message);
      else if (message.status !== "ok") this.emit("refused", message.status.replace(/^fail, /, ""));
    }
  }

  /** @param {{user: string, status?: string, players?: string[]}} message */
  #joined({ user, status, players }) {
    if (players) this.players = players;
    if (status === undefined) {
      if (user !== this.user) this.emit("people", { what: "join", user });
      this.emit("change", undefined);
    } else if (status === "ok") {
      this.#tries = 0;
      this.#enter("playing");
      void this.#catchUp();
    } else if (this.phase === "waiting" && this.#tries < 8) {
      // The server may not have noticed yet that our connection before this one is gone.
      this.#drop();
      this.#again(retryAfter(1006, this.#tries, this.#platform.random()) ?? 0);
    } else {
      this.#drop();
      this.emit("refused", status.replace(/^fail, /, ""));
      this.user = "";
      this.#enter("watching");
      void this.look();
    }
  }

  /** Hits before one joined were not told. What is told while this looks is newer than what it sees, so it looks again. */
  async #catchUp() {
    for (let looks = 0; looks < CATCH_UP_LOOKS_MAX; looks += 1) {
      const heard = this.#heard;
      const scene = await this.#platform.fetchScene().catch(() => undefined);
      if (!scene || this.phase !== "playing") return;
      if (heard === this.#heard) return this.#show(scene);
    }
  }

  /** @param {{item: string, user: string, hp: number}} hit */
  #hit({ item, user, hp }) {
    const piece = this.items.find((one) => one.item === item);
    if (!piece) return;
    piece.hp = hp;
    if (hp === 0) piece.user = user;
    this.emit("hit", { item, user, hp });
    this.emit("change", undefined);
  }

  /**
   * @param {number} code
   * @param {string} reason
   */
  #lost(code, reason) {
    this.#socket = undefined;
    const wait = retryAfter(code, this.#tries, this.#platform.random());
    if (wait === undefined) {
      this.emit("refused", reason || "the server closed the connection");
      this.#enter("stopped");
      void this.look();
      return;
    }
    this.#again(wait);
  }

  /** @param {number} ms */
  #again(ms) {
    this.#tries += 1;
    this.#enter("waiting");
    this.#timer = this.#platform.after(() => this.#connect(), ms);
  }

  #drop() {
    this.#cancel();
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close();
  }

  #cancel() {
    if (this.#timer !== undefined) this.#platform.cancel(this.#timer);
    this.#timer = undefined;
  }

  /** @param {Scene} scene */
  #show({ items, players }) {
    this.items = items;
    this.players = players;
    this.emit("change", undefined);
  }

  /** @param {Phase} phase */
  #enter(phase) {
    this.phase = phase;
    this.emit("change", undefined);
  }
}
