//! The connection: hello, backoff, close codes, the watch over a silent server.

import assert from "node:assert/strict";
import { test } from "node:test";
import { backoffMs } from "../connection.js";
import { closeRule } from "../protocol.js";
import { memoryStore } from "../platform.js";
import { rig, settle } from "./rig.js";

test("a new guest says hello with the name, a known one with the stored token", async () => {
  const first = rig();
  first.chat.connect();
  await first.welcome();
  assert.deepEqual(first.socket().of("hello"), [{ t: "hello", name: "Ann" }]);

  const second = rig({ name: undefined }, first.store);
  second.chat.connect();
  await second.welcome();
  assert.deepEqual(second.socket().of("hello"), [{ t: "hello", token: "token-1", name: "Ann" }]);
});

test("a user of another login system gets a fresh token for each connection", async () => {
  let tokens = 0;
  const { chat, clock, sockets, socket, welcome } = rig({ getToken: async () => `jwt-${(tokens += 1)}` });
  chat.connect();
  await welcome([], { token: undefined });
  socket().drop(4402);
  await clock.advance(1_000);
  await welcome([], { token: undefined });
  assert.deepEqual(sockets.map((one) => one.of("hello")[0].token), ["jwt-1", "jwt-2"]);
});

test("backoff has full jitter under a doubling roof that ends at 30 seconds", () => {
  assert.deepEqual([1, 2, 3, 6, 7, 5000].map((n) => backoffMs(n, 0.999999)).map(Math.round), [1000, 2000, 4000, 30000, 30000, 30000]);
  assert.equal(backoffMs(5, 0), 0);
  assert.equal(backoffMs(2, 0.25), 500);
});

test("failures in a row wait longer and a welcome starts over", async () => {
  const { chat, clock, socket, sockets, welcome } = rig();
  chat.connect();
  const waits = [];
  for (let i = 0; i < 4; i++) {
    await settle();
    socket().drop(1006);
    waits.push(Number(chat.state.retryAt) - clock.now());
    await clock.advance(Number(waits.at(-1)));
  }
  assert.deepEqual(waits, [500, 1000, 2000, 4000]);
  assert.equal(sockets.length, 5);
  await welcome();
  socket().drop(1006);
  assert.equal(Number(chat.state.retryAt) - clock.now(), 500);
});

test("each close code is followed as the protocol's table says", async () => {
  const expected = /** @type {[number, string, number?][]} */ ([
    [1000, "stopped"], [1001, "waiting", 2600], [1002, "stopped"], [1003, "stopped"], [1005, "waiting", 500], [1006, "waiting", 500],
    [1007, "stopped"], [1008, "stopped"], [1009, "stopped"], [1011, "waiting", 15500], [1012, "waiting", 2600], [1013, "waiting", 17500],
    [3000, "waiting", 500], [4001, "waiting", 500], [4002, "waiting", 500], [4003, "waiting", 35000], [4399, "waiting", 500],
    [4400, "stopped"], [4409, "stopped"], [4500, "stopped"], [4999, "stopped"],
  ]);
  for (const [code, phase, wait] of expected) {
    const { chat, clock, socket, welcome } = rig();
    chat.connect();
    await welcome();
    socket().drop(code);
    assert.equal(chat.state.phase, phase, `phase after ${code}`);
    assert.equal(chat.state.code, code);
    if (wait !== undefined) assert.equal(Number(chat.state.retryAt) - clock.now(), wait, `wait after ${code}`);
  }
  assert.equal(closeRule(4401).action, "token");
});

test("a bye decides on the wait, whatever the close code", async () => {
  const { chat, clock, socket, welcome } = rig();
  chat.connect();
  await welcome();
  socket().say({ t: "bye", reason: "restart", reconnect_ms_min: 100, reconnect_ms_max: 300 });
  socket().drop(1006);
  assert.equal(Number(chat.state.retryAt) - clock.now(), 200);
});

test("a refused guest token is forgotten and the user comes back as a guest", async () => {
  const store = memoryStore();
  store.set("token", "old");
  const { chat, clock, socket, sockets, told } = rig({}, store);
  chat.connect();
  await settle();
  socket().onopen?.({});
  socket().drop(4401);
  assert.equal(told("expired").length, 1);
  await clock.advance(1_000);
  socket().onopen?.({});
  assert.deepEqual(sockets.map((one) => one.of("hello")[0].token), ["old", undefined]);
  socket().drop(4401);
  assert.equal(chat.state.phase, "stopped", "a second refusal is no loop");
});

test("a silent server is pinged, and left when it stays silent", async () => {
  const { chat, clock, socket, sockets, welcome } = rig();
  chat.connect();
  await welcome();
  await clock.advance(24_999);
  assert.equal(socket().of("ping").length, 0);
  await clock.advance(1);
  assert.equal(socket().of("ping").length, 1);
  socket().say({ t: "pong", id: "ping-1", time: 1 });
  await clock.advance(34_999);
  assert.equal(chat.state.phase, "open");
  const silent = socket();
  await clock.advance(60_000);
  assert.equal(silent.of("ping").length, 2);
  assert.notEqual(silent.closedWith, undefined);
  assert.ok(sockets.length > 1, "another socket was opened");
});

test("any message counts as a sign of life", async () => {
  const { chat, clock, socket, welcome } = rig();
  chat.connect();
  await welcome();
  for (let i = 0; i < 10; i++) {
    await clock.advance(20_000);
    socket().say({ t: "presence", room: "elsewhere", online: i });
  }
  assert.equal(socket().of("ping").length, 0);
});

test("a server that never says welcome is given up", async () => {
  const { chat, clock, sockets } = rig();
  chat.connect();
  await settle();
  await clock.advance(14_999);
  assert.equal(chat.state.phase, "connecting");
  await clock.advance(1);
  assert.equal(chat.state.phase, "waiting");
  await clock.advance(1_000);
  assert.equal(sockets.length, 2);
});

test("trying now ends the wait, and events of the former socket are not heard", async () => {
  const { chat, clock, socket, sockets, welcome } = rig();
  chat.connect();
  await welcome();
  const former = socket();
  const { onmessage } = former;
  former.drop(1013);
  chat.connect();
  await welcome();
  assert.equal(sockets.length, 2);
  onmessage?.({ data: JSON.stringify({ t: "bye", reason: "late", reconnect_ms_min: 1, reconnect_ms_max: 1 }) });
  former.drop(1006);
  assert.equal(chat.state.phase, "open");
  await clock.advance(20_000);
  assert.equal(sockets.length, 2, "the timer of the wait is gone");
});

test("what is not JSON, not an object or not known is ignored", async () => {
  const { chat, socket, welcome } = rig();
  chat.connect();
  await welcome();
  for (const data of ["{", "null", "7", "[]", '{"t":7}', '{"t":"hologram","room":"lobby"}']) socket().onmessage?.({ data });
  assert.equal(chat.state.phase, "open");
});

test("a closed client opens no more sockets", async () => {
  const { chat, clock, sockets, welcome } = rig();
  chat.connect();
  await welcome();
  chat.close();
  await clock.advance(120_000);
  assert.equal(sockets.length, 1);
  assert.equal(chat.state.phase, "idle");
});
