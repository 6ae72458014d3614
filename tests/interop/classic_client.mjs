//! Plays the classic room's game from Node, written from its messages alone:
//! `node classic_client.mjs ws://127.0.0.1:8080 [1|2] [game]`, with the version of HTTP. All five colours at once fight for the
//! chair; exactly one captures it.

import { deepEqual, equal, match } from "node:assert/strict";
import { Http1Carrier, Http2Carrier } from "./node_session.mjs";

const DEADLINE_MS = 60_000;
const COLOURS = ["red", "green", "purple", "blue", "yellow"];
/** More hits than the chair takes, from everybody. */
const HITS_EACH = 6;

/** One connection, one colour. */
class Player {
  #session;
  #game;
  user;
  accepted = 0;
  refused = 0;
  seen = [];

  constructor(session, game, user) {
    this.#session = session;
    this.#game = game;
    this.user = user;
  }

  say(fields) {
    this.#session.send(JSON.stringify({ game: this.#game, user: this.user, ...fields }));
  }

  async hear() {
    return JSON.parse(await this.#session.receive());
  }

  async join(before) {
    this.say({ cmd: "join" });
    const players = [...before, this.user];
    deepEqual(await this.hear(), { cmd: "join", game: this.#game, user: this.user, players });
    deepEqual(await this.hear(), { cmd: "join", status: "ok", game: this.#game, user: this.user, players });
  }

  /** Hits without waiting for answers, then takes all answers. */
  async smash(item) {
    for (let hit = 0; hit < HITS_EACH; hit++) this.say({ cmd: "hit", item });
    while (this.accepted + this.refused < HITS_EACH || this.seen.at(-1)?.hp !== 0) {
      const message = await this.hear();
      if (message.cmd === "join") continue;
      equal(message.cmd, "hit");
      if (message.status === "ok") this.accepted++;
      else if (message.status) {
        match(message.status, /^fail, chair captured by /);
        this.refused++;
      } else this.seen.push(message);
    }
  }

  leave() {
    return this.#session.close(1000, "");
  }
}

async function play(carrier, url, game) {
  const http = url.replace(/^ws/, "http");
  const reset = carrier.shared ? await carrier.get(`/reset?gameId=${game}`) : (await fetch(`${http}/reset?gameId=${game}`, { redirect: "manual" })).status;
  equal(reset, 302);
  const players = [];
  for (const user of COLOURS) {
    const player = new Player(await carrier.open("/classic"), game, user);
    await player.join(players.map((other) => other.user));
    players.push(player);
  }
  const late = new Player(await carrier.open("/classic"), game, "green");
  late.say({ cmd: "join" });
  deepEqual(await late.hear(), { cmd: "join", status: "fail, color green in use", user: "green", game });
  await Promise.all(players.map((player) => player.smash("chair")));
  equal(players.reduce((sum, player) => sum + player.accepted, 0), 10);
  const first = players[0].seen;
  deepEqual(first.map((message) => message.hp), [90, 80, 70, 60, 50, 40, 30, 20, 10, 0]);
  // Everybody was told the same, in the same order.
  for (const { seen } of players) deepEqual(seen, first.slice(0, seen.length));
  if (!carrier.secure) {
    const { items, players: names } = await (await fetch(`${http}/items?gameId=${game}`)).json();
    deepEqual(items.map(({ item, hp, user }) => [item, hp, user]), [["tv", 100, ""], ["table", 100, ""], ["chair", 0, first.at(-1).user]]);
    deepEqual(names, COLOURS);
  }
  for (const player of [...players, late]) await player.leave();
}

const [url, version = "1", game = "game1"] = process.argv.slice(2);
const carrier = version === "2" ? await Http2Carrier.connect(url) : new Http1Carrier(url);
const late = setTimeout(() => {
  console.error("the game took too long");
  process.exit(1);
}, DEADLINE_MS);
await play(carrier, url, game);
clearTimeout(late);
carrier.leave();
console.log(`classic room: Node played a whole game over HTTP/${carrier.version}${carrier.secure ? " with TLS" : ""}`);
