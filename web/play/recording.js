//! Reads recordings of matches, as `docs/replay-format.md` has them. They may come from a stranger: whatever is wrong with
//! one becomes a `RecordingError` with a sentence, and nothing is believed before it is checked.

import { Reader } from "./wire/bytes.js";

/** @typedef {{slot: number, isBot: boolean, name: string, wish: Uint8Array}} Place */
/** @typedef {{kind: "join", place: Place} | {kind: "leave", slot: number} | {kind: "tick", changes: {slot: number, command: Uint8Array}[]} | {kind: "hash", hash: bigint}} Record */
/** @typedef {{tick: number, places: Place[], state: Uint8Array}} Keyframe the whole state before `tick` */
/** @typedef {{tick: number, payload: Uint8Array}} Ticks records from `tick` on */
/** @typedef {{game: string, version: number, rate: number, commandBytes: number, id: string, seed: bigint, playersMax: number, options: Uint8Array}} About */

const MAGIC = "stoaplay";
const FORMAT_VERSION = 1;
const FRAME_BYTES = 13;
const CHUNK_BYTES_MAX = 8 << 20;
/** Longest recording that is looked at: an hour with 256 players is well below. */
export const RECORDING_BYTES_MAX = 256 << 20;
const TICKS_MAX = 60 * 60 * 30 + 1;

export class RecordingError extends Error {}

export class Recording {
  /** @type {About} */
  about;
  /** @type {Ticks[]} */
  ticks = [];
  /** @type {Keyframe[]} */
  keyframes = [];
  /** The tick before which it ends. */
  end = 1;
  /** Whether the match was over when it ended; false for a running match, or a writer that was cut off. */
  isWhole = false;

  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    const reader = new Reader(bytes, RecordingError);
    if (reader.left() < MAGIC.length + 2 || String.fromCharCode(...reader.bytes(MAGIC.length)) !== MAGIC) throw new RecordingError("This is not the recording of a match.");
    const version = reader.u16();
    if (version !== FORMAT_VERSION) throw new RecordingError(`The recording has format version ${version}, this page reads ${FORMAT_VERSION}.`);
    /** @type {About | null} */
    let about = null;
    while (reader.left() >= FRAME_BYTES && !this.isWhole) {
      const { kind, tick, payload } = readChunk(reader);
      if (!payload) break;
      if (!about) {
        if (kind !== 0) throw new RecordingError("The recording does not say what it is about.");
        about = readAbout(payload);
      } else if (kind === 1) this.ticks.push({ tick, payload });
      else if (kind === 2) this.keyframes.push(readKeyframe(tick, payload));
      else if (kind === 3) this.isWhole = true;
      if (tick > TICKS_MAX) throw new RecordingError("The recording is longer than any match.");
      if (kind === 3) this.end = tick;
    }
    if (!about) throw new RecordingError("The recording does not say what it is about.");
    this.about = about;
    if (!this.isWhole) this.end = this.#countTicks();
  }

  /** @returns {number} */
  #countTicks() {
    const last = this.ticks.at(-1);
    if (!last) return 1;
    let { tick } = last;
    for (const record of records(last.payload, this.about.commandBytes)) if (record.kind === "tick") tick += 1;
    return tick;
  }
}

/**
 * @param {Uint8Array} payload of a chunk of ticks @param {number} commandBytes without the rewind
 * @returns {Generator<Record>}
 */
export function* records(payload, commandBytes) {
  const reader = new Reader(payload, RecordingError);
  while (reader.left() > 0) {
    const kind = reader.u8();
    if (kind === 1) yield { kind: "join", place: readPlace(reader) };
    else if (kind === 2) yield { kind: "leave", slot: reader.u8() };
    else if (kind === 3) {
      const count = reader.varint();
      if (count > 256) throw new RecordingError("More players do something than a match has.");
      yield { kind: "tick", changes: Array.from({ length: count }, () => ({ slot: reader.u8(), command: reader.bytes(commandBytes + 1) })) };
    } else if (kind === 4) yield { kind: "hash", hash: reader.u64() };
    else throw new RecordingError("The recording has a record of an unknown kind.");
  }
}

/** @param {Reader} reader @returns {{kind: number, tick: number, payload: Uint8Array | null}} null if it was cut off */
function readChunk(reader) {
  const frame = reader.peek().subarray(0, FRAME_BYTES - 4);
  const [kind, tick, length, sum] = [reader.u8(), reader.u32(), reader.u32(), reader.u32()];
  if (kind > 3) throw new RecordingError("The recording has a chunk of an unknown kind.");
  if (length > CHUNK_BYTES_MAX) throw new RecordingError("A chunk of the recording is too long.");
  if (length > reader.left()) return { kind, tick, payload: null };
  const payload = reader.bytes(length);
  if (crc32(payload, crc32(frame)) !== sum) throw new RecordingError("The recording is damaged: a checksum is wrong.");
  return { kind, tick, payload };
}

/** @param {Uint8Array} payload @returns {About} */
function readAbout(payload) {
  const reader = new Reader(payload, RecordingError);
  const [game, version, rate, commandBytes, id] = [reader.text(reader.short()), reader.u32(), reader.u8(), reader.u8(), reader.text(reader.short())];
  const [seed, playersMax] = [reader.u64(), reader.u16()];
  const options = reader.bytes(reader.u16());
  if (commandBytes < 1 || commandBytes > 16 || rate === 0) throw new RecordingError("The recording is of no match.");
  return { game, version, rate, commandBytes, id, seed, playersMax, options };
}

/** @param {number} tick @param {Uint8Array} payload @returns {Keyframe} */
function readKeyframe(tick, payload) {
  const reader = new Reader(payload, RecordingError);
  const count = reader.u16();
  if (count > 256) throw new RecordingError("A keyframe has more places than a match.");
  const places = Array.from({ length: count }, () => readPlace(reader));
  return { tick, places, state: reader.bytes(reader.left()) };
}

/** @param {Reader} reader @returns {Place} */
function readPlace(reader) {
  const [slot, flags, name] = [reader.u8(), reader.u8(), reader.text(reader.short())];
  return { slot, isBot: (flags & 1) !== 0, name, wish: reader.short() };
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

/** @param {Uint8Array} bytes @param {number} [before] the sum of what came before @returns {number} CRC-32 (IEEE) */
export function crc32(bytes, before = 0) {
  let sum = ~before;
  for (const byte of bytes) sum = (CRC_TABLE[(sum ^ byte) & 255] ?? 0) ^ (sum >>> 8);
  return ~sum >>> 0;
}
