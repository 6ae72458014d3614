//! Recordings: read, played in the real simulation, and refused if they are damaged or hostile.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Arena, ArenaModule, ArenaWorld, options } from "../arena.js";
import { Recording, RecordingError, crc32 } from "../recording.js";
import { ReplayWorld } from "../replay.js";

const module = new ArenaModule(new WebAssembly.Module(readFileSync(new URL("../arena.wasm", import.meta.url))));
const SETUP = { seed: 77n, playersMax: 4, options: options(30, 5) };
const TICKS = 700;
const KEYFRAME = 300;

/** @param {string | number[] | Uint8Array} bytes */
const raw = (bytes) => (typeof bytes === "string" ? [...new TextEncoder().encode(bytes)] : [...bytes]);
const u16 = (/** @type {number} */ n) => [n & 255, n >> 8];
const u32 = (/** @type {number} */ n) => [n & 255, (n >> 8) & 255, (n >> 16) & 255, n >>> 24];
const u64 = (/** @type {bigint} */ n) => [...u32(Number(n & 0xffffffffn)), ...u32(Number(n >> 32n))];
const short = (/** @type {string} */ text) => [text.length, ...raw(text)];

/** @param {number} kind @param {number} tick @param {number[]} payload */
function chunk(kind, tick, payload) {
  const frame = [kind, ...u32(tick), ...u32(payload.length)];
  return [...frame, ...u32(crc32(Uint8Array.from(payload), crc32(Uint8Array.from(frame)))), ...payload];
}

const about = (game = "wreckroom") => [...short(game), ...u32(1), 30, 3, ...short("test"), ...u64(SETUP.seed), ...u16(SETUP.playersMax), ...u16(SETUP.options.length), ...SETUP.options];
const start = (/** @type {number[]} */ payload = about()) => [...raw("stoaplay"), ...u16(1), ...chunk(0, 0, payload)];

/** What two players do: something else every 20 ticks. @param {number} slot @param {number} tick */
const act = (slot, tick) => ({ buttons: [8, 16 | 2, 16, 128 | 1][(Math.floor(tick / 20) + slot) % 4] ?? 0, aim: (Math.floor(tick / 20) * 130 + slot * 300) % 1024 });

/** Plays a match natively to the module and writes its log, as the server does. @returns {{bytes: Uint8Array, hashes: Map<number, bigint>}} */
function recorded() {
  const arena = module.begin(SETUP);
  assert.ok(arena);
  const world = new ArenaWorld(arena, 5);
  const hashes = new Map();
  const bytes = start();
  let log = [];
  let since = 1;
  for (const slot of [0, 2]) {
    world.join(slot, `P${slot}`, slot, false);
    log.push(1, slot, 0, ...short(`P${slot}`), 1, slot);
  }
  for (let tick = 1; tick <= TICKS; tick += 1) {
    if (tick === KEYFRAME) {
      bytes.push(...chunk(1, since, log));
      const length = arena.call("arena_save");
      bytes.push(...chunk(2, tick, [...u16(2), 0, 0, ...short("P0"), 1, 0, 2, 0, ...short("P2"), 1, 2, ...arena.bytes.slice(0, length)]));
      [log, since] = [[], tick];
    }
    const changes = [0, 2].filter((slot) => tick === since || act(slot, tick).buttons !== act(slot, tick - 1).buttons || act(slot, tick).aim !== act(slot, tick - 1).aim);
    log.push(3, changes.length, ...changes.flatMap((slot) => [slot, act(slot, tick).buttons, ...u16(act(slot, tick).aim), 0]));
    world.step(new Map([0, 2].map((slot) => [slot, act(slot, tick)])));
    const hash = BigInt.asUintN(64, /** @type {bigint} */ (/** @type {unknown} */ (arena.call("arena_hash"))));
    hashes.set(tick, hash);
    if (tick % 30 === 0) log.push(4, ...u64(hash));
  }
  bytes.push(...chunk(1, since, log), ...chunk(3, TICKS + 1, u64(hashes.get(TICKS) ?? 0n)));
  return { bytes: Uint8Array.from(bytes), hashes };
}

const match = recorded();
const hashOf = (/** @type {ReplayWorld} */ replay) => BigInt.asUintN(64, /** @type {bigint} */ (/** @type {unknown} */ (replay.world.arena.call("arena_hash"))));

test("m3_a_recording_is_played_to_the_same_hashes", () => {
  const replay = new ReplayWorld(module, new Recording(match.bytes));
  assert.equal(replay.lastTick, TICKS);
  while (replay.step()) assert.equal(hashOf(replay), match.hashes.get(replay.tick), `tick ${replay.tick}`);
  assert.equal(replay.tick, TICKS);
  assert.equal(replay.firstFault, 0);
  assert.equal(replay.hashes, Math.floor(TICKS / 30));
  assert.deepEqual([...replay.world.players.values()].map((player) => player.name), ["P0", "P2"]);
});

test("m3_any_place_of_a_recording_is_the_same_state_whatever_way_one_got_there", () => {
  const replay = new ReplayWorld(module, new Recording(match.bytes));
  for (const tick of [650, 10, 299, 300, 301, 699, 450, 330, 1, 620]) {
    replay.rewind(tick);
    while (replay.tick < tick) assert.ok(replay.step());
    assert.equal(hashOf(replay), match.hashes.get(tick), `tick ${tick}`);
    assert.equal(replay.world.players.size, 2);
  }
  assert.equal(replay.firstFault, 0);
});

test("m3_a_keyframe_saves_the_way_from_the_beginning", () => {
  const replay = new ReplayWorld(module, new Recording(match.bytes));
  replay.rewind(TICKS);
  assert.equal(replay.tick, KEYFRAME - 1);
});

test("m3_a_recording_that_was_cut_off_plays_what_is_whole", () => {
  const recording = new Recording(match.bytes.subarray(0, match.bytes.length - 1000));
  assert.equal(recording.isWhole, false);
  assert.equal(recording.end, KEYFRAME);
  const replay = new ReplayWorld(module, recording);
  while (replay.step());
  assert.equal(replay.tick, KEYFRAME - 1);
});

test("m3_a_changed_recording_is_noticed", () => {
  for (let at = 30; at < match.bytes.length; at += 97) {
    const bytes = Uint8Array.from(match.bytes);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    // Either a checksum is wrong, or a length ends the recording early: it is never played as if nothing were.
    try {
      assert.equal(new Recording(bytes).isWhole, false, `byte ${at}`);
    } catch (error) {
      assert.ok(error instanceof RecordingError, String(error));
    }
  }
});

test("m3_hostile_recordings_are_refused_with_a_sentence", () => {
  /** @type {[string, number[]][]} */
  const hostile = [
    ["nothing", []],
    ["another file", raw("\x89PNG\r\n\x1a\n and so on")],
    ["another version", [...raw("stoaplay"), ...u16(9)]],
    ["no first chunk", [...raw("stoaplay"), ...u16(1), ...chunk(1, 1, [])]],
    ["an endless chunk", [...start(), 1, ...u32(1), 255, 255, 255, 255, 0, 0, 0, 0]],
    ["a kind that does not exist", [...start(), ...chunk(9, 1, [])]],
    ["a name that goes beyond the end", start([200, 1, 2])],
    ["a keyframe with too many places", [...start(), ...chunk(2, 1, [255, 255])]],
    ["a match of years", [...start(), ...chunk(1, 0x7fffffff, []), ...chunk(3, 0x7fffffff, u64(0n))]],
  ];
  for (const [what, bytes] of hostile) assert.throws(() => new Recording(Uint8Array.from(bytes)), RecordingError, what);
  const foreign = new Recording(Uint8Array.from([...start(about("chess")), ...chunk(3, 1, u64(0n))]));
  assert.throws(() => new ReplayWorld(module, foreign), RecordingError);
  const older = about();
  older[10] = 99;
  const otherRules = new Recording(Uint8Array.from([...start(older), ...chunk(3, 1, u64(0n))]));
  assert.throws(() => new ReplayWorld(module, otherRules), /has version 99 of the rules, this page has version 1/);
  const nonsense = new Recording(Uint8Array.from([...start(), ...chunk(1, 1, [3, 255, 255, 255, 255, 255, 1]), ...chunk(3, 2, u64(0n))]));
  assert.throws(() => new ReplayWorld(module, nonsense).step(), RecordingError);
});

test("the_checksum_is_the_usual_one", () => {
  assert.equal(crc32(Uint8Array.from(raw("123456789"))), 0xcbf43926);
});

test("a_house_of_the_module_has_its_doors_and_rooms", () => {
  const arena = module.begin({ seed: 5n, playersMax: 64, options: options(100, 5) });
  assert.ok(arena instanceof Arena);
  assert.equal(arena.house.size, 10);
  assert.ok(arena.house.rooms.length > 3);
  const openings = arena.openings(40);
  assert.equal(openings.size, arena.house.doors.length);
  assert.ok(openings.size > 0 && [...openings.values()].every((opening) => opening >= 0 && opening <= 48));
  // Every room goes dark at its time, and stays dark.
  assert.equal(arena.darkCells(0).size, 0);
  assert.ok(arena.darkCells(2000).size > 0);
});
