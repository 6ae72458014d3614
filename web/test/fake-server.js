//! A stand-in for the server, for work on the page without one: the chat protocol in memory, and this folder over HTTP
//! with the same Content-Security-Policy. `node test/fake-server.js [port]`. Tests also make it fail on purpose.

import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { randomBytes } from "node:crypto";
import { WebSocketServer } from "ws";
import { DEFAULT_LIMITS } from "../sdk/protocol.js";

const WEB = fileURLToPath(new URL("..", import.meta.url));
const TYPES = /** @type {Record<string, string>} */ ({
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
  ".webmanifest": "application/manifest+json",
});
const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self' ws: wss:; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; manifest-src 'self'";

/**
 * @typedef {{user: string, name: string, socket: import("ws").WebSocket, receiving: Set<string>, say: (m: object) => void}} Peer
 * @typedef {{events: any[], members: Map<string, {read: number}>, ids: Map<string, any>, names: Map<string, string>}} FakeRoom
 */

/** The protocol over plain maps: slow for many, right for few. */
class FakeChat {
  /** @type {Map<string, FakeRoom>} */ rooms = new Map();
  /** @type {Set<Peer>} */ peers = new Set();
  /** @type {Map<string, string>} */ tokens = new Map();
  epoch = randomBytes(4).toString("hex");
  /** Codes with which the next sends are refused. @type {{code: string, retry_ms?: number}[]} */ refusals = [];
  /** While true, sends get no answer. */ mute = false;

  /** @param {string} name */
  room(name) {
    let room = this.rooms.get(name);
    if (!room) this.rooms.set(name, (room = { events: [], members: new Map(), ids: new Map(), names: new Map() }));
    return room;
  }

  /** @param {string} room @param {object} message @param {(peer: Peer) => boolean} [who] */
  push(room, message, who = () => true) {
    for (const peer of this.peers) if (peer.receiving.has(room) && who(peer)) peer.say(message);
  }

  /** @param {string} name @param {{user: string, name: string}} from @param {object} what */
  append(name, from, what) {
    const room = this.room(name);
    const event = { seq: room.events.length + 1, from: from.user, name: from.name, at: Date.now(), ...what };
    room.events.push(event);
    this.push(name, { t: "event", room: name, ...event });
    return event;
  }

  /** @param {string} name */
  online(name) {
    /** @type {Map<string, {user: string, name: string, devices: number}>} */
    const users = new Map();
    for (const peer of this.peers) {
      if (!peer.receiving.has(name)) continue;
      const known = users.get(peer.user);
      if (known) known.devices += 1;
      else users.set(peer.user, { user: peer.user, name: peer.name, devices: 1 });
    }
    return users;
  }

  /** @param {string} name @param {string} user @param {string} display */
  presence(name, user, display) {
    const users = this.online(name);
    const entry = users.get(user) ?? { user, name: display, devices: 0 };
    this.push(name, { t: "presence", room: name, online: users.size, users: [entry] });
  }

  /** @param {string} name @param {string} user */
  status(name, user) {
    const room = this.room(name);
    const read = room.members.get(user)?.read ?? 0;
    const unread = room.events.filter((e) => e.seq > read && e.kind === "message" && e.from !== user).length;
    return { first: 1, head: room.events.length, read, unread };
  }

  /** @param {Peer} peer @param {any} m */
  hello(peer, m) {
    peer.user = (m.token && this.tokens.get(m.token)) || "";
    if (m.token && !peer.user) return peer.socket.close(4401, "unknown token");
    if (!peer.user && !m.name) return peer.socket.close(4400, "a guest needs a name");
    peer.user ||= `guest-${randomBytes(8).toString("hex")}`;
    peer.name = m.name ?? peer.user;
    const token = m.token ?? randomBytes(16).toString("base64url");
    this.tokens.set(token, peer.user);
    this.peers.add(peer);
    const { user, name } = peer;
    peer.say({ t: "welcome", user, name, token, epoch: this.epoch, time: Date.now(), ping_ms: 25_000, rooms: this.summaries(user), limits: DEFAULT_LIMITS });
  }

  /** @param {string} user */
  summaries(user) {
    const mine = [...this.rooms].filter(([, room]) => room.members.has(user)).sort(([a], [b]) => (a < b ? -1 : 1));
    return mine.map(([room]) => ({ room, ...this.status(room, user) }));
  }

  /** @param {Peer} peer @param {any} m */
  join(peer, m) {
    const room = this.room(m.room);
    const head = room.events.length;
    const fresh = !room.members.has(peer.user);
    const first = !peer.receiving.has(m.room);
    if (fresh) room.members.set(peer.user, { read: head });
    room.names.set(peer.user, peer.name);
    peer.receiving.add(m.room);
    const users = [...this.online(m.room).values()];
    const { id } = m;
    peer.say({ t: "joined", id, room: m.room, ...this.status(m.room, peer.user), head, members: room.members.size, online: users.length, users: users.slice(0, 200) });
    if (fresh) this.append(m.room, peer, { kind: "join" });
    if (first) this.presence(m.room, peer.user, peer.name);
  }

  /** @param {Peer} peer @param {any} m */
  resume(peer, m) {
    const rooms = /** @type {Record<string, object>} */ ({});
    const errors = /** @type {Record<string, string>} */ ({});
    const replay = [];
    for (const [name, last] of Object.entries(m.rooms)) {
      const room = this.rooms.get(name);
      if (!room?.members.has(peer.user)) {
        errors[name] = room ? "not_member" : "not_found";
        continue;
      }
      const head = room.events.length;
      const truncated = m.epoch && m.epoch !== this.epoch ? "epoch" : Number(last) > head ? "ahead" : undefined;
      const from = truncated ? head + 1 : Number(last) + 1;
      peer.receiving.add(name);
      rooms[name] = { from, ...this.status(name, peer.user), members: room.members.size, online: this.online(name).size, truncated };
      replay.push(...room.events.slice(from - 1).map((event) => ({ t: "event", room: name, ...event })));
    }
    peer.say({ t: "resumed", id: m.id, rooms, errors });
    for (const message of replay) peer.say(message);
    for (const name of Object.keys(rooms)) this.presence(name, peer.user, peer.name);
  }

  /** @param {Peer} peer @param {any} m @param {FakeRoom} room */
  send(peer, m, room) {
    if (this.mute) return;
    const refusal = this.refusals.shift();
    const { id } = m;
    if (refusal) return peer.say({ t: "error", id, room: m.room, message: "Refused for a test.", ...refusal });
    if (Buffer.byteLength(m.body) > DEFAULT_LIMITS.body_bytes_max) {
      return peer.say({ t: "error", id, room: m.room, code: "too_large", message: "The message is too long." });
    }
    const key = `${peer.user} ${id}`;
    const known = room.ids.get(key);
    if (known && known.body !== m.body) return peer.say({ t: "error", id, room: m.room, code: "conflict", message: "Taken." });
    const event = known ?? this.append(m.room, peer, { kind: "message", id, body: m.body });
    room.ids.set(key, event);
    const member = room.members.get(peer.user);
    if (member) member.read = Math.max(member.read, event.seq);
    peer.say({ t: "ack", id, room: m.room, seq: event.seq, at: event.at, ...(known ? { dup: true } : {}) });
  }

  /** @param {Peer} peer @param {any} m @param {FakeRoom} room */
  history(peer, m, room) {
    const limit = Math.min(m.limit ?? 50, 200);
    const forward = m.after !== undefined;
    const all = room.events.filter((e) => (forward ? e.seq > m.after : e.seq < (m.before ?? Infinity)));
    const events = forward ? all.slice(0, limit) : all.slice(-limit);
    peer.say({ t: "page", id: m.id, room: m.room, first: 1, head: room.events.length, more: all.length > events.length, events });
  }

  /** @param {Peer} peer @param {any} m @param {FakeRoom} room */
  members(peer, m, room) {
    const online = this.online(m.room);
    const all = [...room.members].filter(([user]) => !m.after || user > m.after).sort(([a], [b]) => (a < b ? -1 : 1));
    const members = all.slice(0, m.limit ?? 200).map(([user, { read }]) => ({
      user, name: online.get(user)?.name ?? room.names.get(user) ?? user, read, devices: online.get(user)?.devices ?? 0,
    }));
    peer.say({ t: "members", id: m.id, room: m.room, count: room.members.size, more: all.length > members.length, members });
  }

  /** @param {Peer} peer @param {any} m */
  take(peer, m) {
    if (!peer.user) return m.t === "hello" ? this.hello(peer, m) : peer.socket.close(4400, "hello first");
    if (m.t === "ping") return peer.say({ t: "pong", id: m.id, time: Date.now() });
    if (m.t === "rooms") return peer.say({ t: "rooms", id: m.id, rooms: this.summaries(peer.user) });
    if (m.t === "join") return this.join(peer, m);
    if (m.t === "resume") return this.resume(peer, m);
    const room = this.rooms.get(m.room);
    if (!room?.members.has(peer.user)) {
      return peer.say({ t: "error", id: m.id, room: m.room, code: "not_member", message: "Join the room before you send to it." });
    }
    if (m.t === "send") return this.send(peer, m, room);
    if (m.t === "history") return this.history(peer, m, room);
    if (m.t === "members") return this.members(peer, m, room);
    if (m.t === "typing") {
      return this.push(m.room, { t: "typing", room: m.room, user: peer.user, name: peer.name }, (p) => p.user !== peer.user);
    }
    if (m.t === "read") {
      const member = room.members.get(peer.user);
      if (member) member.read = Math.max(member.read, Math.min(m.seq, room.events.length));
      const { read: seq, unread } = this.status(m.room, peer.user);
      return this.push(m.room, { t: "read", room: m.room, user: peer.user, seq, unread }, (p) => p.user === peer.user);
    }
    if (m.t === "leave") return this.leave(peer, m, room);
    peer.say({ t: "error", id: m.id, code: "unknown_type", message: "Unknown type." });
  }

  /** @param {Peer} peer @param {any} m @param {FakeRoom} room */
  leave(peer, m, room) {
    const event = this.append(m.room, peer, { kind: "leave" });
    room.members.delete(peer.user);
    for (const other of this.peers) if (other.user === peer.user) other.receiving.delete(m.room);
    peer.say({ t: "left", id: m.id, room: m.room, seq: event.seq });
    this.presence(m.room, peer.user, peer.name);
  }

  /** @param {Peer} peer */
  gone(peer) {
    this.peers.delete(peer);
    for (const name of peer.receiving) this.presence(name, peer.user, peer.name);
  }
}

/** @param {import("node:http").IncomingMessage} request @param {import("node:http").ServerResponse} response */
async function serveFile(request, response) {
  const path = new URL(request.url ?? "/", "http://fake").pathname;
  const file = normalize(join(WEB, path === "/" ? "index.html" : decodeURIComponent(path)));
  const type = TYPES[extname(file)];
  if (!file.startsWith(WEB) || !type || file.includes("node_modules")) return void response.writeHead(404).end();
  try {
    const body = await readFile(file);
    response.writeHead(200, { "content-type": type, "content-security-policy": CSP, "x-content-type-options": "nosniff", "cache-control": "no-cache" });
    response.end(body);
  } catch {
    response.writeHead(404).end();
  }
}

/**
 * Starts the stand-in on the loopback interface.
 * @param {number} [port] 0 takes a free one
 */
export async function startFakeServer(port = 0) {
  const chat = new FakeChat();
  let down = false;
  const server = createServer((request, response) => void serveFile(request, response));
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: (offered) => (offered.has("stoa.chat.v1") ? "stoa.chat.v1" : false) });
  server.on("upgrade", (request, socket, head) => {
    if (down || !request.url?.startsWith("/v1/chat")) return socket.destroy();
    sockets.handleUpgrade(request, socket, head, (ws) => {
      /** @type {Peer} */
      const peer = { user: "", name: "", socket: ws, receiving: new Set(), say: (message) => ws.send(JSON.stringify(message)) };
      ws.on("message", (data) => chat.take(peer, JSON.parse(String(data))));
      ws.on("close", () => chat.gone(peer));
    });
  });
  await new Promise((resolve) => server.listen(port, "127.0.0.1", () => resolve(null)));
  const address = /** @type {import("node:net").AddressInfo} */ (server.address());
  const cut = () => sockets.clients.forEach((ws) => ws.terminate());
  return {
    url: `http://127.0.0.1:${address.port}/`,
    chat,
    /** Cuts all sockets, as a broken network does. */
    cut,
    /** Cuts all sockets and takes no new ones, or takes them again. @param {boolean} value */
    setDown(value) {
      down = value;
      if (value) cut();
    },
    close() {
      cut();
      server.closeAllConnections();
      server.close();
    },
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const fake = await startFakeServer(Number(process.argv[2] ?? 8090));
  console.log(fake.url);
}
