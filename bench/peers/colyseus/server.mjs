// The reduced game on Colyseus: `node server.mjs HOST:PORT`. The room `near` shows each client what is within 600 units, with
// a StateView; the room `all` shows everybody everything, with one patch for all.
//
// Written as its documentation says, with what makes it fast: fields as narrow as the numbers allow, no decorators at run
// time, a patch right after each tick instead of on a second timer, a grid to find who is near, and views that change a
// third of the time, because nobody crosses more than a few units in 100 ms.

import { Server, Room } from '@colyseus/core';
import { WebSocketTransport } from '@colyseus/ws-transport';
import { MapSchema, Schema, StateView, defineTypes, view } from '@colyseus/schema';
import { HP_MAX, SIDE, SIGHT, TICKS_PER_SECOND, UNIT, move, newBody } from './rules.mjs';

/** Places in a room. */
const PLAYERS_MAX = 256;
/** A view is brought up to date each this many ticks. */
const VIEW_TICKS = 3;
/** The grid has cells of this side, so that sight reaches into the neighbours and no further. */
const CELL = SIGHT;
const CELLS = Math.ceil(SIDE / CELL);

class Player extends Schema {}
defineTypes(Player, { x: 'uint16', y: 'uint16', angle: 'uint16', hp: 'uint8' });

class NearState extends Schema {
  constructor() {
    super();
    this.players = new MapSchema();
  }
}
defineTypes(NearState, { players: { map: Player } });
view()(NearState.prototype, 'players');

class AllState extends Schema {
  constructor() {
    super();
    this.players = new MapSchema();
  }
}
defineTypes(AllState, { players: { map: Player } });

/** What the bots send is `[direction, angle]`, as message number 0. */
class DriftRoom extends Room {
  onCreate() {
    this.maxClients = PLAYERS_MAX;
    this.patchRate = null;
    this.tick = 0;
    this.free = Array.from({ length: PLAYERS_MAX }, (_, place) => PLAYERS_MAX - 1 - place);
    /** By session id. */
    this.drivers = new Map();
    this.onMessage(0, (client, [direction, angle]) => {
      const driver = this.drivers.get(client.sessionId);
      if (driver && direction >= 0 && direction <= 8) [driver.body.direction, driver.angle] = [direction, angle & 1023];
    });
    this.setSimulationInterval(() => this.step(), 1000 / TICKS_PER_SECOND);
  }

  onJoin(client) {
    const slot = this.free.pop() ?? 0;
    const player = new Player();
    const driver = { slot, client, player, body: newBody(slot), angle: 0, visible: new Set() };
    this.drivers.set(client.sessionId, driver);
    this.show(driver);
    this.state.players.set(String(slot), player);
    this.joined(driver);
  }

  onLeave(client) {
    const driver = this.drivers.get(client.sessionId);
    if (!driver) return;
    this.drivers.delete(client.sessionId);
    this.free.push(driver.slot);
    this.left(driver);
    this.state.players.delete(String(driver.slot));
  }

  step() {
    this.tick += 1;
    for (const driver of this.drivers.values()) {
      move(driver.body);
      this.show(driver);
    }
    this.look();
    this.broadcastPatch();
  }

  /** Writes what clients see. */
  show({ body, player, angle }) {
    player.x = body.x;
    player.y = body.y;
    player.angle = angle;
    player.hp = body.hp;
  }

  joined() {}
  left() {}
  look() {}
}

export class AllRoom extends DriftRoom {
  state = new AllState();
}

export class NearRoom extends DriftRoom {
  state = new NearState();

  joined(driver) {
    driver.client.view = new StateView();
    driver.client.view.add(driver.player);
    driver.visible.add(driver);
  }

  left(driver) {
    for (const other of this.drivers.values()) {
      if (other.visible.delete(driver)) other.client.view?.remove(driver.player);
    }
    driver.client.view?.dispose?.();
  }

  look() {
    const cells = Array.from({ length: CELLS * CELLS }, () => []);
    const cellOf = (/** @type {number} */ at) => Math.min(Math.floor(at / CELL), CELLS - 1);
    for (const driver of this.drivers.values()) {
      cells[cellOf(driver.body.y) * CELLS + cellOf(driver.body.x)].push(driver);
    }
    for (const driver of this.drivers.values()) {
      if ((driver.slot + this.tick) % VIEW_TICKS !== 0) continue;
      const [column, row] = [cellOf(driver.body.x), cellOf(driver.body.y)];
      const seen = new Set([driver]);
      for (let y = Math.max(row - 1, 0); y <= Math.min(row + 1, CELLS - 1); y += 1) {
        for (let x = Math.max(column - 1, 0); x <= Math.min(column + 1, CELLS - 1); x += 1) {
          for (const other of cells[y * CELLS + x]) {
            const [dx, dy] = [other.body.x - driver.body.x, other.body.y - driver.body.y];
            if (dx * dx + dy * dy <= SIGHT * SIGHT) seen.add(other);
          }
        }
      }
      for (const other of driver.visible) if (!seen.has(other)) driver.client.view.remove(other.player);
      for (const other of seen) if (!driver.visible.has(other)) driver.client.view.add(other.player);
      driver.visible = seen;
    }
  }
}

const [, host, port] = process.argv[2].match(/^(.*):(\d+)$/);
const server = new Server({ greet: false, transport: new WebSocketTransport({ pingInterval: 10_000 }) });
server.define('near', NearRoom);
server.define('all', AllRoom);
await server.listen(Number(port), host);
console.log(`listening on ${process.argv[2]}, ${PLAYERS_MAX} players in an arena of ${SIDE / UNIT} units, ${HP_MAX} health`);
