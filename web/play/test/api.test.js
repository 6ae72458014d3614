//! What the lobby reads of the server's answers.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError, isMatchId, readMatches, readPlace, readSearch } from "../api.js";

test("matches_are_listed_the_fullest_first", () => {
  const matches = readMatches({
    matches: [
      { id: "quiet", game: "wreckroom", people: 1, bots: 23, seats: 256, spectators: 0, phase: "running", seconds_left: 12, open: true },
      { id: "busy", game: "wreckroom", people: 40, bots: 0, seats: 40, spectators: 3, phase: "running", seconds_left: 200.7, open: false },
    ],
    games: [],
  });
  assert.deepEqual(matches.map((match) => match.id), ["busy", "quiet"]);
  assert.deepEqual(matches[0], { id: "busy", people: 40, bots: 0, seats: 40, spectators: 3, secondsLeft: 200, isOpen: false });
});

test("what_is_no_match_of_this_game_is_left_out_and_odd_fields_are_nothing", () => {
  const matches = readMatches({
    matches: [null, 7, "x", {}, { id: 3 }, { id: "../chat" }, { id: "classic1", game: "classic" }, { id: "ok", people: "many", bots: -3, seats: NaN, seconds_left: null }],
  });
  assert.deepEqual(matches, [{ id: "ok", people: 0, bots: 0, seats: 0, spectators: 0, secondsLeft: null, isOpen: true }]);
  for (const odd of [null, undefined, 1, "", [], {}, { matches: {} }]) assert.deepEqual(readMatches(odd), []);
});

test("a_place_to_play_has_an_id_that_the_protocol_allows", () => {
  assert.equal(readPlace({ id: "m1", socket: "/v1/match/m1", page: "/play?match=m1" }), "m1");
  for (const odd of [null, {}, [], { id: "no/id" }, { id: 7 }, { match: "m1" }]) assert.throws(() => readPlace(odd), ApiError);
});

test("a_search_waits_with_its_ticket_until_there_is_a_seat", () => {
  assert.deepEqual(readSearch({ ticket: "v6", waiting: 1, seconds_left: 2, token: "eyJ" }), { ticket: "v6", match: "", waiting: 1, token: "eyJ" });
  assert.deepEqual(readSearch({ waiting: 2 }, "v6"), { ticket: "v6", match: "", waiting: 2, token: "" });
  assert.equal(readSearch({ ticket: "v6", match: "m1", seat_seconds: 15 }).match, "m1");
  assert.equal(readSearch({ ticket: "v6", match: "no/id" }).match, "");
  for (const odd of [null, {}, { ticket: "" }, { match: "m1" }]) assert.throws(() => readSearch(odd), ApiError);
});

test("a_match_id_is_what_the_protocol_allows", () => {
  for (const good of ["a", "A-b_9", "x".repeat(64)]) assert.ok(isMatchId(good), good);
  for (const bad of ["", "x".repeat(65), "a b", "a/b", "é", "?"]) assert.ok(!isMatchId(bad), bad);
});
