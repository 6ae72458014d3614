//! Events of the client for the application: subscribe, unsubscribe, and listeners that cannot break each other.

/**
 * @template {Record<string, any>} Events maps each event's name to what its listeners get
 */
export class Emitter {
  /** @type {Map<keyof Events, Set<(data: any) => void>>} */
  #listeners = new Map();

  /**
   * @template {keyof Events} Name
   * @param {Name} name
   * @param {(data: Events[Name]) => void} listener
   * @returns {() => void} unsubscribes
   */
  on(name, listener) {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }

  /**
   * A listener that throws is reported and does not keep the others, or the protocol, from going on.
   * @template {keyof Events} Name
   * @param {Name} name
   * @param {Events[Name]} data
   */
  emit(name, data) {
    for (const listener of this.#listeners.get(name) ?? []) {
      try {
        listener(data);
      } catch (error) {
        console.error(error);
      }
    }
  }
}
