//! The module's rules are those of the source, and a page with others says so.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { ArenaModule } from "../arena.js";
import { otherRules } from "../online.js";

test("the_committed_module_has_the_version_of_the_golden_matches", () => {
  const module = new ArenaModule(new WebAssembly.Module(readFileSync(new URL("../arena.wasm", import.meta.url))));
  const golden = readFileSync(new URL("../../../crates/arena/tests/golden/hashes.txt", import.meta.url), "utf8");
  assert.equal(`rules ${module.rules}`, golden.split("\n")[0], "run `cargo xtask wasm --write`");
});

test("who_has_other_rules_is_told_to_load_the_page_anew", () => {
  assert.equal(otherRules(4, 4), "");
  assert.match(otherRules(5, 4), /version 5 .* version 4.* Reload the page/);
});
