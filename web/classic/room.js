//! The furniture and the colours on the page, and what a hit looks like.

/** @typedef {import("./messages.js").Item} Item */

/** Splinters of one hit, and how many may fly at a time. */
const SPLINTERS = 9;
const SPLINTERS_MAX = 60;

/**
 * @param {string} tag
 * @param {string} className
 * @param {...(Node | string)} children
 */
function make(tag, className, ...children) {
  const element = document.createElement(tag);
  element.className = className;
  element.append(...children);
  return element;
}

/** @param {HTMLElement} element @param {string} text */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** One piece of furniture. */
class Piece {
  /** @param {Item} item */
  constructor({ item, url }) {
    const image = document.createElement("img");
    image.src = url;
    image.alt = "";
    image.draggable = false;
    this.fill = make("span", "bar-fill");
    this.points = make("span", "points");
    this.picture = make("span", "picture", image, make("span", "layer cracks"), make("span", "layer tint"));
    this.before = make("span", "sr-only");
    this.behind = make("span", "sr-only");
    const name = make("span", "item-name", item);
    this.button = /** @type {HTMLButtonElement} */ (make("button", "item", this.picture, this.before, name, " ", make("span", "bar", this.fill), this.points, this.behind));
    this.button.type = "button";
    this.button.dataset.item = item;
  }

  /**
   * @param {Item} item
   * @param {number} key the number that hits it on the keyboard
   */
  show({ hp, user }, key) {
    const { button } = this;
    button.dataset.damage = String(hp > 70 ? 0 : hp > 40 ? 1 : hp > 10 ? 2 : 3);
    if (user) button.dataset.user = user;
    else delete button.dataset.user;
    this.fill.style.transform = `scaleX(${hp / 100})`;
    const text = user ? `captured by ${user}` : `${hp} of 100`;
    if (this.points.textContent !== text) this.points.replaceChildren(user ? make("span", "owner", make("span", "captured-by", "captured by "), user) : text);
    setText(this.before, user ? "" : "Hit the ");
    setText(this.behind, user ? "" : ` points left, key ${key}`);
    button.setAttribute("aria-disabled", String(user !== ""));
  }

  /** @param {string} user whose hit it was */
  shake(user) {
    this.button.classList.remove("hit");
    // Reading a size makes the browser forget the animation, so that the next one begins.
    void this.button.offsetWidth;
    this.button.classList.add("hit");
    if (document.hidden || document.querySelectorAll(".splinter").length > SPLINTERS_MAX) return;
    for (let number = 0; number < SPLINTERS; number += 1) {
      const splinter = make("span", "splinter");
      splinter.dataset.colour = user;
      const angle = Math.PI * (1.1 + (0.8 * (number + Math.random())) / SPLINTERS);
      const reach = 60 + 70 * Math.random();
      splinter.style.setProperty("--x", `${Math.cos(angle) * reach}px`);
      splinter.style.setProperty("--y", `${Math.sin(angle) * reach + 40}px`);
      splinter.style.setProperty("--turn", `${Math.round(Math.random() * 500)}deg`);
      splinter.addEventListener("animationend", () => splinter.remove());
      this.picture.append(splinter);
    }
    setTimeout(() => this.picture.querySelectorAll(".splinter").forEach((one) => one.remove()), 1500);
  }
}

/** All pieces. */
export class Furniture {
  #place;
  #onHit;
  /** @type {Map<string, Piece>} */
  #pieces = new Map();

  /**
   * @param {HTMLElement} place
   * @param {(item: string) => void} onHit
   */
  constructor(place, onHit) {
    this.#place = place;
    this.#onHit = onHit;
  }

  /** @param {Item[]} items */
  show(items) {
    for (const [index, item] of items.entries()) {
      let piece = this.#pieces.get(item.item);
      if (!piece) {
        piece = new Piece(item);
        this.#pieces.set(item.item, piece);
        piece.button.addEventListener("click", () => this.#onHit(item.item));
        this.#place.append(piece.button);
      }
      piece.show(item, index + 1);
    }
  }

  /**
   * @param {string} item
   * @param {string} user
   */
  shake(item, user) {
    this.#pieces.get(item)?.shake(user);
  }
}

/** The colours to join as. */
export class Colours {
  /** @type {Map<string, {button: HTMLElement, note: HTMLElement}>} */
  #buttons = new Map();

  /**
   * @param {HTMLElement} place has a button for each, so that nothing moves when this runs
   * @param {(user: string) => void} onChoose
   */
  constructor(place, onChoose) {
    for (const button of place.querySelectorAll("button")) {
      const user = button.dataset.colour ?? "";
      const note = /** @type {HTMLElement} */ (button.querySelector(".colour-note"));
      button.addEventListener("click", () => {
        if (button.getAttribute("aria-disabled") !== "true") onChoose(user);
      });
      this.#buttons.set(user, { button, note });
    }
  }

  /**
   * @param {string} mine the colour that one plays, or nothing
   * @param {string[]} players
   * @param {Item[]} items
   */
  show(mine, players, items) {
    for (const [user, { button, note }] of this.#buttons) {
      const captured = items.filter((item) => item.user === user).length;
      const isTaken = players.includes(user) && user !== mine;
      const words = user === mine ? "you" : isTaken ? "in use" : "";
      if (note.dataset.shown !== `${words} ${captured}`) {
        note.dataset.shown = `${words} ${captured}`;
        const stars = make("span", "stars", `★ ${captured}`);
        stars.setAttribute("aria-hidden", "true");
        note.replaceChildren(words, ...(captured > 0 ? [" ", stars, make("span", "sr-only", `, ${captured} captured`)] : []));
      }
      button.setAttribute("aria-pressed", String(user === mine));
      button.setAttribute("aria-disabled", String(isTaken));
    }
  }
}
