//! The chat page over HTTP/2: two people talk in Chromium, on a page that came over HTTP/2, through WebSockets that are
//! streams of the same connection. That they are is read in the browser's own network log. `STOA_URL` is an `https:` address,
//! whose certificate is not verified; `STOA_CHROMIUM` names another browser.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { arrive, inRoom, sees, write } from "./acts.js";

const url = process.env.STOA_URL;
if (!url?.startsWith("https:")) throw new Error("usage: STOA_URL=https://… node test/http2.mjs");

const scratch = mkdtempSync(join(tmpdir(), "stoa-http2-"));
const logFile = join(scratch, "net-log.json");
const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", `--log-net-log=${logFile}`];
const executablePath = process.env.STOA_CHROMIUM ?? "/usr/bin/chromium";
const browser = await chromium.launch({ executablePath, args, artifactsDir: scratch });

/** @param {string} name */
async function person(name) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  context.setDefaultTimeout(10_000);
  const page = await context.newPage();
  /** @type {string[]} */
  const problems = [];
  page.on("pageerror", (error) => problems.push(error.message));
  await arrive(page, `${url}#http2`, name);
  await inRoom(page, "http2");
  return { page, problems };
}

try {
  const people = [await person("Ann"), await person("Bob")];
  for (const [number, { page }] of people.entries()) {
    await write(page, `Hello from ${number}`);
    for (const other of people) await sees(other.page, `Hello from ${number}`);
    const version = await page.evaluate(() => /** @type {PerformanceNavigationTiming} */ (performance.getEntriesByType("navigation")[0]).nextHopProtocol);
    assert.equal(version, "h2", "the page came over HTTP/2");
  }
  for (const { problems } of people) assert.deepEqual(problems, []);
} finally {
  await browser.close();
}

/** @type {{constants: {logEventTypes: Record<string, number>}, events: {type: number, source: {id: number}, params?: {headers?: string[]}}[]}} */
const { constants, events } = JSON.parse(readFileSync(logFile, "utf8"));
rmSync(scratch, { recursive: true });
const requests = events.filter((event) => event.type === constants.logEventTypes.HTTP2_SESSION_SEND_HEADERS);
const connects = requests.filter((event) => event.params?.headers?.includes(":protocol: websocket"));
assert.equal(connects.length, 2, "each of the two has a WebSocket over HTTP/2");
for (const connect of connects) {
  const others = requests.filter((event) => event.source.id === connect.source.id && event !== connect);
  assert.ok(others.length > 0, "the page came on the same connection");
}
console.log("the chat page talks over WebSockets on HTTP/2, on the connection that it came on");
