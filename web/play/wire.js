//! The messages of `stoa.match.v1`, and what a match looks like as far as the server has told. `docs/match-protocol.md`
//! decides; this is its second implementation beside the server's.
//!
//! How to use it:
//!
//!     const socket = new WebSocket(url, SUBPROTOCOL);
//!     socket.binaryType = "arraybuffer";
//!     socket.onopen = () => socket.send(encodeHello({ name: "Ann" }));
//!     socket.onmessage = ({ data }) => {
//!       const message = readMessage(new Uint8Array(data), before); // `before`: the latest snapshot, at first null
//!       if (message.type === "welcome") world = new World(message);
//!       if (message.type === "snapshot") draw(world, world.apply((before = message)));
//!     };
//!
//! `readMessage` and `World.apply` throw `WireError` for bytes that are no message; nothing else can make them throw.
//! After an error the world is of no use any more: connect anew.
//!
//! What a renderer reads of a `World` (its fields are in `wire/world.js`):
//!
//! * `drones[slot]`, `bodies[number]`, `grenades` (a Map by id): what is in sight now, `null` where nothing is. Each has a
//!   `track` of its latest places, for `placeAt(track, tick)`: where it was in a tick with a fraction.
//! * `pellets` (a Map by id): `pelletAt(world, pellet, tick)` tells where it is; the server says only where each begins.
//! * `me`: one's own drone, exact to the last bit in the simulation's units, for prediction. `null` for spectators.
//! * `scores[slot]`, `openDoors`, `darkRooms`, `gusts`, `cells` (which cells are in sight), `kinds` of the furniture.
//! * what `apply` returns: the events since the last snapshot, oldest first, and which drones and bodies changed.
//!
//! Places are in units (the house is up to 4,096 wide, x to the right, y down), angles are 0 to 1,023 for a full turn from
//! the right, clockwise on the screen, times are ticks.

import { Reader, WireError, Writer } from "./wire/bytes.js";

export { WireError } from "./wire/bytes.js";
export { readIntroduction } from "./wire/introduction.js";
export { pelletAt } from "./wire/pellets.js";
export { placeAt } from "./wire/track.js";
export { World } from "./wire/world.js";

/** The WebSocket subprotocol that this client speaks. */
export const SUBPROTOCOL = "stoa.match.v1";
/** The version that `hello` and `welcome` name. */
const VERSION = 1;
/** Commands in an input at most. */
export const COMMANDS_MAX = 8;
/** Places in a match at most. */
const PLACES_MAX = 256;

// === What a client sends ===

/**
 * The first message.
 * @param {object} hello
 * @param {string} hello.name 1 to 32 bytes of UTF-8; may be empty with a token
 * @param {boolean} [hello.spectate]
 * @param {string} [hello.token]
 * @param {Uint8Array} [hello.resume] the 16 bytes from `welcome`, to return into the same place
 * @param {number | null} [hello.colour] 0 to 4: what the player wishes for
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function encodeHello({ name, spectate = false, token = "", resume = new Uint8Array(0), colour = null }) {
  const out = new Writer();
  out.u8(0x01);
  out.u8(VERSION);
  out.u8(spectate ? 1 : 0);
  out.short(new TextEncoder().encode(name));
  const tokenBytes = new TextEncoder().encode(token);
  out.u16(tokenBytes.length);
  out.bytes(tokenBytes);
  out.short(resume);
  out.short(colour === null ? new Uint8Array(0) : Uint8Array.of(colour));
  return out.done();
}

/**
 * What the player does. A spectator acknowledges with no commands.
 * @param {object} input
 * @param {number} input.acknowledged tick of the latest snapshot that was applied; 0 for none
 * @param {number} input.view what one saw of others while doing the last command, in eighths of a tick since tick 0
 * @param {number} input.first the tick that the first command is for
 * @param {readonly {buttons: number, aim: number}[]} input.commands at most `COMMANDS_MAX`; `aim` 0 to 1,023
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function encodeInput({ acknowledged, view, first, commands }) {
  const out = new Writer();
  out.u8(0x02);
  out.u32(acknowledged);
  out.u32(view);
  out.u32(first);
  out.u8(commands.length);
  for (const { buttons, aim } of commands) {
    out.u8(buttons);
    out.u16(aim & 1023);
  }
  return out.done();
}

/** Asks for a `pong`. @param {number} time any number of 32 bits; comes back @returns {Uint8Array<ArrayBuffer>} */
export function encodePing(time) {
  const out = new Writer();
  out.u8(0x03);
  out.u32(time);
  return out.done();
}

/** How often snapshots are wanted. @param {boolean} isHidden about once a second @returns {Uint8Array<ArrayBuffer>} */
export function encodePace(isHidden) {
  return Uint8Array.of(0x04, isHidden ? 1 : 0);
}

/**
 * What a spectator wants to see: a place of the house (in units), what a player sees, or whoever leads.
 * @param {{x: number, y: number} | {slot: number} | null} what
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function encodeWatch(what) {
  const out = new Writer();
  out.u8(0x05);
  if (what === null) {
    out.u8(0);
  } else if ("slot" in what) {
    out.u8(1);
    out.u8(what.slot);
  } else {
    out.u8(2);
    out.u16(Math.min(Math.max(Math.round(what.x), 0), 4095));
    out.u16(Math.min(Math.max(Math.round(what.y), 0), 4095));
  }
  return out.done();
}

/** Gives the place up. @returns {Uint8Array<ArrayBuffer>} */
export function encodeLeave() {
  return Uint8Array.of(0x06);
}

// === What the server sends ===

/**
 * @typedef {object} Welcome
 * @property {"welcome"} type
 * @property {boolean} isSpectator
 * @property {boolean} isReturn
 * @property {number} slot 255 for spectators
 * @property {number} rate ticks in a second
 * @property {number} tick
 * @property {bigint} seed
 * @property {number} simulation version of the rules
 * @property {Uint8Array} resume 16 bytes
 * @property {string} game
 * @property {string} match
 * @property {Uint8Array} introduction for Wreckroom: `readIntroduction`
 */
/**
 * @typedef {object} Snapshot
 * @property {"snapshot"} type
 * @property {number} tick
 * @property {number} applied latest tick whose command of this player was used; 0 for none
 * @property {number} margin eighths of a tick before its tick that the latest input arrived; negative is too late
 * @property {number} speed percent
 * @property {number} cost percent of a tick's time
 * @property {Uint8Array} body for Wreckroom: `World.apply`
 */
/** @typedef {{type: "pong", time: number, tick: number, phase: number}} Pong `phase` from 0 to 1 */
/** @typedef {{slot: number, isBot: boolean, isGone: boolean, isAway: boolean, name: string, look: Uint8Array, colour: number | null}} RosterEntry */
/** @typedef {{type: "roster", entries: RosterEntry[]}} Roster */
/** @typedef {{type: "notice", kind: number, text: string}} Notice */
/** @typedef {{slot: number, rank: number, points: number, kills: number, deaths: number, captures: number}} Ranked */
/** @typedef {{type: "end", ranking: Ranked[]}} End */
/** @typedef {Welcome | Snapshot | Pong | Roster | Notice | End} ServerMessage */

/**
 * @param {Uint8Array} bytes a whole message
 * @param {Snapshot | null} [before] the snapshot before on the same connection: the next tells what differs from it. `null`
 *   if there was none
 * @returns {ServerMessage}
 */
export function readMessage(bytes, before = null) {
  const reader = new Reader(bytes);
  const type = reader.u8();
  const message = type >= 0xc0 ? readSnapshot(type, reader, before) : readBody(type, reader);
  reader.end();
  return message;
}

/** @param {number} type @param {Reader} reader @returns {ServerMessage} */
function readBody(type, reader) {
  switch (type) {
    case 0x81:
      return readWelcome(reader);
    case 0x83:
      return { type: "pong", time: reader.u32(), tick: reader.u32(), phase: reader.u16() / 65536 };
    case 0x84:
      return readRoster(reader);
    case 0x85:
      return { type: "notice", kind: reader.u8(), text: reader.text(reader.rest()) };
    case 0x86:
      return readEnd(reader);
    default:
      throw new WireError(`no message has the type ${type}`);
  }
}

/**
 * @param {number} flags the type: its lower bits tell what follows
 * @param {Reader} reader
 * @param {Snapshot | null} before
 * @returns {Snapshot}
 */
function readSnapshot(flags, reader, before) {
  const ticks = flags & 3;
  const tick = ticks === 0 ? reader.u32() : (before?.tick ?? NaN) + ticks;
  const how = (flags >> 2) & 3;
  const applied = how === 0 ? tick : how === 1 ? before?.applied : how === 2 ? tick - reader.varint() : NaN;
  const margin = (flags & 16) !== 0 ? reader.i8() : before?.margin;
  const [speed, cost] = (flags & 32) !== 0 ? [reader.u8(), reader.u8()] : [before?.speed, before?.cost];
  // What leans on a snapshot that was not sent has no number here. The comparisons are false for that, too.
  const isWhole = tick <= 0xffffffff && applied !== undefined && applied >= 0 && margin !== undefined;
  if (!isWhole || speed === undefined || cost === undefined) throw new WireError("a snapshot that fits to none before it");
  return { type: "snapshot", tick, applied, margin, speed, cost, body: reader.rest() };
}

/** @param {Reader} reader @returns {Welcome} */
function readWelcome(reader) {
  if (reader.u8() !== VERSION) throw new WireError("the server speaks another version");
  const flags = reader.u8();
  return {
    type: "welcome",
    isSpectator: (flags & 1) !== 0,
    isReturn: (flags & 2) !== 0,
    slot: reader.u8(),
    rate: reader.u8(),
    tick: reader.u32(),
    seed: reader.u64(),
    simulation: reader.u32(),
    resume: reader.bytes(16),
    game: reader.text(reader.short()),
    match: reader.text(reader.short()),
    introduction: reader.rest(),
  };
}

/** @param {Reader} reader @returns {Roster} */
function readRoster(reader) {
  const count = reader.varint();
  if (count > PLACES_MAX) throw new WireError("more places than a match has");
  /** @type {RosterEntry[]} */
  const entries = [];
  for (let nth = 0; nth < count; nth += 1) {
    const [slot, flags] = [reader.u8(), reader.u8()];
    const name = reader.text(reader.short());
    const look = reader.short();
    const colour = look[0] !== undefined && look[0] < 5 ? look[0] : null;
    const [isBot, isGone, isAway] = [(flags & 1) !== 0, (flags & 2) !== 0, (flags & 4) !== 0];
    entries.push({ slot, isBot, isGone, isAway, name, look, colour });
  }
  return { type: "roster", entries };
}

/** @param {Reader} reader @returns {End} */
function readEnd(reader) {
  const count = reader.varint();
  if (count > PLACES_MAX) throw new WireError("more places than a match has");
  /** @type {Ranked[]} */
  const ranking = [];
  for (let nth = 0; nth < count; nth += 1) {
    ranking.push({ slot: reader.u8(), rank: reader.u16(), points: reader.u32(), kills: 0, deaths: 0, captures: 0 });
  }
  // The numbers of each place follow the ranking; a game that has none ends here.
  for (const ranked of reader.left() > 0 ? ranking : []) {
    [ranked.kills, ranked.deaths, ranked.captures] = [reader.u16(), reader.u16(), reader.u16()];
  }
  return { type: "end", ranking };
}
