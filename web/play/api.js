//! The HTTP side of matches: which there are, how to find or make one, and recordings. Answers are looked at field by
//! field: what a server of another version leaves out is nothing to stumble over.

/** @typedef {{id: string, mode: string, people: number, bots: number, seats: number, spectators: number, ageSeconds: number}} Listed */
/** @typedef {{phase: "waiting", ticket: string, waiting: number} | {phase: "placed", match: string}} Search */

/** How long the server may take for an answer. */
const DEADLINE_MS = 8_000;
/** How often a ticket is looked at, until the server has found a match. */
const ASK_MS = 500;

export class ApiError extends Error {
  /** @param {string} message @param {number} status 0 if the server did not answer */
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/** @returns {Promise<Listed[]>} matches that run, the fullest first */
export async function listMatches() {
  return readMatches(await ask("GET", "/v1/matches"));
}

/** @param {unknown} answer of `GET /v1/matches` @returns {Listed[]} */
export function readMatches(answer) {
  const list = isRecord(answer) && Array.isArray(answer.matches) ? answer.matches : [];
  return list.filter(isRecord).filter((one) => typeof one.id === "string" && isMatchId(one.id) && (one.game ?? "wreckroom") === "wreckroom").map((one) => ({
    id: /** @type {string} */ (one.id),
    mode: typeof one.mode === "string" ? one.mode : "",
    people: count(one.people),
    bots: count(one.bots),
    seats: count(one.seats),
    spectators: count(one.spectators),
    ageSeconds: count(one.age_seconds),
  })).sort((a, b) => b.people - a.people || b.bots - a.bots || (a.id < b.id ? -1 : 1));
}

/** @param {string} id */
export const isMatchId = (id) => /^[A-Za-z0-9_-]{1,64}$/.test(id);

/**
 * Finds a match, and waits for it if need be.
 * @param {string} name of the person, who is a guest
 * @param {(waiting: number) => void} onWaiting how many people wait
 * @param {AbortSignal} signal
 * @returns {Promise<string>} the id of the match
 */
export async function findMatch(name, onWaiting, signal) {
  let search = readSearch(await ask("POST", "/v1/matches/find", { game: "wreckroom", mode: "free", name }, signal));
  while (search.phase === "waiting") {
    onWaiting(search.waiting);
    await pause(ASK_MS, signal);
    search = readSearch(await ask("GET", `/v1/matches/find/${encodeURIComponent(search.ticket)}`, undefined, signal), search.ticket);
  }
  return search.match;
}

/** @param {unknown} answer @param {string} [ticket] that was asked for @returns {Search} */
export function readSearch(answer, ticket = "") {
  if (isRecord(answer)) {
    const match = answer.match ?? answer.id;
    if (typeof match === "string" && isMatchId(match)) return { phase: "placed", match };
    const number = answer.ticket ?? ticket;
    if ((typeof number === "string" && number) || typeof number === "number") return { phase: "waiting", ticket: String(number), waiting: count(answer.waiting) };
  }
  throw new ApiError("The server's answer makes no sense to this page.", 200);
}

/** @param {string} name @returns {Promise<string>} the id of a match that nobody learns of but by its link */
export async function makePrivateMatch(name) {
  const answer = readSearch(await ask("POST", "/v1/matches", { game: "wreckroom", mode: "free", private: true, name }));
  if (answer.phase === "waiting") throw new ApiError("The server has no match for you yet.", 202);
  return answer.match;
}

/** @param {string} match @returns {Promise<Uint8Array>} its recording */
export async function fetchRecording(match) {
  let response;
  try {
    response = await fetch(`/v1/matches/${encodeURIComponent(match)}/replay`);
  } catch {
    throw new ApiError("The server does not answer.", 0);
  }
  if (response.status === 404) throw new ApiError("There is no recording of this match, or it is not finished.", 404);
  if (!response.ok) throw new ApiError(`The server cannot give the recording (${response.status}).`, response.status);
  return new Uint8Array(await response.arrayBuffer());
}

/** @param {string} method @param {string} path @param {object} [body] @param {AbortSignal} [signal] @returns {Promise<unknown>} */
async function ask(method, path, body, signal) {
  const deadline = AbortSignal.timeout(DEADLINE_MS);
  const headers = body ? { "content-type": "application/json" } : undefined;
  let response;
  try {
    response = await fetch(path, { method, headers, body: body && JSON.stringify(body), signal: signal ? AbortSignal.any([signal, deadline]) : deadline });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError("The server does not answer.", 0);
  }
  const answer = await response.json().catch(() => null);
  if (response.ok) return answer;
  const message = isRecord(answer) ? (isRecord(answer.error) ? answer.error.message : (answer.message ?? answer.error)) : undefined;
  throw new ApiError(typeof message === "string" ? message : `The server says no (${response.status}).`, response.status);
}

/** @param {number} ms @param {AbortSignal} signal */
function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("", "AbortError"));
    }, { once: true });
  });
}

/** @param {unknown} value @returns {value is Record<string, unknown>} */
const isRecord = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
/** @param {unknown} value */
const count = (value) => (typeof value === "number" && Number.isFinite(value) && value >= 0 ? Math.floor(value) : 0);
