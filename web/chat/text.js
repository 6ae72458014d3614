//! Texts: links in messages, times, days, counted words.

import { make } from "./dom.js";

/** What ends a sentence rather than an address. */
const TRAILING = ".,;:!?'\"»”’";

/**
 * Splits a message into plain text and web addresses. Only `http` and `https` count: nothing else can be clicked.
 * @param {string} text
 * @returns {{text: string, href?: string}[]} the parts in order; together they are the text
 */
export function splitLinks(text) {
  const parts = [];
  let done = 0;
  for (const match of text.matchAll(/https?:\/\/[^\s<>"]+/giu)) {
    const address = withoutSentence(match[0]);
    const href = webAddress(address);
    if (!href) continue;
    if (match.index > done) parts.push({ text: text.slice(done, match.index) });
    parts.push({ text: address, href });
    done = match.index + address.length;
  }
  if (done < text.length) parts.push({ text: text.slice(done) });
  return parts;
}

/**
 * @param {string} text
 * @returns {Node[]} the message as nodes: text, and links that open elsewhere and tell nothing about this page
 */
export function messageNodes(text) {
  return splitLinks(text).map((part) => {
    if (!part.href) return document.createTextNode(part.text);
    return make("a", { href: part.href, target: "_blank", rel: "noopener noreferrer nofollow", text: part.text });
  });
}

/** @param {string} address */
function webAddress(address) {
  try {
    const url = new URL(address);
    return url.protocol === "https:" || url.protocol === "http:" ? url.href : null;
  } catch {
    return null;
  }
}

/**
 * @param {string} text that starts with an address
 * @returns {string} the address, without what closes the sentence around it
 */
function withoutSentence(text) {
  let opened = text.split("(").length - text.split(")").length;
  let end = text.length;
  for (; end > 0; end--) {
    const char = text.charAt(end - 1);
    // A closing bracket belongs to the sentence, unless the address opened it.
    if (char === ")" && opened < 0) opened += 1;
    else if (!TRAILING.includes(char)) break;
  }
  return text.slice(0, end);
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const dayThisYear = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const dayOtherYear = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long", year: "numeric" });
const dayShort = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

/** @param {number} at milliseconds since 1970 @returns {string} the time of day */
export function timeOf(at) {
  return clock.format(at);
}

/** @param {number} at @returns {string} day and time, in full */
export function fullTimeOf(at) {
  return full.format(at);
}

/** @param {number} at @returns {string} tells days apart, in local time */
export function dayKey(at) {
  const date = new Date(at);
  return `${date.getFullYear()}-${date.getMonth()}-${date.getDate()}`;
}

/**
 * @param {number} at
 * @param {number} now
 * @returns {string} the day, as people say it
 */
export function dayName(at, now) {
  if (dayKey(at) === dayKey(now)) return "Today";
  const yesterday = new Date(now);
  yesterday.setDate(yesterday.getDate() - 1);
  if (dayKey(at) === dayKey(yesterday.getTime())) return "Yesterday";
  const sameYear = new Date(at).getFullYear() === new Date(now).getFullYear();
  return (sameYear ? dayThisYear : dayOtherYear).format(at);
}

/**
 * @param {number} at
 * @param {number} now
 * @returns {string} the time if that was today, else the date
 */
export function shortTime(at, now) {
  return dayKey(at) === dayKey(now) ? timeOf(at) : dayShort.format(at);
}

/**
 * @param {string[]} names
 * @returns {string} who is typing, in words; empty for nobody
 */
export function typingText(names) {
  const [first, second] = names.map(isolated);
  if (first === undefined) return "";
  if (second === undefined) return `${first} is typing…`;
  if (names.length === 2) return `${first} and ${second} are typing…`;
  return `${first} and ${names.length - 1} others are typing…`;
}

/**
 * @param {string} name
 * @returns {string} the name, fenced off if it is written from right to left or wants to turn what follows it
 */
function isolated(name) {
  return /[\u0590-\u08ff\u200e\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufefc]/u.test(name) ? `\u2068${name}\u2069` : name;
}

/**
 * @param {number} number
 * @param {string} one
 * @param {string} many
 * @returns {string} the number with the right word
 */
export function counted(number, one, many) {
  return `${number.toLocaleString()} ${number === 1 ? one : many}`;
}

/** @param {number} number @returns {string} short enough for a badge */
export function badge(number) {
  return number > 99 ? "99+" : String(number);
}
