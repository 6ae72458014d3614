//! What browser tests stand on: people with their own browser, screen and network; guests without a browser; checks that
//! wait for conditions and not for time.

import { mkdtempSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { WebSocket } from "ws";
import { StoaChat, memoryStore } from "../sdk/index.js";
import { Proxy } from "./proxy.js";

/** @typedef {import("playwright-core").Page} Page */
/** @typedef {import("playwright-core").BrowserContext} BrowserContext */
/** @typedef {{page: Page, context: BrowserContext, proxy: Proxy, problems: string[]}} Person */

/** How long any condition may take to come true. */
export const DEADLINE_MS = 10_000;
const DESKTOP = { width: 1280, height: 800 };
const PHONE = { width: 390, height: 844 };
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

/** What a broken network makes the browser say; everything else in its console is a failure. */
const EXPECTED_ERRORS = /WebSocket connection to .* failed/;

/** Runs in each page before its own scripts: sums up layout shifts and policy violations. */
function observePage() {
  const seen = { shift: 0, violations: /** @type {string[]} */ ([]) };
  Object.assign(window, { seen });
  new PerformanceObserver((list) => {
    for (const entry of /** @type {any[]} */ (list.getEntries())) if (!entry.hadRecentInput) seen.shift += entry.value;
  }).observe({ type: "layout-shift", buffered: true });
  document.addEventListener("securitypolicyviolation", (event) => seen.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
}

/** One run: a browser, its people, and the count of checks. */
export class Stage {
  #serverUrl;
  #screenshots;
  /** @type {import("playwright-core").BrowserContext[]} */
  #contexts = [];
  /** @type {import("playwright-core").Browser | undefined} */
  #browser = undefined;
  /** @type {Proxy[]} */
  #proxies = [];
  /** @type {StoaChat[]} */
  #guests = [];
  /** @type {Person[]} */
  people = [];
  passed = 0;
  failed = 0;

  /**
   * @param {string} serverUrl the page's address
   * @param {string | undefined} screenshots a folder for pictures; none are taken without it
   */
  constructor(serverUrl, screenshots) {
    this.#serverUrl = new URL(serverUrl);
    this.#screenshots = screenshots;
    if (screenshots) mkdirSync(screenshots, { recursive: true });
  }

  async open() {
    const executablePath = process.env.STOA_CHROMIUM ?? "/usr/bin/chromium";
    this.#browser = await chromium.launch({ executablePath, args: FLAGS, artifactsDir: mkdtempSync(join(tmpdir(), "stoa-browser-")) });
  }

  /**
   * @param {{phone?: boolean, dark?: boolean}} [how]
   * @returns {Promise<Person>} somebody with an empty browser of their own
   */
  async person({ phone = false, dark = false } = {}) {
    if (!this.#browser) throw new Error("The stage is not open.");
    const proxy = new Proxy(this.#serverUrl);
    await proxy.listen();
    this.#proxies.push(proxy);
    const viewport = phone ? PHONE : DESKTOP;
    const context = await this.#browser.newContext({ viewport, hasTouch: phone, colorScheme: dark ? "dark" : "light", locale: "en-GB", timezoneId: "UTC" });
    context.setDefaultTimeout(DEADLINE_MS);
    this.#contexts.push(context);
    return this.device(context, proxy);
  }

  /**
   * Another page of somebody, with the same storage: a second device of the same user.
   * @param {BrowserContext} context
   * @param {Proxy} proxy
   * @returns {Promise<Person>}
   */
  async device(context, proxy) {
    const page = await context.newPage();
    const problems = /** @type {string[]} */ ([]);
    await page.addInitScript(observePage);
    page.on("pageerror", (error) => problems.push(`exception: ${error.message}`));
    page.on("console", (message) => {
      if (message.type() === "error" && !EXPECTED_ERRORS.test(message.text())) problems.push(`console: ${message.text()}`);
    });
    const person = { page, context, proxy, problems };
    this.people.push(person);
    return person;
  }

  /**
   * A guest without a browser, on the same SDK.
   * @param {string} name
   * @returns {Promise<StoaChat>} signed in
   */
  async guest(name) {
    const url = `ws://${this.#serverUrl.host}/v1/chat`;
    const headers = { origin: this.#serverUrl.origin };
    /** @type {(url: string, protocol: string) => any} */
    const openSocket = (to, protocol) => new WebSocket(to, protocol, { headers });
    const chat = new StoaChat({ url, name, platform: { store: memoryStore(), openSocket } });
    this.#guests.push(chat);
    const welcome = new Promise((resolve) => chat.on("welcome", resolve));
    chat.connect();
    await within(welcome, `the welcome of ${name}`);
    return chat;
  }

  /**
   * @param {string} name what must hold
   * @param {() => Promise<void>} body throws if it does not
   */
  async check(name, body) {
    const start = performance.now();
    try {
      await body();
      this.passed += 1;
      console.log(`ok    ${name} (${Math.round(performance.now() - start)} ms)`);
    } catch (error) {
      this.failed += 1;
      const text = error instanceof Error ? error.message : String(error);
      const [place = ""] = /checks\/[\w.]+:\d+/.exec(error instanceof Error ? (error.stack ?? "") : "") ?? [];
      console.log(`FAIL  ${name} at ${place}: ${text.replaceAll("\n", "\n      ")}`);
      for (const [i, { page }] of this.people.entries()) await this.picture(page, `failed-${this.failed}-${i + 1}`);
    }
  }

  /**
   * @param {Page | undefined} page
   * @param {string} name
   */
  async picture(page, name) {
    if (!this.#screenshots || !page || page.isClosed()) return;
    await page.screenshot({ path: join(this.#screenshots, `${name}.png`), animations: "disabled", caret: "hide" });
  }

  async close() {
    for (const guest of this.#guests) guest.close();
    await this.#browser?.close();
    for (const proxy of this.#proxies) proxy.close();
  }
}

/**
 * @template T
 * @param {Promise<T>} promise
 * @param {string} what is waited for
 * @returns {Promise<T>}
 */
export function within(promise, what) {
  let timer = /** @type {ReturnType<typeof setTimeout> | undefined} */ (undefined);
  const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error(`${what} did not come in ${DEADLINE_MS} ms`)), DEADLINE_MS)));
  return /** @type {Promise<T>} */ (Promise.race([promise, late])).finally(() => clearTimeout(timer));
}

/**
 * Sends and waits until the server has stored it.
 * @param {StoaChat} chat
 * @param {string} room
 * @param {string[]} bodies
 */
export async function say(chat, room, bodies) {
  const joined = await chat.join(room);
  for (const body of bodies) joined.send(body);
  const done = new Promise((resolve) => {
    const off = chat.on("outbox", () => {
      if (chat.outbox(room).length > 0) return;
      off();
      resolve(null);
    });
  });
  await within(done, `the acks in ${room}`);
}
