//! The HTTP side of matches: which there are, how to find or make one, and recordings. Answers are looked at field by
//! field: what a server of another version leaves out is nothing to stumble over.

/** @typedef {{id: string, players: number, bots: number, capacity: number, spectators: number, secondsLeft: number | null, isOpen: boolean}} Listed `players` are people */

const GAME = "wreckroom";
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
    players: count(one.players),
    bots: count(one.bots),
    capacity: count(one.capacity),
    spectators: count(one.spectators),
    secondsLeft: typeof one.seconds_left === "number" ? count(one.seconds_left) : null,
    isOpen: one.open !== false,
  })).sort((a, b) => b.players - a.players || b.bots - a.bots || (a.id < b.id ? -1 : 1));
}

/** @param {string} id */
export const isMatchId = (id) => /^[A-Za-z0-9_-]{1,64}$/.test(id);

/** @param {AbortSignal} signal @returns {Promise<string>} the id of a match that one can play in now: one that runs, or a new one */
export async function findMatch(signal) {
  return readPlace(await ask("POST", `/v1/play?game=${GAME}`, signal));
}

/** @returns {Promise<string>} the id of a new match that nobody learns of but by its link */
export async function makePrivateMatch() {
  return readPlace(await ask("POST", `/v1/matches?game=${GAME}&private=1`));
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

/** @param {unknown} value @returns {value is Record<string, unknown>} */
const isRecord = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
/** @param {unknown} value */
const count = (value) => (typeof value === "number" && Number.isFinite(value) && value >= 0 ? Math.floor(value) : 0);
