//! What happened, as a client is told.

import { WireError } from "./bytes.js";

/** @typedef {{x: number, y: number}} Point in units */
/**
 * Places are null where they are out of sight. A rail's are where it comes into sight and where it goes out of it. `seen` is where
 * a rail found one's own drone, and how many ticks ago that was; null for other weapons, and for others.
 * @typedef {{what: "rail", by: number, from: Point, to: Point}
 *   | {what: "pellet-end", id: number, at: Point}
 *   | {what: "blast", by: number, at: Point}
 *   | {what: "hurt", slot: number, by: number, hp: number, seen: (Point & {back: number}) | null}
 *   | {what: "wrecked", slot: number, by: number, weapon: number, at: Point | null}
 *   | {what: "captured", body: number, by: number}
 *   | {what: "set", by: number, room: number}
 *   | {what: "returned", slot: number, at: Point}} Happening
 */

/** @param {import("./bytes.js").Reader} reader @returns {{age: number, event: Happening}} */
export function readEvent(reader) {
  const first = reader.u8();
  return { age: first >> 3, event: readHappening(first & 7, reader) };
}

/** @param {number} kind @param {import("./bytes.js").Reader} reader @returns {Happening} */
function readHappening(kind, reader) {
  switch (kind) {
    case 0:
      return { what: "rail", by: reader.u8(), from: readPoint(reader), to: readPoint(reader) };
    case 1:
      return { what: "pellet-end", id: reader.u16(), at: readPoint(reader) };
    case 2:
      return { what: "blast", by: reader.u8(), at: readPoint(reader) };
    case 3: {
      const [slot, by, lost] = [reader.u8(), reader.u8(), reader.u8()];
      return { what: "hurt", slot, by, hp: lost & 0x7f, seen: lost & 0x80 ? { back: reader.u8() / 8, ...readPoint(reader) } : null };
    }
    case 4: {
      const [slot, by, how] = [reader.u8(), reader.u8(), reader.u8()];
      const weapon = how & 0x7f;
      if (weapon > 3) throw new WireError("no such weapon");
      return { what: "wrecked", slot, by, weapon, at: how & 0x80 ? readPoint(reader) : null };
    }
    case 5:
      return { what: "captured", body: reader.u16(), by: reader.u8() };
    case 6:
      return { what: "set", by: reader.u8(), room: reader.u8() };
    default:
      return { what: "returned", slot: reader.u8(), at: readPoint(reader) };
  }
}

/** @param {import("./bytes.js").Reader} reader @returns {Point} */
function readPoint(reader) {
  return { x: reader.u16() / 16, y: reader.u16() / 16 };
}
