//! Drift, the reduced game of `cargo xtask bench match`: the least that a real-time game can be, so that a runtime of
//! matches is measured and not a simulation. `bench/peers/colyseus` has the same rules for Colyseus.
//!
//! Up to 256 players in an arena of 4,096 × 4,096 units thrust in eight directions and look around. Drag slows them, walls
//! stop them, and take one health for each tick in which somebody runs against them. Each client sees the place, angle and
//! health of those within 600 units ([`DriftNear`]), or of all ([`DriftAll`]).

mod bits;
mod codec;

pub use codec::{Decoder, PLAYERS_MAX, Shown, Slots};

use codec::{Moment, Sight, Step, TICKS_MAX};
use matches::game::{Game, Input, Outcome, Profile, Rate, Refusal, Seat, Setup, Slot};

/// One unit. Lengths are in 1/16 of it, so that a place is two numbers of 16 bits.
pub const UNIT: i32 = 16;
/// The arena is a square of this side.
pub const SIDE: i32 = 4096 * UNIT;
/// What a client sees of others ends here.
pub const SIGHT: i32 = 600 * UNIT;
/// What one tick of thrust adds to the velocity, along an axis, in lengths per tick.
const THRUST: i32 = 24;
/// The same for each of the axes of a diagonal.
const DIAGONAL: i32 = 17;
/// A tick takes one in so many parts of the velocity, as a power of two.
const DRAG_SHIFT: u32 = 3;
/// Health at the beginning, and again after the last was lost.
const HP_MAX: u8 = 100;
/// The grid that finds who is near has cells of this side: sight reaches into the neighbours and no further.
const CELL: i32 = SIGHT;
const CELLS: usize = (SIDE as usize).div_ceil(CELL as usize);
/// Bytes of a player in a saved state.
const SAVED_BYTES: usize = 16;

/// The thrust of each of the directions 0 to 7, clockwise from the right; 8 is none.
const DIRECTIONS: [[i32; 2]; 9] = [
    [THRUST, 0],
    [DIAGONAL, DIAGONAL],
    [0, THRUST],
    [-DIAGONAL, DIAGONAL],
    [-THRUST, 0],
    [-DIAGONAL, -DIAGONAL],
    [0, -THRUST],
    [DIAGONAL, -DIAGONAL],
    [0, 0],
];

/// Each client sees those within [`SIGHT`].
pub type DriftNear = Drift<false>;
/// Each client sees everybody.
pub type DriftAll = Drift<true>;

/// What a player does in one tick: three bytes on the wire, the direction and where it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command {
    /// One of the eight directions, or 8.
    pub direction: u8,
    /// Below 1,024.
    pub angle: u16,
}

impl Default for Command {
    fn default() -> Self {
        Self { direction: 8, angle: 0 }
    }
}

/// A player.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Body {
    at: [i32; 2],
    velocity: [i32; 2],
    angle: u16,
    hp: u8,
}

/// The whole state of a match.
#[derive(Debug)]
pub struct Drift<const SEES_ALL: bool> {
    tick: u32,
    bodies: Box<[Option<Body>; PLAYERS_MAX]>,
    taken: Slots,
    /// What clients are shown of each. Follows from the state, and no part of it.
    shown: Box<[Shown; PLAYERS_MAX]>,
    /// What happened in the latest ticks: that of tick `t` has the place `t % (TICKS_MAX + 1)`.
    moments: [Moment; TICKS_MAX + 1],
    /// Who joined since the latest tick.
    joined: Slots,
    /// Who is in which cell of the grid.
    cells: Vec<Slots>,
    /// The body that everybody gets who got the one before, if everybody sees everybody.
    common: Vec<u8>,
}

/// What is remembered of a receiver.
#[derive(Clone, Copy, Debug)]
pub struct View {
    seat: Seat,
    /// The tick of the latest snapshot; 0 for none.
    sent: u32,
    visible: Slots,
}

impl<const SEES_ALL: bool> Drift<SEES_ALL> {
    /// Who is in sight of this seat.
    pub fn in_sight(&self, seat: Seat) -> Slots {
        let (false, Seat::Player(viewer)) = (SEES_ALL, seat) else { return self.taken };
        let Some(me) = &self.bodies[usize::from(viewer)] else { return Slots::default() };
        let [column, row] = me.at.map(|at| (at / CELL) as usize);
        let mut seen = Slots::default();
        for y in row.saturating_sub(1)..(row + 2).min(CELLS) {
            for x in column.saturating_sub(1)..(column + 2).min(CELLS) {
                for slot in self.cells[y * CELLS + x].iter() {
                    let Some(other) = &self.bodies[usize::from(slot)] else { continue };
                    let [dx, dy] = [other.at[0] - me.at[0], other.at[1] - me.at[1]].map(i64::from);
                    if dx * dx + dy * dy <= i64::from(SIGHT) * i64::from(SIGHT) {
                        seen.insert(slot);
                    }
                }
            }
        }
        seen
    }

    /// What is shown of a player, if there is one.
    pub fn shown(&self, slot: Slot) -> Option<&Shown> {
        self.taken.contains(slot).then(|| &self.shown[usize::from(slot)])
    }

    fn sort_into_cells(&mut self) {
        self.cells.fill(Slots::default());
        for slot in self.taken.iter() {
            if let Some(body) = &self.bodies[usize::from(slot)] {
                let [column, row] = body.at.map(|at| (at / CELL) as usize);
                self.cells[row * CELLS + column].insert(slot);
            }
        }
    }

    fn take_place(&mut self, slot: Slot, body: Body) {
        self.bodies[usize::from(slot)] = Some(body);
        self.shown[usize::from(slot)] = body.shown();
        self.taken.insert(slot);
        self.joined.insert(slot);
    }
}

impl Body {
    fn new(slot: Slot) -> Self {
        // The places form a grid of 16 × 16, shuffled by a number without a common factor with 256.
        let place = i32::from(slot.wrapping_mul(89));
        let step = SIDE / 16;
        let at = [place & 15, place >> 4].map(|number| number * step + step / 2);
        Self { at, velocity: [0, 0], angle: 0, hp: HP_MAX }
    }

    fn advance(&mut self, command: Command) {
        let thrust = DIRECTIONS[usize::from(command.direction.min(8))];
        let mut touches = false;
        for (axis, thrust) in thrust.into_iter().enumerate() {
            self.velocity[axis] += thrust - (self.velocity[axis] >> DRAG_SHIFT);
            let at = self.at[axis] + self.velocity[axis];
            self.at[axis] = at.clamp(0, SIDE - 1);
            if at != self.at[axis] {
                self.velocity[axis] = 0;
                touches = true;
            }
        }
        if touches {
            self.hp = if self.hp > 1 { self.hp - 1 } else { HP_MAX };
        }
        self.angle = command.angle;
    }

    fn shown(&self) -> Shown {
        Shown::new(self.at[0] as u16, self.at[1] as u16, self.angle, self.hp)
    }
}

impl<const SEES_ALL: bool> Game for Drift<SEES_ALL> {
    const NAME: &'static str = if SEES_ALL { "drift-all" } else { "drift-near" };
    const VERSION: u32 = 1;
    const TICKS_PER_SECOND: u32 = 30;
    const PLAYERS_MAX: u16 = PLAYERS_MAX as u16;
    const COMMAND_BYTES: usize = 3;

    type Command = Command;
    type View = View;

    fn new(_setup: &Setup) -> Self {
        Self {
            tick: 0,
            bodies: Box::new([None; PLAYERS_MAX]),
            taken: Slots::default(),
            shown: Box::new([Shown::default(); PLAYERS_MAX]),
            moments: std::array::from_fn(|_| Moment::default()),
            joined: Slots::default(),
            cells: vec![Slots::default(); CELLS * CELLS],
            common: Vec::new(),
        }
    }

    fn command(bytes: &[u8], _rewind: u8) -> Option<Command> {
        let &[direction, low, high] = bytes else { return None };
        let command = Command { direction, angle: u16::from_le_bytes([low, high]) };
        (direction <= 8 && command.angle < 1024).then_some(command)
    }

    fn log_command(command: &Command, out: &mut Vec<u8>) {
        let [low, high] = command.angle.to_le_bytes();
        out.extend([command.direction, low, high, 0]);
    }

    fn logged_command(bytes: &[u8]) -> Option<Command> {
        let (command, rewind) = bytes.split_at_checked(Self::COMMAND_BYTES)?;
        (rewind == [0]).then(|| Self::command(command, 0))?
    }

    fn repeated(last: &Command) -> Command {
        *last
    }

    fn merged(_earlier: &Command, later: &Command) -> Command {
        *later
    }

    fn join(&mut self, slot: Slot, _profile: &Profile) -> Result<(), Refusal> {
        if self.taken.contains(slot) {
            return Err(Refusal("The place is taken.".into()));
        }
        self.take_place(slot, Body::new(slot));
        Ok(())
    }

    fn leave(&mut self, slot: Slot) {
        self.bodies[usize::from(slot)] = None;
        self.taken.remove(slot);
        self.joined.remove(slot);
    }

    fn step(&mut self, inputs: &[Input<Command>]) {
        self.tick += 1;
        let joined = std::mem::take(&mut self.joined);
        let moment = &mut self.moments[self.tick as usize % (TICKS_MAX + 1)];
        moment.young = joined;
        for input in inputs {
            let place = usize::from(input.slot);
            let Some(body) = &mut self.bodies[place] else { continue };
            body.advance(input.command);
            let (before, now) = (self.shown[place], body.shown());
            self.shown[place] = before.moved_to(now.x, now.y, now.angle, now.hp);
            moment.steps[place] = Step::between(&before, &self.shown[place]);
        }
        self.sort_into_cells();
    }

    fn tick(&self) -> u32 {
        self.tick
    }

    fn hash(&self) -> u64 {
        let mut bytes = Vec::with_capacity(8 + SAVED_BYTES * self.taken.len());
        self.save(&mut bytes);
        // FNV-1a, for a game that nobody cheats in.
        bytes
            .iter()
            .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
    }

    fn save(&self, out: &mut Vec<u8>) {
        out.extend(self.tick.to_le_bytes());
        for slot in self.taken.iter() {
            let Some(body) = &self.bodies[usize::from(slot)] else { continue };
            out.extend([slot, body.hp]);
            out.extend(body.angle.to_le_bytes());
            for number in [body.at[0], body.at[1]] {
                out.extend(number.to_le_bytes());
            }
            body.velocity.iter().for_each(|v| out.extend((*v as i16).to_le_bytes()));
        }
    }

    fn load(setup: &Setup, bytes: &[u8]) -> Result<Self, Refusal> {
        let wrong = || Refusal("The saved state is damaged.".into());
        let mut drift = Self::new(setup);
        let (tick, bodies) = bytes.split_first_chunk().ok_or_else(wrong)?;
        drift.tick = u32::from_le_bytes(*tick);
        let (bodies, []) = bodies.as_chunks::<SAVED_BYTES>() else { return Err(wrong()) };
        for saved in bodies {
            let place = |from: usize| {
                i32::from_le_bytes([saved[from], saved[from + 1], saved[from + 2], saved[from + 3]])
            };
            let short = |from: usize| i16::from_le_bytes([saved[from], saved[from + 1]]);
            let body = Body {
                at: [place(4), place(8)],
                velocity: [short(12), short(14)].map(i32::from),
                angle: short(2) as u16,
                hp: saved[1],
            };
            let is_inside = body.at.iter().all(|at| (0..SIDE).contains(at));
            let is_slow = body.velocity.iter().all(|v| v.abs() <= THRUST << DRAG_SHIFT);
            let is_fit = is_inside && is_slow && body.angle < 1024 && (1..=HP_MAX).contains(&body.hp);
            if !is_fit || drift.taken.contains(saved[0]) {
                return Err(wrong());
            }
            drift.take_place(saved[0], body);
        }
        drift.sort_into_cells();
        Ok(drift)
    }

    fn bot(&self, slot: Slot, entropy: u64) -> Command {
        let angle = self.shown[usize::from(slot)].angle;
        Command { direction: (entropy % 9) as u8, angle: (angle + (entropy >> 8) as u16 % 16) % 1024 }
    }

    fn introduce(&self, out: &mut Vec<u8>) {
        out.push(u8::from(SEES_ALL));
    }

    fn view(&self, seat: Seat) -> View {
        View { seat, sent: 0, visible: Slots::default() }
    }

    fn watch(&self, _view: &mut View, _what: &[u8]) {}

    fn prepare(&mut self) {
        if SEES_ALL {
            let mut common = std::mem::take(&mut self.common);
            common.clear();
            self.sight(self.taken, self.taken).write(self.missed(self.tick.saturating_sub(1)), &mut common);
            self.common = common;
        }
    }

    fn snapshot(&self, view: &mut View, _rate: Rate, out: &mut Vec<u8>) {
        let now = self.in_sight(view.seat);
        let has_common = SEES_ALL && view.sent + 1 == self.tick && self.moment(self.tick).young.is_empty();
        if has_common && view.sent != 0 && now == view.visible {
            out.extend_from_slice(&self.common);
        } else {
            self.sight(view.visible, now).write(self.missed(view.sent), out);
        }
        (view.sent, view.visible) = (self.tick, now);
    }

    fn outcome(&self) -> Option<Outcome> {
        None
    }
}

impl<const SEES_ALL: bool> Drift<SEES_ALL> {
    fn sight(&self, before: Slots, now: Slots) -> Sight<'_> {
        Sight { before, now, shown: &self.shown }
    }

    fn moment(&self, tick: u32) -> &Moment {
        &self.moments[tick as usize % (TICKS_MAX + 1)]
    }

    /// The ticks after `sent`, the oldest first; none if nothing was sent, or what was is too old.
    fn missed(&self, sent: u32) -> impl Iterator<Item = &Moment> + Clone {
        let is_known = sent != 0 && self.tick - sent <= TICKS_MAX as u32;
        let first = if is_known { sent + 1 } else { self.tick + 1 };
        (first..=self.tick).map(|tick| self.moment(tick))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn setup() -> Setup {
        Setup { seed: 1, players_max: 256, options: Box::default() }
    }

    fn profile() -> Profile {
        Profile { name: "Ann".into(), is_bot: false, wish: Box::default() }
    }

    struct Watcher {
        view: View,
        decoder: Decoder,
    }

    /// Plays with random players who come and go, and with receivers who miss ticks; all must always see what is there.
    fn check_views<const SEES_ALL: bool>(seed: u64) -> (u64, u64) {
        let mut random = Random::new(seed);
        let mut game = Drift::<SEES_ALL>::new(&setup());
        let mut watchers: Vec<Option<Watcher>> = (0..256).map(|_| None).collect();
        let mut commands = [Command::default(); 256];
        let (mut bytes, mut objects) = (0, 0);
        for tick in 1..=150_u32 {
            let crowd = if tick == 1 { 200 } else { random.below(3) };
            for _ in 0..crowd {
                let slot = random.below(256) as u8;
                if game.join(slot, &profile()).is_ok() {
                    let view = game.view(Seat::Player(slot));
                    watchers[usize::from(slot)] = Some(Watcher { view, decoder: Decoder::default() });
                } else if tick > 1 {
                    game.leave(slot);
                    watchers[usize::from(slot)] = None;
                }
            }
            for command in &mut commands {
                command.angle = (command.angle + 1008 + random.below(33) as u16) % 1024;
                if random.chance(33) {
                    command.direction = random.below(9) as u8;
                }
            }
            let inputs: Vec<_> =
                game.taken.iter().map(|slot| Input { slot, command: commands[usize::from(slot)] }).collect();
            game.step(&inputs);
            game.prepare();
            for watcher in watchers.iter_mut().flatten() {
                let is_slow = watcher.view.sent % 5 == 1 && random.chance(900);
                if random.chance(10) || is_slow {
                    continue;
                }
                let mut body = Vec::new();
                game.snapshot(&mut watcher.view, Rate::Full, &mut body);
                watcher.decoder.apply(&body).unwrap();
                assert_eq!(watcher.decoder.visible(), game.in_sight(watcher.view.seat), "tick {tick}");
                for slot in watcher.decoder.visible().iter() {
                    assert_eq!(watcher.decoder.shown(slot), game.shown(slot), "tick {tick}, slot {slot}");
                }
                bytes += body.len() as u64;
                objects += watcher.decoder.visible().len() as u64;
            }
        }
        (bytes, objects)
    }

    #[test]
    fn every_receiver_sees_what_is_near_whatever_it_missed() {
        let (bytes, objects) = check_views::<false>(1);
        assert!(bytes < objects * 4, "{bytes} bytes for {objects} objects");
    }

    #[test]
    fn every_receiver_sees_everybody() {
        let (bytes, objects) = check_views::<true>(2);
        assert!(bytes < objects * 4, "{bytes} bytes for {objects} objects");
    }

    #[test]
    fn who_is_in_sight_is_whoever_is_within_600_units() {
        let mut game = DriftNear::new(&setup());
        (0..=255).for_each(|slot| game.join(slot, &profile()).unwrap());
        game.step(&[]);
        for viewer in 0..=255 {
            let at = |slot: u8| game.bodies[usize::from(slot)].unwrap().at.map(f64::from);
            let [x, y] = at(viewer);
            let near = |slot: &u8| (at(*slot)[0] - x).hypot(at(*slot)[1] - y) <= f64::from(SIGHT);
            let expected: Vec<u8> = (0..=255).filter(near).collect();
            assert_eq!(game.in_sight(Seat::Player(viewer)).iter().collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn a_saved_match_goes_on_as_the_one_that_was_saved() {
        let mut game = DriftNear::new(&setup());
        (0..20).for_each(|slot| game.join(slot, &profile()).unwrap());
        let inputs = |tick: u32| -> Vec<_> {
            let command = Command { direction: (tick / 40 % 9) as u8, angle: (tick % 1024) as u16 };
            (0..20).map(|slot| Input { slot, command }).collect()
        };
        (0..300).for_each(|tick| game.step(&inputs(tick)));
        let mut saved = Vec::new();
        game.save(&mut saved);
        let mut again = DriftNear::load(&setup(), &saved).unwrap();
        for tick in 300..400 {
            game.step(&inputs(tick));
            again.step(&inputs(tick));
            assert_eq!((game.hash(), game.tick()), (again.hash(), again.tick()));
        }
        for end in (0..saved.len()).filter(|end| *end < 4 || (end - 4) % SAVED_BYTES != 0) {
            assert!(DriftNear::load(&setup(), &saved[..end]).is_err());
        }
    }

    #[test]
    fn commands_that_no_client_sends_are_refused() {
        assert_eq!(DriftNear::command(&[8, 255, 3], 0), Some(Command { direction: 8, angle: 1023 }));
        assert_eq!(DriftNear::command(&[9, 0, 0], 0), None);
        assert_eq!(DriftNear::command(&[0, 0, 4], 0), None);
        let mut logged = Vec::new();
        DriftNear::log_command(&Command { direction: 3, angle: 700 }, &mut logged);
        assert_eq!(DriftNear::logged_command(&logged), Some(Command { direction: 3, angle: 700 }));
    }
}
