//! The match protocol: this decoder finds in the server's test vectors what the server's own decoder finds.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { World, WireError, encodeHello, encodeInput, encodeLeave, encodePace, encodePing, encodeWatch, pelletAt, placeAt, readMessage } from "../wire.js";

const VECTORS = new URL("../../../crates/arena/tests/vectors/", import.meta.url);
const NAMES = readdirSync(VECTORS).filter((name) => name.endsWith(".txt"));

/** @param {string} text */
const unhex = (text) => Uint8Array.from(text.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16));
/** @param {Uint8Array} bytes */
const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** @param {string} name @returns {{introduction: Uint8Array, snapshots: {tick: number, body: Uint8Array, lines: string[]}[]}} */
function vector(name) {
  const [first, ...lines] = readFileSync(new URL(name, VECTORS), "utf8").trimEnd().split("\n");
  assert.ok(first !== undefined && first.startsWith("introduction "));
  /** @type {{tick: number, body: Uint8Array, lines: string[]}[]} */
  const snapshots = [];
  for (const line of lines) {
    const [word, tick, body] = line.split(" ");
    if (word === "snapshot") snapshots.push({ tick: Number(tick), body: unhex(body ?? ""), lines: [] });
    else snapshots.at(-1)?.lines.push(line);
  }
  return { introduction: unhex(first.slice("introduction ".length)), snapshots };
}

/** @param {Uint8Array} introduction */
function welcome(introduction) {
  const flags = { isSpectator: false, isReturn: false, slot: 0, rate: 30, tick: 0, seed: 1n, simulation: 1 };
  return { type: /** @type {const} */ ("welcome"), ...flags, resume: new Uint8Array(16), game: "wreckroom", match: "m", introduction };
}

/** @param {{x: number, y: number} | null} at */
const place = (at) => (at === null ? "-" : `${at.x * 16} ${at.y * 16}`);

/** @param {import("../wire/events.js").Happening} event @returns {string} */
function told(event) {
  switch (event.what) {
    case "rail":
      return `rail ${event.by} ${place(event.from)} ${place(event.to)}`;
    case "pellet-end":
      return `pellet-end ${event.id} ${place(event.at)}`;
    case "blast":
      return `blast ${event.by} ${place(event.at)}`;
    case "hurt":
      return `hurt ${event.slot} ${event.by} ${event.hp}${event.seen ? ` ${event.seen.back * 8} ${place(event.seen)}` : ""}`;
    case "wrecked":
      return `wrecked ${event.slot} ${event.by} ${event.weapon} ${place(event.at)}`;
    case "captured":
      return `captured ${event.body} ${event.by}`;
    case "set":
      return `set ${event.by} ${event.room}`;
    default:
      return `returned ${event.slot} ${place(event.at)}`;
  }
}

/** What was found in a snapshot, as the vectors have it. @param {World} world @param {import("../wire/world.js").Changes} changes */
function found(world, changes) {
  const ended = new Set(changes.events.flatMap(({ event }) => (event.what === "pellet-end" ? [event.id % 4096] : [])));
  const sign = (/** @type {number} */ speed) => (Math.abs(speed) < 1e-9 ? 0 : Math.sign(speed));
  const pellets = changes.pellets
    .filter(({ id }) => !ended.has(id))
    .sort((a, b) => a.id - b.id)
    .map((pellet) => {
      const { id, owner, vx, vy, life, bounces } = pellet;
      return `pellet ${id} ${owner} ${place(pellet)} ${sign(vx)} ${sign(vy)} ${life} ${bounces}`;
    });
  const events = changes.events.map(({ age, event }) => `event ${age} ${told(event)}`);
  return [...pellets, ...events, `digest ${world.digest().toString(16).padStart(8, "0")}`];
}

for (const name of NAMES) {
  test(`m2: ${name}: this decoder finds what the server's finds`, () => {
    const { introduction, snapshots } = vector(name);
    const world = new World(welcome(introduction));
    assert.ok(snapshots.length > 20);
    for (const { tick, body, lines } of snapshots) {
      const changes = world.apply({ tick, body });
      assert.deepEqual(found(world, changes), lines, `tick ${tick}`);
    }
  });
}

test("pellets fly to where the server says that they end", () => {
  let [ends, far] = [0, 0];
  for (const name of NAMES) {
    const { introduction, snapshots } = vector(name);
    const world = new World(welcome(introduction));
    for (const { tick, body } of snapshots) {
      const known = new Map(world.pellets);
      for (const { age, event } of world.apply({ tick, body }).events) {
        const pellet = event.what === "pellet-end" ? known.get(event.id % 4096) : undefined;
        if (event.what !== "pellet-end" || pellet === undefined || pellet.tick >= tick - age) continue;
        // Somewhere between where it was in the tick before and where it would be now.
        const places = [0, 0.25, 0.5, 0.75, 1].map((part) => pelletAt(world, { ...pellet, endsAt: null }, tick - age - part));
        const off = places.map((at) => (at === null ? Infinity : Math.hypot(at.x - event.at.x, at.y - event.at.y)));
        ends += 1;
        far += Math.min(...off) > 6 ? 1 : 0;
      }
    }
  }
  assert.ok(ends > 300 && far * 100 <= ends, `${far} of ${ends} end elsewhere`);
});

test("there are vectors of players and of spectators", () => {
  assert.deepEqual(NAMES.sort(), ["crowd.txt", "leader.txt", "place.txt", "player.txt"]);
});

test("messages of a client are the bytes of the page", () => {
  const resume = Uint8Array.from({ length: 16 }, (_, nth) => nth);
  assert.equal(hex(encodeHello({ name: "Ann" })), "01010003416e6e00000000");
  const all = encodeHello({ name: "", spectate: true, token: "t", resume, colour: 3 });
  assert.equal(hex(all), "01010100010074" + "10000102030405060708090a0b0c0d0e0f" + "0103");
  const commands = [{ buttons: 0xa5, aim: 1023 }, { buttons: 0, aim: 1024 }];
  assert.equal(hex(encodeInput({ acknowledged: 1, view: 2, first: 3, commands })), "02" + "010000000200000003000000" + "02" + "a5ff03" + "000000");
  assert.equal(hex(encodePing(0xfffefdfc)), "03fcfdfeff");
  assert.equal(hex(encodePace(true)) + hex(encodePace(false)) + hex(encodeLeave()), "0401" + "0400" + "06");
  assert.equal(hex(encodeWatch(null)) + hex(encodeWatch({ slot: 7 })), "0500" + "050107");
  assert.equal(hex(encodeWatch({ x: 256, y: 1e9 })), "05020001ff0f");
});

test("a hello of any length is whole", () => {
  const resume = new Uint8Array(16).fill(7);
  for (let length = 0; length < 300; length += 1) {
    const hello = encodeHello({ name: "Ann", token: "t".repeat(length), resume, colour: 3 });
    assert.equal(hello.length, 28 + length);
    assert.equal(hex(hello.subarray(9 + length)).slice(-38), "10" + "07".repeat(16) + "0103", `a token of ${length} bytes`);
  }
});

test("messages of the server are read", () => {
  const resume = "000102030405060708090a0b0c0d0e0f";
  const text = "8101" + "02" + "05" + "1e" + "64000000" + "0807060504030201" + "09000000" + resume + "0157" + "026d31" + "aabb";
  const read = readMessage(unhex(text));
  assert.ok(read.type === "welcome");
  assert.deepEqual([read.isSpectator, read.isReturn, read.slot, read.rate, read.tick], [false, true, 5, 30, 100]);
  assert.deepEqual([read.seed, read.simulation, read.game, read.match], [0x0102030405060708n, 9, "W", "m1"]);
  assert.equal(hex(read.introduction), "aabb");
  assert.deepEqual(readMessage(unhex("83" + "01000000" + "02000000" + "0080")), { type: "pong", time: 1, tick: 2, phase: 0.5 });
  const roster = readMessage(unhex("84" + "01" + "03" + "05" + "0141" + "0104"));
  assert.ok(roster.type === "roster");
  assert.deepEqual(roster.entries, [
    { slot: 3, isBot: true, isGone: false, isAway: true, name: "A", look: Uint8Array.of(4), colour: 4 },
  ]);
  assert.deepEqual(readMessage(unhex("85" + "02" + "6869")), { type: "notice", kind: 2, text: "hi" });
  assert.deepEqual(readMessage(unhex("86" + "01" + "03" + "0100" + "ff000000" + "0100" + "0200" + "0300")), {
    type: "end",
    ranking: [{ slot: 3, rank: 1, points: 255, kills: 1, deaths: 2, captures: 3 }],
  });
});

test("a snapshot tells what differs from the one before", () => {
  const body = unhex("08");
  const first = { type: /** @type {const} */ ("snapshot"), tick: 5, applied: 4, margin: -3, speed: 95, cost: 41, body };
  assert.deepEqual(readMessage(unhex("f8" + "05000000" + "01" + "fd" + "5f" + "29" + "08")), first);
  assert.deepEqual(readMessage(unhex("c108"), first), { ...first, tick: 6, applied: 6 });
  assert.deepEqual(readMessage(unhex("d7" + "09" + "08"), first), { ...first, tick: 8, margin: 9 });
  assert.deepEqual(readMessage(unhex("e8" + "09000000" + "04" + "5a" + "29" + "08"), first), { ...first, tick: 9, applied: 5, speed: 90 });
  assert.deepEqual(readMessage(unhex("c0" + "03000000" + "08"), first), { ...first, tick: 3, applied: 3 });
});

test("p8: a snapshot that leans on nothing or names no tick is refused", () => {
  const last = { type: /** @type {const} */ ("snapshot"), tick: 0xffffffff, applied: 0, margin: 0, speed: 100, cost: 0, body: unhex("") };
  for (const bytes of ["f1006400", "f401000000006400", "e0010000006400", "d00100000000", "c1", "c5"]) {
    assert.throws(() => readMessage(unhex(bytes)), WireError, bytes);
  }
  for (const bytes of ["c1", "c5", "cc01000000", "c80100000002"]) {
    assert.throws(() => readMessage(unhex(bytes), last), WireError, bytes);
  }
  const whole = "f80500000001fd5f29";
  for (let end = 0; end < whole.length; end += 2) {
    assert.throws(() => readMessage(unhex(whole.slice(0, end))), WireError, `cut to ${end / 2} bytes`);
  }
});

test("p8: what is no message is refused", () => {
  for (const bytes of ["", "80", "82", "8200", "83010000000200000000", "8501ff", "8402", "86ffffff7f", "8300000000000000000000ff"]) {
    assert.throws(() => readMessage(unhex(bytes)), WireError, bytes);
  }
});

test("p8: hostile snapshots are refused, or read, and nothing else", () => {
  // A generator of its own, so that a failure can be repeated.
  let state = 0x2545f491;
  const random = (/** @type {number} */ below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
  let refused = 0;
  for (const name of NAMES) {
    const { introduction, snapshots } = vector(name);
    for (let round = 0; round < 60; round += 1) {
      const world = new World(welcome(introduction));
      const start = random(snapshots.length);
      try {
        for (const { tick, body } of snapshots.slice(0, 1 + (start % 40))) {
          const bytes = body.slice(0, random(12) === 0 ? random(body.length + 1) : body.length);
          if (random(4) === 0 && bytes.length > 0) bytes[random(bytes.length)] = random(256);
          world.apply({ tick: random(30) === 0 ? random(2 ** 32) : tick, body: bytes });
        }
      } catch (error) {
        if (!(error instanceof WireError)) throw error;
        refused += 1;
      }
    }
  }
  assert.ok(refused > 50, `${refused} were refused`);
});

test("a place between two is on the line between them, and what leaps does not fly", () => {
  const track = [{ tick: 10, x: 0, y: 0, aim: 1000 }, { tick: 12, x: 20, y: 40, aim: 24 }];
  assert.deepEqual(placeAt(track, 11), { x: 10, y: 20, aim: 0 });
  assert.deepEqual(placeAt(track, 9), track[0]);
  assert.deepEqual(placeAt(track, 13), { x: 30, y: 60, aim: 24 });
  assert.deepEqual(placeAt(track, 100), placeAt(track, 15), "not further than three ticks");
  assert.deepEqual(placeAt([{ tick: 1, x: 0, y: 0, aim: 0 }, { tick: 2, x: 500, y: 0, aim: 0 }], 1.5)?.x, 0);
  assert.equal(placeAt([], 1), null);
});
