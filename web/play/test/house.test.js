//! Rooms, walls and where light falls, for a house of four cells.

import assert from "node:assert/strict";
import { test } from "node:test";
import { BORDER, CELL, CELLS, DOORWAY, House, doorLeaves } from "../house.js";
import { outline, rayLength } from "../light.js";

/** Two rooms side by side, each one cell wide and two high, with a door between the upper cells. */
function twoRooms() {
  const right = new Uint8Array(CELLS * CELLS);
  right[0] = BORDER.door;
  right[CELLS] = BORDER.wall;
  return new House(2, right, new Uint8Array(CELLS * CELLS));
}

test("cells_without_a_wall_between_them_are_one_room", () => {
  const house = twoRooms();
  assert.deepEqual(house.rooms.map((room) => room.cells), [[0, CELLS], [1, CELLS + 1]]);
  assert.equal(house.roomOf[2], -1, "beyond the house is no room");
  assert.equal(house.roomAt(CELL + 5, 5)?.id, 1);
  assert.ok(house.rooms.every((room) => room.lamps.length > 0), "each room has light");
});

test("walls_in_a_row_are_one_piece_and_leave_gaps_for_doors", () => {
  const house = twoRooms();
  const upright = house.walls.filter((wall) => wall.x1 === CELL && wall.x2 === CELL);
  const low = (CELL - DOORWAY) / 2;
  assert.deepEqual(upright.map((wall) => [wall.y1, wall.y2]), [[0, low], [low + DOORWAY, 2 * CELL]]);
  assert.ok(house.walls.some((wall) => wall.y1 === 0 && wall.y2 === 0 && wall.x1 === 0 && wall.x2 === 2 * CELL), "the house ends above");
  assert.deepEqual(house.doors, [{ index: 0, isUpright: true, x: CELL, y: CELL / 2 }]);
});

test("a_door_stops_eyes_while_it_is_shut_and_its_leaves_do_while_it_moves", () => {
  const house = twoRooms();
  const [door] = house.doors;
  assert.ok(door);
  const seen = (/** @type {number} */ opening, /** @type {number} */ y) => rayLength(10, y, 1, 0, 2000, house.segmentsNear(10, y, 2000, new Map([[door.index, opening]])));
  assert.equal(seen(0, CELL / 2), CELL - 10, "shut");
  assert.equal(seen(20, CELL / 2), 2 * CELL - 10, "open in the middle");
  assert.equal(seen(20, CELL / 2 + 30), CELL - 10, "a leaf is still there");
  assert.equal(seen(48, CELL / 2 + 30), 2 * CELL - 10);
  assert.equal(doorLeaves(door, 48).length, 0);
});

test("light_stays_in_its_room", () => {
  const house = twoRooms();
  const points = outline(60, 60, 400, house.segmentsNear(60, 60, 400, new Map()));
  for (let i = 0; i < points.length; i += 2) {
    assert.ok((points[i] ?? 0) <= CELL + 0.01 && (points[i] ?? 0) >= -0.01, `x ${points[i]}`);
    assert.ok(Math.hypot((points[i] ?? 0) - 60, (points[i + 1] ?? 0) - 60) <= 400.01);
  }
});
