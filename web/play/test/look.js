import { ToyWorld } from "./toy-world.js";
import { LocalMatch } from "../local.js";
import { Show } from "../show.js";
const q = new URLSearchParams(location.search);
const world = new ToyWorld({ size: Number(q.get("size") ?? 6), drones: Number(q.get("drones") ?? 12), bodies: Number(q.get("bodies") ?? 72), seed: Number(q.get("seed") ?? 5) });
const show = new Show(document.getElementById("picture"), document.getElementById("labels"), { isPlain: q.has("plain") });
const match = new LocalMatch(world, 0);
for (let i = 0; i < Number(q.get("ticks") ?? 140); i++) world.step(new Map());
if (q.has("dark")) { const room = world.house.rooms[1]; Object.assign(world.drones[0], { x: (room.cells[0] % 16 + .5) * 256, y: (Math.floor(room.cells[0] / 16) + .5) * 256 }); }
world.drones[0].hp = 80;
let n = 0; const t0 = performance.now();
const aim = { buttons: 16 | 8, aim: 100 };
function frame(now) { n++; const m = match.look(now, () => ({ ...aim, aim: (world.tick * 5) % 1024, buttons: world.tick % 40 === 0 ? 32 : 16 })); show.paint(m, m.me, { reach: .5, pointer: { x: innerWidth * .7, y: innerHeight * .4 } }, now); document.title = `${n} ${(n * 1000 / (performance.now() - t0)).toFixed(1)} ${show.paintsWith}`; requestAnimationFrame(frame); }
requestAnimationFrame(frame);
