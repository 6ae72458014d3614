//! Checks a server from Node: `node node_client.mjs ws://127.0.0.1:9001 [1|2]`, with the version of HTTP. The checks are
//! those of `checks.py`, and so is what they print.

import { createRequire } from "node:module";
import { deepEqual, equal, match } from "node:assert/strict";
import { Http1Carrier, Http2Carrier } from "./node_session.mjs";

const DEADLINE_MS = 30_000;
const MANY = 100;
const SUBPROTOCOL = "interop.v1";
const TEXTS = ["", "a", "grüße, 世界 👋", "x".repeat(125), "y".repeat(126), "z".repeat(65535), "ö".repeat(32768)];
const OFFERS = [{}, { serverNoContextTakeover: true, clientNoContextTakeover: true }, { serverMaxWindowBits: 10, clientMaxWindowBits: 11 }];

async function echo(session, message) {
  session.send(message);
  deepEqual(await session.receive(), message);
}

/** Bytes that do not compress, the same in each run. */
function noise(length) {
  const bytes = Buffer.alloc(length);
  let state = 1;
  for (let place = 0; place < length; place++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[place] = state >>> 24;
  }
  return bytes;
}

const CHECKS = {
  async subprotocol(carrier) {
    const session = await carrier.open("/", { subprotocols: ["interop.v9", SUBPROTOCOL] });
    equal(session.subprotocol, SUBPROTOCOL);
    await session.close(1000, "");
    equal((await carrier.open("/")).subprotocol, undefined);
  },
  async text(carrier) {
    const session = await carrier.open("/");
    for (const text of TEXTS) await echo(session, text);
    await session.close(1000, "");
  },
  async binary(carrier) {
    const session = await carrier.open("/");
    for (const text of TEXTS) await echo(session, Buffer.from(text));
    await session.close(1000, "");
  },
  async mebibyte(carrier) {
    const session = await carrier.open("/");
    await echo(session, noise(1 << 20));
    await echo(session, "m".repeat(1 << 20));
    await session.close(1000, "");
  },
  async fragments(carrier) {
    const session = await carrier.open("/");
    session.send("one, ", false);
    session.send("", false);
    session.send("two, ", false);
    session.send("three");
    equal(await session.receive(), "one, two, three");
    await session.close(1000, "");
  },
  async ping(carrier) {
    const session = await carrier.open("/");
    for (const payload of ["", "are you there?", "\0".repeat(125)]) await session.ping(Buffer.from(payload));
    await session.close(1000, "");
  },
  async close(carrier) {
    for (const [code, reason] of [[1000, ""], [4001, "bye for now"], [1001, "r".repeat(123)]]) {
      const session = await carrier.open("/");
      equal((await session.close(code, reason))[0], code);
    }
  },
  async closed(carrier) {
    const session = await carrier.open("/close/4002");
    deepEqual(await session.closed(), [4002, "as the path asks"]);
  },
  async compression(carrier) {
    const line = "a line that says much the same as the line before it, ";
    for (const deflate of OFFERS) {
      const session = await carrier.open("/", { deflate: { ...deflate, threshold: 0 } });
      match(session.extensions, /^permessage-deflate/);
      for (let number = 0; number < 5; number++) await echo(session, line.repeat(20) + number);
      await echo(session, line.repeat(20000));
      await echo(session, noise(70000));
      session.send(line, false);
      session.send("the end");
      equal(await session.receive(), `${line}the end`);
      await session.close(1000, "");
    }
  },
  async many(carrier) {
    const sessions = [];
    for (let number = 0; number < MANY; number++) sessions.push(await carrier.open("/"));
    for (let turn = 0; turn < 3; turn++) await Promise.all(sessions.map((session, number) => echo(session, `${turn} of ${number}`)));
    await Promise.all(sessions.map((session, number) => echo(session, Buffer.alloc(20000, number))));
    for (const session of sessions) await session.close(1000, "");
  },
  async requests(carrier) {
    const session = await carrier.open("/");
    for (let turn = 0; turn < 3; turn++) {
      equal(await carrier.get("/"), 200);
      await echo(session, "beside a request");
    }
    await session.close(1000, "");
  },
};

/** Runs one check on a carrier of its own and prints its line. Whether it went well. */
async function run(peer, connect, name) {
  const carrier = await connect();
  const result = { peer, http: carrier.version, tls: carrier.secure, check: name, ok: true };
  if (!carrier.shared && (name === "many" || name === "requests")) return true;
  let timer;
  const tooLate = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error("it took too long")), DEADLINE_MS)));
  try {
    await Promise.race([CHECKS[name](carrier), tooLate]);
  } catch (error) {
    Object.assign(result, { ok: false, why: String(error).split("\n", 1)[0] });
    console.error(error);
  }
  clearTimeout(timer);
  carrier.leave();
  console.log(JSON.stringify(result));
  return result.ok;
}

const [url, version = "1"] = process.argv.slice(2);
const packageVersion = createRequire(import.meta.url)("ws/package.json").version;
const peer = version === "2" ? `Node http2 + ws ${packageVersion}` : `Node ws ${packageVersion}`;
const connect = version === "2" ? () => Http2Carrier.connect(url) : async () => new Http1Carrier(url);
let good = true;
for (const name of Object.keys(CHECKS)) good = (await run(peer, connect, name)) && good;
process.exit(good ? 0 : 1);
