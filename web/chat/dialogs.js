//! The dialogs: a name, a room to join, leaving one, the keys. The browser keeps the focus in them and closes them on Escape.

import { byId, make, setText } from "./dom.js";
import { bytesOf, isRoomName } from "../sdk/index.js";
import { SHORTCUTS } from "./shortcuts.js";

/** @typedef {import("../sdk/index.js").StoaChat} StoaChat */

/**
 * @param {string} name `name`, `join`, `leave` or `keys`
 * @returns {{dialog: HTMLDialogElement, form: HTMLFormElement, field: HTMLInputElement, note: HTMLElement}}
 */
function partsOf(name) {
  return { dialog: byId(`${name}-dialog`), form: byId(`${name}-form`), field: byId(`${name}-field`), note: byId(`${name}-note`) };
}

/**
 * @param {HTMLFormElement} form
 * @param {() => void | Promise<void>} submit
 */
function onSubmit(form, submit) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void submit();
  });
}

/** The dialogs of the page. */
export class Dialogs {
  #chat;
  #openRoom;
  #leaving = "";
  /** @type {(name: string) => void} */
  #named = () => {};

  /**
   * @param {StoaChat} chat
   * @param {(room: string) => void} openRoom shows a room of which the user is a member
   */
  constructor(chat, openRoom) {
    this.#chat = chat;
    this.#openRoom = openRoom;
    for (const name of ["name", "join", "leave"]) byId(`${name}-cancel`).addEventListener("click", () => partsOf(name).dialog.close());
    partsOf("name").dialog.addEventListener("cancel", (event) => {
      // Without a name there is nothing to go back to.
      if (byId("name-cancel").hidden) event.preventDefault();
    });
    onSubmit(partsOf("name").form, () => this.#submitName());
    onSubmit(partsOf("join").form, () => this.#submitJoin());
    onSubmit(partsOf("leave").form, () => this.#submitLeave());
    onSubmit(partsOf("keys").form, () => partsOf("keys").dialog.close());
    byId("keys-list").append(
      ...SHORTCUTS.map(({ keys, what }) => make("div", {}, make("dt", {}, ...keys.map((key) => make("kbd", { text: key }))), make("dd", { text: what }))),
    );
  }

  /** @returns {boolean} whether a dialog is open, and keys are its business */
  get isOpen() {
    return document.querySelector("dialog[open]") !== null;
  }

  /**
   * Asks for a name.
   * @param {(name: string) => void} named gets it
   * @param {{first?: boolean, note?: string}} [how] `first`: there is no way around it
   */
  askName(named, { first = false, note = "" } = {}) {
    const { dialog, field, note: noteElement } = partsOf("name");
    this.#named = named;
    byId("name-cancel").hidden = byId("forget").hidden = first;
    setText(byId("name-title"), first ? "Welcome to Stoa" : "Your name");
    setText(noteElement, note);
    field.value = first ? "" : this.#chat.name;
    if (!dialog.open) dialog.showModal();
    field.focus();
    field.select();
  }

  /** Closes the question for a name without an answer. */
  closeName() {
    partsOf("name").dialog.close();
  }

  askRoom() {
    const { dialog, field, note } = partsOf("join");
    setText(note, "");
    field.value = "";
    dialog.showModal();
    field.focus();
  }

  /** @param {string} room */
  askLeave(room) {
    this.#leaving = room;
    setText(byId("leave-title"), `Leave ${room}?`);
    setText(partsOf("leave").note, "");
    partsOf("leave").dialog.showModal();
  }

  showKeys() {
    partsOf("keys").dialog.showModal();
  }

  #submitName() {
    const { dialog, field, note } = partsOf("name");
    const name = field.value.trim();
    const max = this.#chat.limits.name_bytes_max;
    if (!name) return setText(note, "Please write a name.");
    if (bytesOf(name) > max) return setText(note, `That is too long by ${bytesOf(name) - max} bytes.`);
    dialog.close();
    this.#named(name);
  }

  async #submitJoin() {
    const { dialog, field, note } = partsOf("join");
    const name = field.value.trim().replace(/^#/, "");
    if (!isRoomName(name)) return setText(note, "Only letters without accents, digits and - _ . : and at most 64 of them.");
    setText(note, "One moment…");
    try {
      await this.#chat.join(name);
      dialog.close();
      this.#openRoom(name);
    } catch (error) {
      setText(note, sentence(error));
    }
  }

  async #submitLeave() {
    const { dialog, note } = partsOf("leave");
    setText(note, "One moment…");
    try {
      await this.#chat.leave(this.#leaving);
      dialog.close();
    } catch (error) {
      setText(note, sentence(error));
    }
  }
}

/** @param {unknown} error */
function sentence(error) {
  return error instanceof Error ? error.message : "That did not work.";
}
