//! Light or dark: as the system has it, or as the user wants it.

import { byId, setIcon } from "./dom.js";

const KEY = "stoa:theme";
const CHOICES = /** @type {const} */ (["auto", "light", "dark"]);
const WORDS = { auto: "as the system", light: "light", dark: "dark" };

/** Makes the button that goes through the choices. `first-paint.js` applies the stored one before this runs. */
export function setUpTheme() {
  const button = byId("theme");
  const root = document.documentElement;
  const current = () => CHOICES.find((choice) => choice === root.dataset.theme) ?? "auto";
  const paint = () => {
    const choice = current();
    button.setAttribute("aria-label", `Colours: ${WORDS[choice]}`);
    button.title = `Colours: ${WORDS[choice]}`;
    setIcon(button.querySelector("svg"), `i-${choice}`);
  };
  button.addEventListener("click", () => {
    const next = CHOICES[(CHOICES.indexOf(current()) + 1) % CHOICES.length] ?? "auto";
    if (next === "auto") delete root.dataset.theme;
    else root.dataset.theme = next;
    try {
      localStorage.setItem(KEY, next);
    } catch {
      // Storage is forbidden: the choice lasts as long as the page.
    }
    paint();
  });
  paint();
}
