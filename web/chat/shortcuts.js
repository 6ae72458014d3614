//! The keys of the page, and what they do.

/** What the dialog lists. @type {{keys: string[], what: string}[]} */
export const SHORTCUTS = [
  { keys: ["Enter"], what: "Send the message" },
  { keys: ["Shift", "Enter"], what: "New line" },
  { keys: ["Alt", "↑ ↓"], what: "Room above, room below" },
  { keys: ["Alt", "Shift", "↑ ↓"], what: "The same, only unread rooms" },
  { keys: ["Ctrl", "K"], what: "Join or create a room" },
  { keys: ["Alt", "M"], what: "Show or hide the people" },
  { keys: ["Page ↑ ↓"], what: "Scroll the messages" },
  { keys: ["Alt", "End"], what: "Jump to the newest message" },
  { keys: ["Esc"], what: "Close; back to the message field, or to the rooms" },
  { keys: ["?"], what: "This list (outside the message field)" },
];

/**
 * @typedef {object} Actions
 * @property {() => boolean} busy a dialog is open: it has the keys
 * @property {(step: number, unreadOnly: boolean) => void} stepRoom
 * @property {() => void} join
 * @property {() => void} togglePeople
 * @property {(pages: number) => void} scroll
 * @property {() => void} toEnd
 * @property {() => void} escape
 * @property {() => void} help
 */

/** @param {Actions} actions */
export function setUpShortcuts(actions) {
  document.addEventListener("keydown", (event) => {
    if (event.isComposing || actions.busy()) return;
    const action = actionFor(event, actions);
    if (!action) return;
    event.preventDefault();
    action();
  });
}

/**
 * @param {KeyboardEvent} event
 * @param {Actions} actions
 * @returns {(() => void) | null}
 */
function actionFor(event, actions) {
  const { key, code, altKey, shiftKey } = event;
  const inField = event.target instanceof HTMLTextAreaElement || event.target instanceof HTMLInputElement;
  if (altKey && key === "ArrowUp") return () => actions.stepRoom(-1, shiftKey);
  if (altKey && key === "ArrowDown") return () => actions.stepRoom(1, shiftKey);
  if (altKey && key === "End") return actions.toEnd;
  // By its place on the keyboard: with Alt held some systems make another letter of it.
  if (altKey && code === "KeyM") return actions.togglePeople;
  if ((event.ctrlKey || event.metaKey) && !altKey && key.toLowerCase() === "k") return actions.join;
  if (key === "Escape") return actions.escape;
  if (inField && key === "PageUp") return () => actions.scroll(-1);
  if (inField && key === "PageDown") return () => actions.scroll(1);
  if (!inField && key === "?") return actions.help;
  return null;
}
