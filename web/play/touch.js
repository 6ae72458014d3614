//! Two thumbs on a touch screen: the left one flies, the right one aims, and fires when it is pushed further out. The
//! sticks are where the thumbs come down, not the other way round.

import { byId } from "../chat/dom.js";
import { directions } from "./input.js";
import { BUTTON } from "./scene.js";

/** How far a stick can be pushed, in pixels. */
const RADIUS = 52;
/** From here on the right stick fires. */
const FIRES = 0.55;

/** @typedef {{pointer: number, startX: number, startY: number, x: number, y: number, element: HTMLElement}} Stick */

export class Touch {
  /** @type {Stick | null} */
  #left = null;
  /** @type {Stick | null} */
  #right = null;
  #held = 0;
  #pressed = 0;
  /** Where the right thumb points, in radians; null without one. @type {number | null} */
  aim = null;
  isOn = false;

  /** @param {HTMLElement} surface */
  constructor(surface) {
    surface.addEventListener("pointerdown", (event) => this.#down(event));
    window.addEventListener("pointermove", (event) => this.#move(event), { passive: true });
    for (const kind of ["pointerup", "pointercancel"]) window.addEventListener(kind, (event) => this.#up(/** @type {PointerEvent} */ (event)));
    surface.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
    for (const [id, bit] of /** @type {[string, number][]} */ ([["touch-rail", BUTTON.rail], ["touch-dash", BUTTON.dash], ["touch-grenade", BUTTON.grenade]])) this.#button(byId(id), bit);
  }

  /** Shows the sticks with the first touch: until then nobody knows whether there are thumbs. */
  #show() {
    if (this.isOn) return;
    this.isOn = true;
    byId("touch").hidden = false;
    document.body.classList.add("touching");
  }

  /** For devices that have nothing but touch: the controls are there from the start. */
  showIfOnlyTouch() {
    if (window.matchMedia("(hover: none) and (pointer: coarse)").matches) this.#show();
  }

  /** @returns {number} bits of what is held or was pressed since the last time */
  take() {
    let bits = this.#held | this.#pressed;
    this.#pressed = 0;
    if (this.#left) bits |= directions((this.#left.x - this.#left.startX) / RADIUS, (this.#left.y - this.#left.startY) / RADIUS);
    if (this.#right && push(this.#right) > FIRES) bits |= BUTTON.pellet;
    return bits;
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (event.pointerType !== "touch") return;
    this.#show();
    const isLeft = event.clientX < window.innerWidth / 2;
    const element = byId(isLeft ? "stick-left" : "stick-right");
    const stick = { pointer: event.pointerId, startX: event.clientX, startY: event.clientY, x: event.clientX, y: event.clientY, element };
    if (isLeft) this.#left ??= stick;
    else this.#right ??= stick;
    place(stick);
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const stick = [this.#left, this.#right].find((one) => one?.pointer === event.pointerId);
    if (!stick) return;
    [stick.x, stick.y] = [event.clientX, event.clientY];
    if (stick === this.#right && push(stick) > 0.2) this.aim = Math.atan2(stick.y - stick.startY, stick.x - stick.startX);
    place(stick);
  }

  /** @param {PointerEvent} event */
  #up(event) {
    for (const stick of [this.#left, this.#right]) {
      if (stick?.pointer !== event.pointerId) continue;
      stick.element.removeAttribute("style");
      stick.element.querySelector("span")?.removeAttribute("style");
      if (stick === this.#left) this.#left = null;
      else this.#right = null;
    }
  }

  /** @param {HTMLElement} button @param {number} bit */
  #button(button, bit) {
    const press = (/** @type {boolean} */ isDown) => {
      this.#held = isDown ? this.#held | bit : this.#held & ~bit;
      if (isDown) this.#pressed |= bit;
      button.classList.toggle("pressed", isDown);
    };
    button.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      press(true);
    });
    for (const kind of ["pointerup", "pointercancel", "pointerleave"]) button.addEventListener(kind, () => press(false));
    button.addEventListener("click", () => {
      this.#pressed |= bit;
    });
  }
}

/** @param {Stick} stick @returns {number} 0 to 1 */
const push = ({ x, y, startX, startY }) => Math.min(1, Math.hypot(x - startX, y - startY) / RADIUS);

/** @param {Stick} stick Moves its picture to the thumb. */
function place(stick) {
  const host = /** @type {HTMLElement} */ (stick.element.parentElement).getBoundingClientRect();
  const { style } = stick.element;
  [style.left, style.top, style.right, style.bottom] = [`${stick.startX - host.left - 64}px`, `${stick.startY - host.top - 64}px`, "auto", "auto"];
  const far = push(stick) * RADIUS;
  const angle = Math.atan2(stick.y - stick.startY, stick.x - stick.startX);
  const knob = stick.element.querySelector("span");
  if (knob) knob.style.transform = `translate(${Math.cos(angle) * far}px, ${Math.sin(angle) * far}px)`;
}
