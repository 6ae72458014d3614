// A few clients that read everything with Colyseus' own SDK while the load runs: `node witness.mjs URL ROOM CLIENTS SECONDS`.
// They check that what they see is the game, and count what it costs: prints `name value` lines.

import { Client } from '@colyseus/sdk';
import { HP_MAX, TICKS_PER_SECOND } from './rules.mjs';

const [url, name, clients, seconds] = process.argv.slice(2);
const counts = { patches: 0, bytes: 0, objects: 0, moved: 0, wrong: 0 };

/** Counts the bytes of every message that a room gets, before the SDK reads it. */
function count(room) {
  const connection = room.connection;
  const read = connection.events.onmessage;
  connection.events.onmessage = (event) => {
    counts.bytes += event.data.byteLength;
    read(event);
  };
}

const rooms = [];
for (let nth = 0; nth < Number(clients); nth += 1) {
  const room = await new Client(url).joinOrCreate(name);
  let before = new Map();
  let direction = 8;
  let angle = nth * 100;
  room.onStateChange((state) => {
    counts.patches += 1;
    const now = new Map();
    state.players.forEach((player, slot) => {
      counts.objects += 1;
      now.set(slot, player.x * 65536 + player.y);
      if (before.has(slot) && before.get(slot) !== now.get(slot)) counts.moved += 1;
      if (player.hp < 1 || player.hp > HP_MAX || player.angle > 1023) counts.wrong += 1;
    });
    before = now;
  });
  count(room);
  const timer = setInterval(() => {
    if (Math.random() < 1 / TICKS_PER_SECOND) direction = Math.floor(Math.random() * 9);
    angle = (angle + Math.floor(Math.random() * 33) + 1008) % 1024;
    room.send(0, [direction, angle]);
  }, 1000 / TICKS_PER_SECOND);
  rooms.push({ room, timer });
}
await new Promise((done) => setTimeout(done, 2000));
for (const key of Object.keys(counts)) counts[key] = 0;
await new Promise((done) => setTimeout(done, Number(seconds) * 1000));
const { patches, bytes, objects, moved, wrong } = counts;
console.log(`witness_patches ${patches}`);
console.log(`witness_bytes ${bytes}`);
console.log(`bytes_per_visible_object ${objects > 0 ? bytes / objects : 0}`);
console.log(`objects_visible ${patches > 0 ? objects / patches : 0}`);
console.log(`moved_share ${objects > 0 ? moved / objects : 0}`);
console.log(`wrong ${wrong}`);
for (const { room, timer } of rooms) {
  clearInterval(timer);
  await room.leave();
}
process.exit(0);
