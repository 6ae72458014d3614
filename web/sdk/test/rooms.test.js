//! Rooms: every event once and in order, resume, what was lost, counts, people, history.

import assert from "node:assert/strict";
import { test } from "node:test";
import { EVENTS_HELD_MAX, RoomLog } from "../log.js";
import { QUESTIONS_MAX } from "../requests.js";
import { lobby, message, resumed, rig, settle } from "./rig.js";

/** A client that receives the lobby, at seq 5. @param {Partial<import("../chat.js").StoaChatOptions>} [options] */
async function inLobby(options) {
  const all = rig(options);
  all.chat.connect();
  await all.welcome([lobby(5)]);
  resumed(all.socket(), { from: 6, head: 5, read: 5 });
  const room = all.chat.room("lobby");
  assert.ok(room);
  return { ...all, room };
}

/** @param {any[]} told @returns {number[]} */
const seqs = (told) => told.map(({ event }) => event.seq);

test("rooms of the user are received from their head on, all with one resume", async () => {
  const { chat, socket, welcome } = rig();
  chat.connect();
  await welcome([lobby(5), { ...lobby(9), room: "dev" }]);
  assert.deepEqual(socket().of("resume").map(({ rooms, epoch }) => ({ rooms, epoch })), [{ rooms: { dev: 9, lobby: 5 }, epoch: "e1" }]);
  assert.deepEqual(chat.rooms.map((room) => room.name), ["dev", "lobby"]);
});

test("events are told in order and once", async () => {
  const { socket, told, room } = await inLobby();
  for (const seq of [6, 7, 7, 6, 8]) socket().say(message(seq));
  assert.deepEqual(seqs(told("event")), [6, 7, 8]);
  assert.equal(room.log.last, 8);
});

test("after a reconnect the client asks for exactly what it misses", async () => {
  const { socket, told, clock, welcome } = await inLobby();
  socket().say(message(6));
  socket().drop(1006);
  await clock.advance(1_000);
  await welcome([lobby(9)]);
  assert.deepEqual(socket().of("resume").map(({ rooms }) => rooms), [{ lobby: 6 }]);
  resumed(socket(), { from: 7, head: 9, read: 5, unread: 4 });
  for (const seq of [7, 8, 9, 10]) socket().say(message(seq));
  assert.deepEqual(seqs(told("event")), [6, 7, 8, 9, 10]);
  assert.deepEqual(told("restart"), []);
});

test("a hole makes the client come back and resume before it", async () => {
  const { socket, sockets, told, clock, welcome, chat } = await inLobby();
  socket().say(message(6));
  socket().say(message(8));
  assert.equal(chat.state.phase, "waiting");
  assert.ok(Number(chat.state.retryAt) - clock.now() >= 1_000, "a bug of the server must not become a storm");
  await clock.advance(5_000);
  await welcome([lobby(8)]);
  assert.equal(sockets.length, 2);
  assert.deepEqual(socket().of("resume").map(({ rooms }) => rooms), [{ lobby: 6 }]);
  resumed(socket(), { from: 7, head: 8 });
  socket().say(message(7));
  assert.deepEqual(seqs(told("event")), [6, 7]);
});

test("what is truncated starts anew where the server says", async () => {
  for (const [truncated, from] of /** @type {[string, number][]} */ ([["retention", 901], ["ahead", 4], ["epoch", 1901]])) {
    const { socket, told, clock, welcome, room } = await inLobby();
    socket().say(message(6));
    socket().drop(1006);
    await clock.advance(1_000);
    await welcome([lobby(1900)]);
    resumed(socket(), { from, first: from, head: 1900, truncated });
    assert.deepEqual(told("restart").map(({ reason }) => reason), [truncated]);
    assert.equal(room.log.oldest, from, "what was held is forgotten");
    socket().say(message(from));
    assert.deepEqual(seqs(told("event")), [6, from]);
  }
});

test("a slow reader is fed on without a loss, or told of it", async () => {
  const { socket, told, room } = await inLobby();
  socket().say({ t: "behind", room: "lobby", next: 6, head: 90 });
  socket().say(message(6));
  socket().say({ t: "behind", room: "lobby", next: 50, head: 90, truncated: "retention" });
  socket().say(message(50));
  assert.deepEqual(seqs(told("event")), [6, 50]);
  assert.deepEqual(told("restart").map(({ reason }) => reason), ["retention"]);
  assert.equal(room.first, 50);
});

test("another epoch means: forget every seq, start from the heads", async () => {
  const { socket, told, clock, welcome } = await inLobby();
  socket().say(message(6));
  socket().drop(1006);
  await clock.advance(1_000);
  await welcome([lobby(3)], { epoch: "e2" });
  assert.deepEqual(told("restart").map(({ reason }) => reason), ["epoch"]);
  assert.deepEqual(socket().of("resume").map(({ rooms, epoch }) => ({ rooms, epoch })), [{ rooms: { lobby: 3 }, epoch: "e2" }]);
});

test("a client that may miss much starts anew instead of replaying it", async () => {
  const { socket, told, clock, welcome } = await inLobby({ resumeEventsMax: 100 });
  socket().drop(1006);
  await clock.advance(1_000);
  await welcome([lobby(106)]);
  assert.deepEqual(told("restart").map(({ reason }) => reason), ["missed"]);
  assert.deepEqual(socket().of("resume").map(({ rooms }) => rooms), [{ lobby: 106 }]);
});

test("an application that keeps events gets exactly those after its positions", async () => {
  const { chat, socket, welcome } = rig({ positions: { lobby: 2 }, epoch: "e1" });
  chat.connect();
  await welcome([lobby(5)]);
  assert.deepEqual(socket().of("resume").map(({ rooms }) => rooms), [{ lobby: 2 }]);
});

test("a room that cannot be resumed right now is asked for again, one that is gone is dropped", async () => {
  const { chat, socket, clock, welcome } = rig();
  chat.connect();
  await welcome([lobby(5), { ...lobby(9), room: "dev" }]);
  socket().say({ t: "resumed", id: socket().of("resume")[0].id, rooms: {}, errors: { dev: "not_member", lobby: "unavailable" } });
  assert.deepEqual(chat.rooms.map((room) => room.name), ["lobby"]);
  await clock.advance(2_000);
  assert.deepEqual(socket().of("resume").map(({ rooms }) => rooms), [{ dev: 9, lobby: 5 }, { lobby: 5 }]);
});

test("joining gives a room that receives from its head on", async () => {
  const { chat, socket, welcome, told } = rig();
  chat.connect();
  await welcome();
  const joining = chat.join("lobby");
  const { id } = socket().of("join")[0];
  socket().say({ t: "joined", id, room: "lobby", first: 1, head: 42, read: 42, unread: 0, members: 3, online: 2, users: [{ user: "bob", name: "Bob", devices: 2 }] });
  socket().say(message(43, { kind: "join", from: "ann", id: undefined, body: undefined }));
  const room = await joining;
  assert.deepEqual(seqs(told("event")), [43]);
  assert.equal(room.users.get("bob")?.devices, 2);
  assert.equal(room.members, 4, "the own join came after the count");
});

test("a name that is none is refused without asking", async () => {
  const { chat } = rig();
  await assert.rejects(chat.join("two words"), { code: "bad_request" });
});

test("leaving, here or on another device, removes the room", async () => {
  const here = await inLobby();
  const leaving = here.chat.leave("lobby");
  here.socket().say({ t: "left", id: here.socket().of("leave")[0].id, room: "lobby", seq: 6 });
  await leaving;
  assert.deepEqual(here.chat.rooms, []);

  const elsewhere = await inLobby();
  elsewhere.socket().say(message(6, { kind: "leave", from: "ann" }));
  assert.deepEqual(elsewhere.chat.rooms, []);
});

test("unread counts messages of others once, also those that a resume repeats", async () => {
  const { socket, room, clock, welcome } = await inLobby();
  socket().say(message(6));
  socket().say(message(7, { kind: "join" }));
  socket().say(message(8, { kind: "hologram" }));
  assert.equal(room.unread, 1);
  socket().drop(1006);
  await clock.advance(1_000);
  await welcome([lobby(10, { read: 5, unread: 3 })]);
  resumed(socket(), { from: 9, head: 10, read: 5, unread: 3 });
  socket().say(message(9));
  socket().say(message(10));
  assert.equal(room.unread, 3);
  socket().say(message(11));
  assert.equal(room.unread, 4);
  socket().say(message(12, { from: "ann" }));
  assert.equal(room.unread, 0, "who writes has read");
});

test("the read position is sent once a second at most, and the last one always", async () => {
  const { socket, room, clock } = await inLobby();
  for (const seq of [6, 7, 8]) {
    socket().say(message(seq));
    room.markRead(seq);
  }
  assert.equal(room.unread, 0);
  assert.deepEqual(socket().of("read").map(({ seq }) => seq), [6]);
  await clock.advance(1_000);
  assert.deepEqual(socket().of("read").map(({ seq }) => seq), [6, 8]);
  room.markRead(3);
  await clock.advance(5_000);
  assert.equal(socket().of("read").length, 2, "it never moves back");
});

test("a page that goes says at once how far was read", async () => {
  const { chat, socket, room } = await inLobby();
  for (const seq of [6, 7]) {
    socket().say(message(seq));
    room.markRead(seq);
  }
  chat.flush();
  chat.flush();
  assert.deepEqual(socket().of("read").map(({ seq }) => seq), [6, 7]);
});

test("a read position that was lost with the connection is sent on the next one", async () => {
  const { socket, room, clock, welcome } = await inLobby();
  socket().say(message(6));
  socket().drop(1006);
  room.markRead(6);
  await clock.advance(1_000);
  await welcome([lobby(6, { read: 5, unread: 1 })]);
  resumed(socket(), { from: 7, head: 6, read: 5, unread: 1 });
  assert.equal(room.unread, 0);
  assert.deepEqual(socket().of("read").map(({ seq }) => seq), [6]);
});

test("another device's reading is taken over", async () => {
  const { socket, room } = await inLobby();
  socket().say(message(6));
  socket().say({ t: "read", room: "lobby", user: "ann", seq: 6, unread: 0 });
  assert.equal(room.unread, 0);
  assert.equal(room.read, 6);
});

test("who types is shown for five seconds, or until their message", async () => {
  const { socket, room, clock } = await inLobby();
  socket().say({ t: "typing", room: "lobby", user: "bob", name: "Bob" });
  socket().say({ t: "typing", room: "lobby", user: "carol", name: "Carol" });
  await clock.advance(4_000);
  socket().say({ t: "typing", room: "lobby", user: "carol", name: "Carol" });
  assert.deepEqual(room.typingNames, ["Bob", "Carol"]);
  await clock.advance(1_000);
  assert.deepEqual(room.typingNames, ["Carol"]);
  socket().say(message(6, { from: "carol" }));
  assert.deepEqual(room.typingNames, []);
});

test("typing is said every three seconds while it lasts", async () => {
  const { socket, room, clock } = await inLobby();
  for (let i = 0; i < 62; i++) {
    room.sayTyping();
    await clock.advance(100);
  }
  assert.equal(socket().of("typing").length, 3);
});

test("after a message, typing is news as soon as the server listens again", async () => {
  const { socket, room, clock } = await inLobby();
  room.sayTyping();
  room.send("done");
  await clock.advance(1_999);
  room.sayTyping();
  assert.equal(socket().of("typing").length, 1, "the server would ignore it");
  await clock.advance(1);
  room.sayTyping();
  assert.equal(socket().of("typing").length, 2);
});

test("presence replaces what was known, user by user", async () => {
  const { socket, room } = await inLobby();
  socket().say({ t: "presence", room: "lobby", online: 2, users: [{ user: "bob", name: "Bob", devices: 1 }] });
  socket().say({ t: "presence", room: "lobby", online: 3, users: [{ user: "carol", name: "Carol", devices: 2 }] });
  socket().say({ t: "presence", room: "lobby", online: 2, users: [{ user: "bob", name: "Bob", devices: 0 }] });
  assert.deepEqual([...room.users.keys()], ["carol"]);
  assert.equal(room.online, 2);
  socket().say({ t: "presence", room: "lobby", online: 2000 });
  assert.equal(room.users.size, 0, "a crowd has no names");
  socket().say({ t: "presence", room: "lobby", online: 1, users: [{ user: "bob", name: "Bob", devices: 1 }] });
  socket().say({ t: "presence", room: "lobby", online: 1, users: [{ user: "dan", name: "Dan", devices: 1 }], full: true });
  assert.deepEqual([...room.users.keys()], ["dan"], "a full list leaves nobody over");
});

test("a shown room asks who is online again after a reconnect", async () => {
  const { chat, socket, clock, welcome } = await inLobby();
  chat.show("lobby");
  const [asked] = socket().of("join");
  socket().say({ t: "joined", id: asked.id, room: "lobby", first: 1, head: 5, read: 5, unread: 0, members: 2, online: 1, users: [] });
  socket().drop(1006);
  await clock.advance(1_000);
  await welcome([lobby(5)]);
  resumed(socket(), { from: 6, head: 5 });
  assert.equal(socket().of("join").length, 1);
});

test("history comes from the server and then from memory", async () => {
  const { socket, room } = await inLobby();
  const asked = room.before(6, 2);
  const { id, before, limit } = socket().of("history")[0];
  assert.deepEqual([before, limit], [6, 2]);
  socket().say({ t: "page", id, room: "lobby", first: 1, head: 5, more: true, events: [message(4), message(5)] });
  assert.deepEqual((await asked).map((event) => event.seq), [4, 5]);
  assert.deepEqual((await room.before(5, 10)).map((event) => event.seq), [4]);
  assert.deepEqual((await room.after(3, 10)).map((event) => event.seq), [4, 5]);
  assert.equal(socket().of("history").length, 1);
});

test("a question is asked again on the next connection, and given up after its time", async () => {
  const { socket, room, clock, welcome } = await inLobby();
  const asked = room.before(6, 2);
  socket().drop(1006);
  await clock.advance(1_000);
  await welcome([lobby(5)]);
  assert.equal(socket().of("history").length, 1);
  socket().say({ t: "error", id: socket().of("history")[0].id, code: "rate_limited", message: "Slower.", retry_ms: 300 });
  await clock.advance(300);
  assert.equal(socket().of("history").length, 2);
  const failed = assert.rejects(asked, { code: "timeout" });
  await clock.advance(20_000);
  await failed;
});

test("questions that wait have an end, and are given up when the client is closed", async () => {
  const { chat, room } = await inLobby();
  const asked = Array.from({ length: QUESTIONS_MAX }, () => assert.rejects(room.listMembers(), { code: "closed" }));
  await assert.rejects(room.listMembers(), { code: "too_many_requests" });
  chat.close();
  await Promise.all(asked);
});

test("an answer to an old question does not disturb a log that started anew", async () => {
  const { socket, room } = await inLobby();
  const asked = room.before(6, 2);
  const { id } = socket().of("history")[0];
  room.restart(5, "epoch");
  socket().say({ t: "page", id, room: "lobby", first: 1, head: 5, more: true, events: [message(4), message(5)] });
  await asked;
  assert.equal(room.log.oldest, 6);
});

test("the log holds the newest events, without holes, and not more", () => {
  const log = new RoomLog(0);
  for (let seq = 1; seq <= 5_000; seq++) log.apply(message(seq));
  assert.equal(log.last, 5_000);
  const held = log.before(5_001, 10_000).map((event) => event.seq);
  assert.ok(held.length >= EVENTS_HELD_MAX && held.length <= EVENTS_HELD_MAX * 1.2);
  assert.deepEqual(held, Array.from({ length: held.length }, (_, i) => 5_001 - held.length + i));
  assert.deepEqual(log.after(10, 5), [], "what lies behind a hole is not handed out");
});

test("a rooms answer brings in what was joined on another device", async () => {
  const { chat, socket } = await inLobby();
  const refreshed = chat.refresh();
  socket().say({ t: "rooms", id: socket().of("rooms")[0].id, rooms: [{ ...lobby(9), room: "dev" }, lobby(5)] });
  await refreshed;
  await settle();
  assert.deepEqual(chat.rooms.map((room) => room.name), ["dev", "lobby"]);
  assert.deepEqual(socket().of("resume").at(-1).rooms, { dev: 9 });
});
