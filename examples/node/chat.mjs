#!/usr/bin/env node
/**
 * A chat client on the `ws` package, written from docs/protocol.md.
 *
 * usage: chat.mjs [--say TEXT] [--until TEXT] URL ROOM NAME
 * Prints what was said and is said in ROOM, and sends the lines that you type. --say sends one message instead of reading
 * lines; --until ends, with success, when somebody (you, too) has said TEXT.
 */
import { randomUUID } from "node:crypto";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import WebSocket from "ws";

const { values, positionals } = parseArgs({
  options: { say: { type: "string" }, until: { type: "string" } },
  allowPositionals: true,
});
const [url, room, name] = positionals;
if (name === undefined) {
  console.error("usage: chat.mjs [--say TEXT] [--until TEXT] URL ROOM NAME");
  process.exit(2);
}

const socket = new WebSocket(url, "stoa.chat.v1");
const send = (message) => socket.send(JSON.stringify(message));
// The id makes the send idempotent: after a lost answer, sending the same again is safe.
const say = (body) => send({ t: "send", id: randomUUID(), room, body });
let lines = null;
let acknowledged = values.say === undefined;
let heard = false;

/** Prints an event. */
function show(event) {
  const said = event.body ?? "";
  console.log(String(event.seq).padStart(6), said ? `${event.name}: ${said}` : `${event.name} ${event.kind}s`);
  heard ||= values.until !== undefined && said === values.until;
}

/** Gives up with a sentence. */
function fail(sentence) {
  console.error(sentence);
  process.exit(1);
}

const on = {
  welcome: () => send({ t: "join", id: "join", room }),
  // What comes after `head` is pushed as events; what came before is asked for.
  joined: (message) => send({ t: "history", id: "history", room, before: message.head + 1 }),
  page: (message) => {
    message.events.forEach(show);
    if (values.say !== undefined) {
      say(values.say);
    } else {
      lines = createInterface({ input: process.stdin });
      lines.on("line", say);
    }
  },
  ack: () => {
    acknowledged = true;
  },
  event: show,
  error: (message) => fail(`${message.code}: ${message.message}`),
};

socket.on("open", () => send({ t: "hello", name }));
socket.on("message", (data) => {
  const message = JSON.parse(data.toString());
  // Whatever else there is, and will be, may be ignored.
  on[message.t]?.(message);
  if (heard && acknowledged) {
    socket.close(1000);
  }
});
socket.on("error", (error) => fail(`${url}: ${error.message}`));
socket.on("close", (code, reason) => {
  lines?.close();
  if (!(heard && acknowledged) || code !== 1000) {
    fail(`the server closed: ${code} ${reason}`);
  }
});
