//! The classic room's client on a fake clock and fake sockets.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ClassicGame } from "../classic/game.js";
import { readMessage, retryAfter } from "../classic/messages.js";

const scene = () => ({
  items: ["tv", "table", "chair"].map((item) => ({ item, url: `/classic/${item}.svg`, hp: 100, user: "" })),
  players: /** @type {string[]} */ ([]),
});

/** A game, its sockets, and its timers, which run when the test says so. */
function rig() {
  /** @type {any[]} */
  const sockets = [];
  /** @type {{run: () => void, ms: number}[]} */
  const timers = [];
  const served = scene();
  /** @type {ReturnType<typeof scene>[]} what was seen so far */
  const looks = [];
  const game = new ClassicGame("game1", {
    openSocket: () => {
      const socket = { sent: /** @type {any[]} */ ([]), closed: false, readyState: 0, onopen: /** @type {any} */ (null), onmessage: /** @type {any} */ (null), onclose: /** @type {any} */ (null), send: (/** @type {string} */ text) => void socket.sent.push(JSON.parse(text)), close: () => void (socket.closed = true) };
      sockets.push(socket);
      return socket;
    },
    fetchScene: async () => {
      looks.push(structuredClone(served));
      return looks.at(-1) ?? served;
    },
    after: (run, ms) => {
      const timer = { run, ms };
      timers.push(timer);
      return timer;
    },
    cancel: (timer) => void timers.splice(timers.indexOf(timer) >>> 0, 1),
    random: () => 1,
  });
  const refused = /** @type {string[]} */ ([]);
  game.on("refused", (why) => refused.push(why));
  const open = () => {
    const socket = sockets.at(-1);
    socket.readyState = 1;
    socket.onopen();
    return socket;
  };
  /** @param {any} message */
  const say = (message) => sockets.at(-1).onmessage({ data: JSON.stringify(message) });
  const joined = (user = "red", players = [user]) => {
    open();
    say({ cmd: "join", game: "game1", user, players });
    say({ cmd: "join", status: "ok", game: "game1", user, players });
  };
  /** @param {number} code */
  const lose = (code, reason = "") => sockets.at(-1).onclose({ code, reason });
  const fire = () => timers.shift()?.run();
  return { game, looks, sockets, timers, served, refused, open, say, joined, lose, fire };
}

test("whoever does not play looks at the game again and again", async () => {
  const { game, timers, served } = rig();
  await game.look();
  assert.deepEqual(game.items, served.items);
  assert.equal(timers.length, 1);
  served.players.push("blue");
  await game.look();
  assert.deepEqual([game.players, timers.length], [["blue"], 1]);
});

test("joining says the colour, and hits are sent only by those who play", async () => {
  const { game, sockets, joined, say } = rig();
  await game.look();
  assert.equal(game.hit("tv"), false);
  game.join("red");
  assert.equal(game.phase, "joining");
  joined("red", ["blue", "red"]);
  assert.deepEqual(sockets[0].sent, [{ cmd: "join", game: "game1", user: "red" }]);
  assert.deepEqual([game.phase, game.players], ["playing", ["blue", "red"]]);
  assert.equal(game.hit("tv"), true);
  assert.deepEqual(sockets[0].sent[1], { cmd: "hit", game: "game1", user: "red", item: "tv" });
  assert.equal(game.items[0]?.hp, 100, "nothing is shown before the server says so");
  say({ cmd: "hit", game: "game1", user: "red", item: "tv", hp: 90 });
  say({ cmd: "hit", game: "game1", status: "ok" });
  assert.equal(game.items[0]?.hp, 90);
});

test("the hit that leaves nothing captures", async () => {
  const { game, say, joined } = rig();
  await game.look();
  game.join("red");
  joined();
  await new Promise((resolve) => setImmediate(resolve));
  say({ cmd: "hit", game: "game1", user: "blue", item: "chair", hp: 0 });
  assert.deepEqual([game.items[2]?.hp, game.items[2]?.user], [0, "blue"]);
});

test("a hit that comes while the game is looked at is not undone by the older look", async () => {
  const { game, looks, served, say, joined } = rig();
  await game.look();
  game.join("red");
  joined();
  assert.deepEqual(looks.map(({ items }) => items[0]?.hp), [100, 100]);
  Object.assign(served.items[0] ?? {}, { hp: 90 });
  say({ cmd: "hit", game: "game1", user: "blue", item: "tv", hp: 90 });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(game.items[0]?.hp, 90);
  assert.equal(looks.length, 3, "it has looked again");
});

test("a colour in use is told, and one looks on", () => {
  const { game, sockets, refused, open, say } = rig();
  game.join("red");
  open();
  say({ cmd: "join", status: "fail, color red in use", user: "red", game: "game1" });
  assert.deepEqual([game.phase, game.user, refused], ["watching", "", ["color red in use"]]);
  assert.equal(sockets[0].closed, true);
});

test("a lost connection comes back, later and later, as the same colour", () => {
  const { game, sockets, timers, joined, lose, fire, open, say } = rig();
  game.join("red");
  joined();
  const waits = [];
  for (let tries = 0; tries < 6; tries += 1) {
    lose(1006);
    assert.equal(game.phase, "waiting");
    waits.push(timers[0]?.ms);
    fire();
  }
  assert.deepEqual(waits, [400, 800, 1600, 3200, 6400, 8000]);
  open();
  say({ cmd: "join", status: "fail, color red in use", user: "red", game: "game1" });
  assert.equal(game.phase, "waiting", "the server still holds the old connection");
  fire();
  joined();
  assert.deepEqual([game.phase, game.user, sockets.length], ["playing", "red", 8]);
});

test("whoever was idle is not brought back by the page", async () => {
  const { game, sockets, refused, joined, lose } = rig();
  game.join("red");
  joined();
  lose(4408, "nothing came from you");
  assert.deepEqual([game.phase, refused, sockets.length], ["stopped", ["nothing came from you"], 1]);
});

test("a socket that was given up is not heard any more", () => {
  const { game, sockets, joined } = rig();
  game.join("red");
  joined();
  game.join("blue");
  assert.equal(sockets[0].closed, true);
  sockets[0].onmessage({ data: JSON.stringify({ cmd: "join", status: "ok", user: "red", game: "game1", players: ["red"] }) });
  sockets[0].onclose({ code: 1000, reason: "" });
  assert.deepEqual([game.phase, game.user], ["joining", "blue"]);
});

test("messages of other games, of no known kind, and no messages at all change nothing", async () => {
  const { game, joined, say, sockets } = rig();
  await game.look();
  game.join("red");
  joined();
  for (const text of ["", "null", "[]", "{", '"x"', '{"cmd":5}', '{"cmd":"dance","game":"game1"}']) sockets[0].onmessage({ data: text });
  say({ cmd: "hit", game: "game2", user: "blue", item: "tv", hp: 10 });
  say({ cmd: "hit", game: "game1", user: "blue", item: "sofa", hp: 10 });
  assert.equal(game.items[0]?.hp, 100);
});

test("close codes say whether and when to return", () => {
  assert.equal(readMessage('{"cmd":"hit"}')?.cmd, "hit");
  assert.equal(retryAfter(1006, 0, 0), 200);
  assert.equal(retryAfter(1012, 99, 1), 8000);
  assert.equal(retryAfter(4003, 0, 1), 10_000);
  assert.equal(retryAfter(4408, 0, 1), undefined);
});
