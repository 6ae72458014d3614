//! The HTTP side of matches: which there are, how to find or make one, and recordings. Answers are looked at field by
//! field: what a server of another version leaves out is nothing to stumble over.

/** @typedef {{id: string, people: number, bots: number, seats: number, spectators: number, secondsLeft: number | null, isOpen: boolean}} Listed */

/** @typedef {{match: string, token: string}} Seat the token says whose seat it is; empty for any guest */

const GAME = "wreckroom";
/** How often a ticket is looked at, until the server has found a match. */
const ASK_MS = 500;
/** How long the server may take for an answer. */
const DEADLINE_MS = 8_000;

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
  return list.filter(isRecord).filter((one) => typeof one.id === "string" && isMatchId(one.id) && (one.game ?? GAME) === GAME).map((one) => ({
    id: /** @type {string} */ (one.id),
    people: count(one.people),
    bots: count(one.bots),
    seats: count(one.seats),
    spectators: count(one.spectators),
    secondsLeft: typeof one.seconds_left === "number" ? count(one.seconds_left) : null,
    isOpen: one.open !== false,
  })).sort((a, b) => b.people - a.people || b.bots - a.bots || (a.id < b.id ? -1 : 1));
}

/** @param {string} id */
export const isMatchId = (id) => /^[A-Za-z0-9_-]{1,64}$/.test(id);

/** @typedef {"free" | "teams"} Mode each for themselves, or two teams */

/** Teams of a match with friends, if it is played in teams. */
const TEAMS = 2;

/**
 * Finds a match for a guest: with people who are as good, if there are any; else with bots, after two seconds.
 * @param {string} name
 * @param {Mode} mode
 * @param {(waiting: number) => void} onWaiting how many people wait
 * @param {AbortSignal} signal
 * @returns {Promise<Seat>}
 */
export async function findMatch(name, mode, onWaiting, signal) {
  try {
    let search = readSearch(await ask("POST", `/v1/matches/find?game=${GAME}&mode=${mode}&name=${encodeURIComponent(name)}`, signal));
    const { token } = search;
    while (!search.match) {
      onWaiting(search.waiting);
      await pause(ASK_MS, signal);
      search = readSearch(await ask("GET", `/v1/matches/find/${encodeURIComponent(search.ticket)}`, signal), search.ticket);
    }
    return { match: search.match, token };
  } catch (error) {
    if (signal.aborted || mode !== "free") throw error;
    // A node that does not find matches, or has lost the ticket, still has some that one can play in now.
    return { match: readPlace(await ask("POST", `/v1/play?game=${GAME}`, signal)), token: "" };
  }
}

/** @param {unknown} answer about a ticket @param {string} [ticket] that was asked for @returns {{ticket: string, match: string, waiting: number, token: string}} `match` is empty until there is one */
export function readSearch(answer, ticket = "") {
  const { match, ticket: told, waiting, token } = isRecord(answer) ? answer : {};
  const known = typeof told === "string" && told ? told : ticket;
  if (!known) throw new ApiError("The server's answer makes no sense to this page.", 200);
  return { ticket: known, match: typeof match === "string" && isMatchId(match) ? match : "", waiting: count(waiting), token: typeof token === "string" ? token : "" };
}

/** @param {Mode} mode @returns {Promise<string>} the id of a new match that nobody learns of but by its link */
export async function makePrivateMatch(mode) {
  return readPlace(await ask("POST", `/v1/matches?game=${GAME}&private=1${mode === "teams" ? `&teams=${TEAMS}` : ""}`));
}

/** @param {unknown} answer where a match is to be played @returns {string} its id */
export function readPlace(answer) {
  if (isRecord(answer) && typeof answer.id === "string" && isMatchId(answer.id)) return answer.id;
  throw new ApiError("The server's answer makes no sense to this page.", 200);
}

/** @param {string} match @returns {Promise<Uint8Array>} its recording */
export async function fetchRecording(match) {
  let response;
  try {
    response = await fetch(`/v1/matches/${encodeURIComponent(match)}/replay`);
  } catch {
    throw new ApiError("The server does not answer.", 0);
  }
  if (!response.ok) throw await refusal(response);
  return new Uint8Array(await response.arrayBuffer());
}

/** @param {string} method @param {string} path @param {AbortSignal} [signal] @returns {Promise<unknown>} */
async function ask(method, path, signal) {
  const deadline = AbortSignal.timeout(DEADLINE_MS);
  let response;
  try {
    response = await fetch(path, { method, signal: signal ? AbortSignal.any([signal, deadline]) : deadline });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError("The server does not answer.", 0);
  }
  if (!response.ok) throw await refusal(response);
  return response.json().catch(() => null);
}

/** @param {Response} response @returns {Promise<ApiError>} with the server's sentence, if it has one */
async function refusal(response) {
  const answer = await response.json().catch(() => null);
  const message = isRecord(answer) && typeof answer.message === "string" ? answer.message : `The server says no (${response.status}).`;
  return new ApiError(message, response.status);
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
