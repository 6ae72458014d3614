//! What the client needs from where it runs: time, randomness, sockets, storage. Tests and other runtimes bring their own.

/**
 * @typedef {object} Clock
 * @property {() => number} now milliseconds that never go back
 * @property {(action: () => void, ms: number) => unknown} setTimeout
 * @property {(timer: any) => void} clearTimeout
 */

/**
 * The part of a WebSocket that the client uses.
 * @typedef {object} Socket
 * @property {(text: string) => void} send
 * @property {(code?: number, reason?: string) => void} close
 * @property {string} protocol
 * @property {((event: any) => void) | null} onopen
 * @property {((event: {data: any}) => void) | null} onmessage
 * @property {((event: {code: number, reason: string}) => void) | null} onclose
 * @property {((event: any) => void) | null} onerror
 */

/**
 * A place for small texts that outlives the page. Methods may throw when the place is full or forbidden.
 * @typedef {object} Store
 * @property {(key: string) => string | null} get
 * @property {(key: string, value: string) => void} set
 * @property {(key: string) => void} remove
 * @property {() => string[]} keys
 */

/**
 * @typedef {object} Platform
 * @property {Clock} clock
 * @property {() => number} random from 0 up to, not including, 1
 * @property {() => string} newId never the same twice, for ever; at most 64 bytes
 * @property {(url: string, protocol: string) => Socket} openSocket
 * @property {Store} store
 */

/** @returns {Store} one that forgets everything with the page. */
export function memoryStore() {
  /** @type {Map<string, string>} */
  const map = new Map();
  return {
    get: (key) => map.get(key) ?? null,
    set: (key, value) => void map.set(key, value),
    remove: (key) => void map.delete(key),
    keys: () => [...map.keys()],
  };
}

/**
 * A store in the browser's `localStorage`, or in memory where that is forbidden.
 * @param {string} prefix keeps the keys of several clients of one origin apart
 * @returns {Store}
 */
export function browserStore(prefix) {
  try {
    const storage = globalThis.localStorage;
    storage.getItem(prefix);
    return {
      get: (key) => storage.getItem(prefix + key),
      set: (key, value) => storage.setItem(prefix + key, value),
      remove: (key) => storage.removeItem(prefix + key),
      keys: () => {
        const keys = [];
        for (let i = 0; i < storage.length; i++) {
          const key = storage.key(i);
          if (key?.startsWith(prefix)) keys.push(key.slice(prefix.length));
        }
        return keys;
      },
    };
  } catch {
    return memoryStore();
  }
}

/**
 * A random UUID. `crypto.randomUUID` is missing on pages served over plain HTTP from other machines, `getRandomValues` is not.
 * @returns {string}
 */
function randomId() {
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * @param {Partial<Platform>} [overrides]
 * @returns {Platform} the browser's (or Node's, from version 22, which has a WebSocket), with the given parts replaced.
 */
export function browserPlatform(overrides = {}) {
  return {
    clock: {
      now: () => performance.now(),
      setTimeout: (action, ms) => setTimeout(action, ms),
      clearTimeout: (timer) => clearTimeout(timer),
    },
    random: Math.random,
    newId: randomId,
    // Structurally a Socket; TypeScript only dislikes that the browser's handlers are told more than ours use.
    openSocket: (url, protocol) => /** @type {any} */ (new WebSocket(url, protocol)),
    store: overrides.store ?? browserStore("stoa:"),
    ...overrides,
  };
}
