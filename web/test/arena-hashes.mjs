// Plays the same matches of bots as the example `arena_hashes` of the crate `arena`, with the WebAssembly module, and prints
// the same lines if the module computes the same:
//
//     node web/test/arena-hashes.mjs web/play/arena.wasm FIRST_SEED SEEDS TICKS
//
// With `--speed` it prints instead how long a tick takes.
import { readFile } from "node:fs/promises";

const LINE_TICKS = 1000;
const PLAYERS = [8, 24, 64, 128, 256];
const TEAMS = [0, 0, 3];
const MINUTES = 60;

const [path, ...rest] = process.argv.slice(2);
const isSpeed = rest.includes("--speed");
const [first = 0, seeds = 0, ticks = 0] = rest.filter((word) => word !== "--speed").map(Number);
if (path === undefined || ticks === 0) {
  console.error("usage: arena-hashes.mjs ARENA_WASM FIRST_SEED SEEDS TICKS [--speed]");
  process.exit(2);
}
const { instance } = await WebAssembly.instantiate(await readFile(path), {});
const arena = /** @type {any} */ (instance.exports);
const memory = /** @type {WebAssembly.Memory} */ (instance.exports.memory);
const buffer = arena.buffer();

/** @param {number} players */
function bodiesFor(players) {
  const cells = Math.min(16, Math.max(5, 4 + Math.floor(Math.sqrt(Math.floor((players * 9) / 16)))));
  return Math.floor((cells * cells * 500) / 256);
}

/** @param {number} seed */
function play(seed) {
  const players = PLAYERS[seed % 5] ?? 0;
  const bodies = bodiesFor(players);
  new Uint8Array(memory.buffer, buffer, 5).set([1, bodies & 255, bodies >> 8, MINUTES, TEAMS[seed % 3] ?? 0]);
  if (arena.begin(seed, 0, players, 5) !== 1) throw new Error(`there is no match of seed ${seed}`);
  arena.arena_new();
  for (let slot = 0; slot < players; slot += 1) arena.arena_join(slot, 255, 1);
  let all = 0n;
  /** @type {number[]} */
  const times = [];
  for (let tick = 1; tick <= ticks; tick += 1) {
    for (let slot = 0; slot < players; slot += 1) arena.arena_bot(slot, tick, seed);
    const began = performance.now();
    arena.arena_step();
    times.push(performance.now() - began);
    const hash = BigInt.asUintN(64, arena.arena_hash());
    all = BigInt.asUintN(64, (all << 1n) | (all >> 63n)) ^ hash;
    if (!isSpeed && (tick % LINE_TICKS === 0 || tick === ticks)) {
      const hex = (/** @type {bigint} */ number) => number.toString(16).padStart(16, "0");
      console.log(`seed ${seed} players ${players} tick ${tick} hash ${hex(hash)} all ${hex(all)}`);
    }
  }
  if (isSpeed) {
    times.sort((a, b) => a - b);
    const micros = (/** @type {number} */ share) => ((times[Math.floor(times.length * share)] ?? 0) * 1000).toFixed(1);
    console.log(`seed ${seed} players ${players}: step median ${micros(0.5)} µs, p99 ${micros(0.99)} µs`);
  }
}

for (let seed = first; seed < first + seeds; seed += 1) play(seed);
