//! What the page remembers of a person: name, colour, sound, and what it shows. A browser that keeps nothing is fine.

/** @typedef {{name: string, colour: number, hasSound: boolean, hasShake: boolean, hasNetwork: boolean, hasTeams: boolean}} Settings */

const KEY = "stoa.play";

/** @returns {Settings} */
export function loadSettings() {
  const isCalm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  /** @type {Settings} */
  const settings = { name: "", colour: Math.floor(Math.random() * 5), hasSound: true, hasShake: !isCalm, hasNetwork: false, hasTeams: false };
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    if (typeof kept.name === "string") settings.name = kept.name.slice(0, 24);
    if (Number.isInteger(kept.colour) && kept.colour >= 0 && kept.colour < 5) settings.colour = kept.colour;
    for (const key of /** @type {const} */ (["hasSound", "hasShake", "hasNetwork", "hasTeams"])) if (typeof kept[key] === "boolean") settings[key] = kept[key];
  } catch {
    // Nothing kept, or nothing that makes sense.
  }
  return settings;
}

/** @param {Settings} settings */
export function saveSettings(settings) {
  try {
    localStorage.setItem(KEY, JSON.stringify(settings));
  } catch {
    // A private window: it is forgotten with the page.
  }
}

/** @param {string} match @returns {string} what returns into the place that this browser had in a match; empty without one */
export function keptResume(match) {
  try {
    return sessionStorage.getItem(`${KEY}.resume.${match}`) ?? "";
  } catch {
    return "";
  }
}

/** @param {string} match @param {string} resume empty to forget it */
export function keepResume(match, resume) {
  try {
    if (resume) sessionStorage.setItem(`${KEY}.resume.${match}`, resume);
    else sessionStorage.removeItem(`${KEY}.resume.${match}`);
  } catch {
    // Then a reload is a new player.
  }
}
