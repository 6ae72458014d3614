//! What the lobby reads of the server's answers.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError, isMatchId, readMatches, readPlace } from "../api.js";

test("matches_are_listed_the_fullest_first", () => {
  const matches = readMatches({
    matches: [
      { id: "quiet", game: "wreckroom", players: 1, bots: 23, capacity: 256, spectators: 0, phase: "running", seconds_left: 12, open: true },
      { id: "busy", game: "wreckroom", players: 40, bots: 0, capacity: 40, spectators: 3, phase: "running", seconds_left: 200.7, open: false },
    ],
    games: [],
  });
  assert.deepEqual(matches.map((match) => match.id), ["busy", "quiet"]);
  assert.deepEqual(matches[0], { id: "busy", players: 40, bots: 0, capacity: 40, spectators: 3, secondsLeft: 200, isOpen: false });
});

test("what_is_no_match_of_this_game_is_left_out_and_odd_fields_are_nothing", () => {
  const matches = readMatches({
    matches: [null, 7, "x", {}, { id: 3 }, { id: "../chat" }, { id: "classic1", game: "classic" }, { id: "ok", players: "many", bots: -3, capacity: NaN, seconds_left: null }],
  });
  assert.deepEqual(matches, [{ id: "ok", players: 0, bots: 0, capacity: 0, spectators: 0, secondsLeft: null, isOpen: true }]);
  for (const odd of [null, undefined, 1, "", [], {}, { matches: {} }]) assert.deepEqual(readMatches(odd), []);
});

test("a_place_to_play_has_an_id_that_the_protocol_allows", () => {
  assert.equal(readPlace({ id: "m1", socket: "/v1/match/m1", page: "/play?match=m1" }), "m1");
  for (const odd of [null, {}, [], { id: "no/id" }, { id: 7 }, { match: "m1" }]) assert.throws(() => readPlace(odd), ApiError);
});

test("a_match_id_is_what_the_protocol_allows", () => {
  for (const good of ["a", "A-b_9", "x".repeat(64)]) assert.ok(isMatchId(good), good);
  for (const bad of ["", "x".repeat(65), "a b", "a/b", "é", "?"]) assert.ok(!isMatchId(bad), bad);
});
