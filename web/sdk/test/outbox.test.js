//! Sending: once, in order, for as long as it takes.

import assert from "node:assert/strict";
import { test } from "node:test";
import { OUTBOX_ITEMS_MAX } from "../outbox.js";
import { memoryStore } from "../platform.js";
import { lobby, message, resumed, rig } from "./rig.js";

/** A client in the lobby at seq 5. @param {Partial<import("../chat.js").StoaChatOptions>} [options] @param {import("../platform.js").Store} [store] */
async function inLobby(options, store) {
  const all = rig(options, store);
  all.chat.connect();
  await all.welcome([lobby(5)]);
  resumed(all.socket(), { from: 6, head: 5, read: 5 });
  const room = all.chat.room("lobby");
  assert.ok(room);
  return { ...all, room };
}

test("a message goes out with its id and leaves the outbox with its ack", async () => {
  const { chat, room, socket, told, store } = await inLobby();
  const id = room.send("hello");
  assert.deepEqual(socket().of("send"), [{ t: "send", id, room: "lobby", body: "hello" }]);
  assert.equal(chat.outbox("lobby").length, 1);
  socket().say({ t: "ack", id, room: "lobby", seq: 6, at: 77 });
  assert.deepEqual(chat.outbox("lobby"), []);
  assert.deepEqual(told("sent").map(({ seq, storedAt, body }) => [seq, storedAt, body]), [[6, 77, "hello"]]);
  assert.deepEqual(store.keys().filter((key) => key.startsWith("outbox:")), []);
});

test("the event of a message settles it when it comes before the ack", async () => {
  const { chat, room, socket, told } = await inLobby();
  const id = room.send("hello");
  socket().say(message(6, { from: "ann", id, body: "hello" }));
  assert.deepEqual(chat.outbox(), []);
  socket().say({ t: "ack", id, room: "lobby", seq: 6, at: 77 });
  assert.equal(told("event").length, 1);
});

test("another user's message with the same id settles nothing", async () => {
  const { chat, room, socket } = await inLobby();
  const id = room.send("hello");
  socket().say(message(6, { from: "bob", id }));
  assert.equal(chat.outbox().length, 1);
});

test("without an ack the same message is sent again with the same id", async () => {
  const { room, socket, clock } = await inLobby();
  const id = room.send("hello");
  await clock.advance(9_999);
  assert.equal(socket().of("send").length, 1);
  await clock.advance(1);
  assert.deepEqual(socket().of("send").map((send) => send.id), [id, id]);
});

test("after a reconnect everything unacked goes again, in order, with the old ids", async () => {
  const { room, socket, clock, welcome } = await inLobby();
  const ids = ["one", "two", "three"].map((body) => room.send(body));
  socket().drop(1006);
  await clock.advance(1_000);
  await welcome([lobby(5)]);
  for (const id of ids) socket().say({ t: "ack", id, room: "lobby", seq: 6, at: 1, dup: true });
  assert.deepEqual(socket().of("send").map(({ id, body }) => [id, body]), [[ids[0], "one"], [ids[1], "two"], [ids[2], "three"]]);
});

test("messages written offline survive a reload and go out in order", async () => {
  const store = memoryStore();
  const before = await inLobby({}, store);
  before.socket().drop(1006);
  const ids = [before.room.send("one"), before.room.send("two")];
  assert.equal(before.socket().of("send").length, 0);

  const after = rig({}, store);
  assert.deepEqual(after.chat.outbox("lobby").map((item) => item.body), ["one", "two"]);
  after.chat.connect();
  await after.welcome([lobby(5)]);
  after.socket().say({ t: "ack", id: ids[0], room: "lobby", seq: 6, at: 1 });
  assert.deepEqual(after.socket().of("send").map((send) => send.id), ids);
});

test("a refusal with retry_ms pauses the room and keeps the order", async () => {
  const { room, socket, clock } = await inLobby();
  const first = room.send("one");
  const second = room.send("two");
  socket().say({ t: "error", id: first, room: "lobby", code: "rate_limited", message: "Slower.", retry_ms: 700 });
  await clock.advance(699);
  assert.equal(socket().of("send").length, 1);
  await clock.advance(1);
  socket().say({ t: "ack", id: first, room: "lobby", seq: 6, at: 1 });
  assert.deepEqual(socket().of("send").map((send) => send.id), [first, first, second]);
});

test("a refusal for good waits for the user, and the next message goes on", async () => {
  const { chat, room, socket } = await inLobby();
  const first = room.send("one");
  const second = room.send("two");
  socket().say({ t: "error", id: first, room: "lobby", code: "not_member", message: "Join first." });
  assert.deepEqual(socket().of("send").map((send) => send.id), [first, second]);
  assert.deepEqual(chat.outbox().map(({ id, state, error }) => [id, state, error?.code]), [[first, "failed", "not_member"], [second, "waiting", undefined]]);
  socket().say({ t: "ack", id: second, room: "lobby", seq: 6, at: 1 });
  chat.retry(String(first));
  assert.equal(socket().of("send").at(-1).id, first, "the same id: it may have been stored after all");
});

test("after a conflict a retry takes a new id", async () => {
  const { chat, room, socket, store } = await inLobby();
  const id = room.send("one");
  socket().say({ t: "error", id, room: "lobby", code: "conflict", message: "Taken." });
  chat.retry(String(id));
  const [, again] = socket().of("send");
  assert.notEqual(again.id, id);
  assert.equal(again.body, "one");
  assert.equal(store.keys().filter((key) => key.startsWith("outbox:")).length, 1);
});

test("a discarded message is gone, also after a reload", async () => {
  const { chat, room, socket, store } = await inLobby();
  const id = room.send("one");
  socket().say({ t: "error", id, room: "lobby", code: "not_member", message: "Join first." });
  chat.discard(String(id));
  assert.deepEqual(chat.outbox(), []);
  assert.deepEqual(rig({}, store).chat.outbox(), []);
});

test("two rooms do not wait for each other", async () => {
  const { chat, clock, welcome, socket } = rig();
  chat.connect();
  await welcome([lobby(5), { ...lobby(3), room: "dev" }]);
  const first = chat.room("dev")?.send("a");
  const second = chat.room("lobby")?.send("b");
  assert.deepEqual(socket().of("send").map((send) => send.id), [first, second]);
  await clock.advance(0);
});

test("one user's waiting messages are never sent as another's", async () => {
  const store = memoryStore();
  const ann = await inLobby({}, store);
  ann.socket().drop(1006);
  ann.room.send("Ann's");
  const carol = rig({ getToken: async () => "jwt" }, store);
  carol.chat.connect();
  await carol.welcome([lobby(5)], { user: "carol", token: undefined });
  assert.deepEqual(carol.socket().of("send"), []);
  assert.deepEqual(carol.chat.outbox(), []);
});

test("the outbox has an end, and says so", async () => {
  const { room, chat } = rigOffline();
  for (let i = 0; i < OUTBOX_ITEMS_MAX; i++) assert.notEqual(room.send(`m${i}`), null);
  assert.equal(room.send("one more"), null);
  assert.equal(chat.outbox().length, OUTBOX_ITEMS_MAX);
});

function rigOffline() {
  const { chat } = rig({ positions: { lobby: 5 } });
  const room = chat.room("lobby");
  assert.ok(room);
  return { chat, room };
}

test("a store that is full loses no message of this page", async () => {
  const store = { ...memoryStore(), set: () => { throw new Error("full"); } };
  const { room, socket, chat } = await inLobby({}, store);
  const id = room.send("hello");
  socket().say({ t: "ack", id, room: "lobby", seq: 6, at: 1 });
  assert.deepEqual(chat.outbox(), []);
});

test("what is broken in the store is left alone", () => {
  const store = memoryStore();
  store.set("outbox:1:x", "{not json");
  store.set("outbox:2:y", '{"id":7}');
  assert.deepEqual(rig({}, store).chat.outbox(), []);
});
