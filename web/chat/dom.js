//! Making and finding elements. Text only ever enters the page as text, never as markup.

/**
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id of an element that `index.html` has
 * @returns {T}
 */
export function byId(id) {
  return /** @type {T} */ (document.getElementById(id));
}

/**
 * @param {string} tag
 * @param {{class?: string, text?: string, [attribute: string]: string | undefined}} [attributes] `text` becomes the content
 * @param {...(Node | string)} children
 * @returns {HTMLElement}
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined) continue;
    if (name === "text") element.textContent = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/**
 * Sets an element's text if it differs, so that nothing is laid out or announced again for nothing.
 * @param {Element} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * @param {SVGElement | null} icon an `<svg><use/></svg>` of `index.html`
 * @param {string} name of a symbol there
 */
export function setIcon(icon, name) {
  icon?.querySelector("use")?.setAttribute("href", `#${name}`);
}

/**
 * A circle with a user's initials, in a colour of their own.
 * @param {HTMLElement} element
 * @param {string} user
 * @param {string} name
 */
export function paintAvatar(element, user, name) {
  setText(element, initials(name));
  element.style.setProperty("--hue", String(hue(user)));
}

/**
 * @param {string} name
 * @returns {string} one or two letters
 */
export function initials(name) {
  const words = name.match(/[\p{L}\p{N}]+/gu) ?? [];
  const letters = [words[0], words.length > 1 ? words.at(-1) : undefined].map((word) => [...(word ?? "")][0] ?? "");
  return letters.join("").toLocaleUpperCase() || "?";
}

/**
 * @param {string} user
 * @returns {number} a hue in degrees, the same for this user everywhere
 */
export function hue(user) {
  let hash = 0;
  for (const char of user) hash = (hash * 31 + (char.codePointAt(0) ?? 0)) >>> 0;
  // Hues that can be told apart are better than 360 that cannot.
  return (hash % 24) * 15;
}
