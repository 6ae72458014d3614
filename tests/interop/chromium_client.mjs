//! Checks a server with Chromium: `node chromium_client.mjs wss://127.0.0.1:9443 1|2`, with the version of HTTP. What a page
//! can do is checked as in `checks.py`; pages cannot ping or send fragments. That WebSockets travel over HTTP/2 is read
//! in the browser's own network log. `STOA_CHROMIUM` names the program.

import { deepEqual, equal } from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const DEADLINE_MS = 30_000;
const MANY = 100;
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--ignore-certificate-errors"];

/** Runs in the page: the tools of the checks below. */
function prepare() {
  class Session {
    constructor(socket) {
      this.socket = socket;
      this.messages = [];
      this.waiting = [];
      socket.binaryType = "arraybuffer";
      socket.onmessage = ({ data }) => {
        this.messages.push(data);
        this.waiting.shift()?.();
      };
      this.closed = new Promise((done) => {
        socket.onclose = ({ code, reason, wasClean }) => {
          done([code, reason, wasClean]);
          for (const wake of this.waiting) wake();
        };
      });
    }

    async receive() {
      if (this.messages.length === 0) await new Promise((wake) => this.waiting.push(wake));
      if (this.messages.length === 0) throw new Error("the server closed");
      return this.messages.shift();
    }

    close(code, reason) {
      this.socket.close(code, reason);
      return this.closed;
    }
  }

  const open = async (url, subprotocols = []) => {
    const socket = new WebSocket(url, subprotocols);
    const session = new Session(socket);
    await new Promise((done, fail) => {
      socket.onopen = done;
      socket.onerror = () => fail(new Error(`cannot open ${url}`));
    });
    return session;
  };
  const same = (a, b) => {
    if (typeof a === "string" || typeof b === "string") return a === b;
    const [left, right] = [new Uint8Array(a), new Uint8Array(b)];
    return left.length === right.length && left.every((byte, place) => byte === right[place]);
  };
  const echo = async (session, message) => {
    session.socket.send(message);
    if (!same(await session.receive(), message)) throw new Error("the echo differs");
  };
  Object.assign(window, { open_: open, echo });
}

const TEXTS = ["", "a", "grüße, 世界 👋", "x".repeat(125), "y".repeat(126), "z".repeat(65535), "ö".repeat(32768)];

/** Each runs in a page of the server's own origin. */
const CHECKS = {
  subprotocol: (page, url) =>
    page.evaluate(async (url) => (await open_(url, ["interop.v9", "interop.v1"])).socket.protocol, url).then((agreed) => equal(agreed, "interop.v1")),
  text: (page, url) =>
    page.evaluate(
      async ([url, texts]) => {
        const session = await open_(url);
        for (const text of texts) await echo(session, text);
      },
      [url, TEXTS],
    ),
  binary: (page, url) =>
    page.evaluate(
      async ([url, texts]) => {
        const session = await open_(url);
        for (const text of texts) await echo(session, new TextEncoder().encode(text).buffer);
      },
      [url, TEXTS],
    ),
  mebibyte: (page, url) =>
    page.evaluate(async (url) => {
      const session = await open_(url);
      const noise = new Uint8Array(1 << 20);
      for (let place = 0; place < noise.length; place += 65536) crypto.getRandomValues(noise.subarray(place, place + 65536));
      await echo(session, noise.buffer);
      await echo(session, "m".repeat(1 << 20));
    }, url),
  close: async (page, url) => {
    const run = ([url, code, reason]) => open_(url).then((session) => session.close(code, reason));
    for (const [code, reason] of [[1000, ""], [4001, "bye for now"], [4999, "r".repeat(123)]]) {
      const [answered, , clean] = await page.evaluate(run, [url, code, reason]);
      deepEqual([answered, clean], [code, true]);
    }
  },
  closed: async (page, url) => {
    const got = await page.evaluate((url) => open_(`${url}close/4002`).then((session) => session.closed), url);
    deepEqual(got, [4002, "as the path asks", true]);
  },
  compression: async (page, url) => {
    const agreed = await page.evaluate(async (url) => {
      const session = await open_(url);
      for (let number = 0; number < 5; number++) await echo(session, `much the same as before, ${number} `.repeat(1000));
      return session.socket.extensions;
    }, url);
    equal(agreed.split(";")[0], "permessage-deflate");
  },
  many: (page, url) =>
    page.evaluate(
      async ([url, many]) => {
        const sessions = await Promise.all(Array.from({ length: many }, () => open_(url)));
        for (let turn = 0; turn < 3; turn++) await Promise.all(sessions.map((session, number) => echo(session, `${turn} of ${number}`)));
        await Promise.all(sessions.map((session) => session.close(1000, "")));
      },
      [url, MANY],
    ),
  requests: (page, url) =>
    page.evaluate(async (url) => {
      const session = await open_(url);
      for (let turn = 0; turn < 3; turn++) {
        const answer = await fetch("/", { cache: "no-store" });
        if (answer.status !== 200) throw new Error(`the status is ${answer.status}`);
        await echo(session, "beside a request");
      }
    }, url),
};

/** How the WebSockets of a run travelled, from the network log of the browser. */
function travelled(logFile) {
  const { constants, events } = JSON.parse(readFileSync(logFile, "utf8"));
  const kind = constants.logEventTypes;
  const head = (event) => event.params?.headers ?? [];
  const connects = events.filter((event) => event.type === kind.HTTP2_SESSION_SEND_HEADERS && head(event).includes(":protocol: websocket"));
  return { webSocketsOnHttp2: connects.length, http2Connections: new Set(connects.map((event) => event.source.id)).size };
}

async function run(page, url, name) {
  let timer;
  const tooLate = new Promise((_, fail) => (timer = setTimeout(() => fail(new Error("it took too long")), DEADLINE_MS)));
  try {
    await Promise.race([CHECKS[name](page, url), tooLate]);
    return undefined;
  } catch (error) {
    console.error(error);
    return String(error).split("\n", 1)[0];
  } finally {
    clearTimeout(timer);
  }
}

const [address, http] = process.argv.slice(2);
const url = `${address}/`;
const scratch = mkdtempSync(join(tmpdir(), "stoa-chromium-"));
const logFile = join(scratch, "net-log.json");
const args = [...FLAGS, `--log-net-log=${logFile}`, ...(http === "2" ? [] : ["--disable-http2"])];
const browser = await chromium.launch({ executablePath: process.env.STOA_CHROMIUM ?? "/usr/bin/chromium", args, artifactsDir: scratch });
const results = [];
for (const name of Object.keys(CHECKS)) {
  // Without HTTP/2 each of the many is a connection of its own, which says nothing about sharing one.
  if (http !== "2" && (name === "many" || name === "requests")) continue;
  const page = await browser.newPage();
  await page.addInitScript(prepare);
  await page.goto(url.replace(/^ws/, "http"));
  results.push({ name, why: await run(page, url, name) });
  await page.close();
}
await browser.close();
const { webSocketsOnHttp2, http2Connections } = travelled(logFile);
rmSync(scratch, { recursive: true });
console.error(`${webSocketsOnHttp2} WebSockets on ${http2Connections} connections of HTTP/2`);
// No check counts whose WebSockets took another way than the one that this run is about.
const wrongWay = http === "2" ? webSocketsOnHttp2 < MANY || http2Connections > results.length : webSocketsOnHttp2 > 0;
for (const { name, why } of results) {
  const reason = why ?? (wrongWay ? `${webSocketsOnHttp2} WebSockets on ${http2Connections} connections of HTTP/2` : undefined);
  console.log(JSON.stringify({ peer: "Chromium", http: http === "2" ? "2" : "1.1", tls: url.startsWith("wss:"), check: name, ok: !reason, why: reason }));
}
process.exitCode = wrongWay || results.some(({ why }) => why) ? 1 : 0;
