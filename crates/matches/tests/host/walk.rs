//! A game for tests: players walk on a line and press a button. It counts what it was told, and fails when it is asked to.

use matches::game::{Game, Input, Outcome, Profile, Ranked, Rate, Refusal, Seat, Setup, Slot};
use std::cell::Cell;
use std::time::Duration;

thread_local! {
    /// Virtual time that the game has used so far, beside what the world's clock says.
    pub(crate) static USED: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    /// What one step costs.
    pub(crate) static STEP_COST: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    /// How often a press of the poison still panics.
    pub(crate) static POISON: Cell<u32> = const { Cell::new(0) };
}

/// A press that makes the game panic while [`POISON`] lasts.
pub(crate) const POISONOUS: u8 = 200;
/// A wish on which joining panics, after it has changed something.
pub(crate) const POISONOUS_WISH: u8 = 254;
/// A walker who leaves from here makes the game panic while [`POISON`] lasts.
pub(crate) const POISONOUS_PLACE: i64 = -3;
/// What to watch so that the next snapshots panic while [`POISON`] lasts.
pub(crate) const POISONOUS_SIGHT: u8 = 253;
/// A wish that the game refuses.
pub(crate) const UNWELCOME: u8 = 255;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Step {
    /// -1, 0 or 1.
    pub(crate) dx: i8,
    /// How often the button was pressed: 0 or 1 from a client, more when commands were merged.
    pub(crate) presses: u8,
    pub(crate) rewind: u8,
}

impl Step {
    pub(crate) fn bytes(self) -> [u8; 2] {
        [self.dx as u8, self.presses]
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Walker {
    pub(crate) is_there: bool,
    pub(crate) at: i64,
    pub(crate) path: u64,
    pub(crate) presses: u64,
    pub(crate) rewind_max: u8,
    pub(crate) commands_hash: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Walk {
    tick: u32,
    end: u32,
    pub(crate) walkers: Vec<Walker>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Sight {
    seat: Seat,
    has_begun: bool,
    what: u8,
}

fn use_time(time: Duration) {
    USED.with(|used| used.set(used.get() + time));
}

/// Whether there is poison left.
fn drink() -> bool {
    let left = POISON.with(Cell::get);
    POISON.with(|poison| poison.set(left.saturating_sub(1)));
    left > 0
}

impl Game for Walk {
    const NAME: &'static str = "walk";
    const VERSION: u32 = 7;
    const TICKS_PER_SECOND: u32 = 30;
    const PLAYERS_MAX: u16 = 256;
    const COMMAND_BYTES: usize = 2;

    type Command = Step;
    type View = Sight;

    fn check(setup: &Setup) -> Result<(), Refusal> {
        if matches!(setup.options.len(), 0 | 4) {
            Ok(())
        } else {
            Err(Refusal("options are none or four bytes".into()))
        }
    }

    fn new(setup: &Setup) -> Self {
        let end = setup.options[..].try_into().map_or(0, u32::from_le_bytes);
        Self { tick: 0, end, walkers: vec![Walker::default(); setup.players_max.into()] }
    }

    fn command(bytes: &[u8], rewind: u8) -> Option<Step> {
        let &[dx, presses] = bytes else { return None };
        let dx = dx as i8;
        ((-1..=1).contains(&dx) && (presses <= 1 || presses == POISONOUS)).then_some(Step {
            dx,
            presses,
            rewind,
        })
    }

    fn log_command(command: &Step, out: &mut Vec<u8>) {
        out.extend_from_slice(&[command.dx as u8, command.presses, command.rewind]);
    }

    fn logged_command(bytes: &[u8]) -> Option<Step> {
        let &[dx, presses, rewind] = bytes else { return None };
        Some(Step { dx: (dx as i8).clamp(-1, 1), presses, rewind })
    }

    fn repeated(last: &Step) -> Step {
        Step { presses: 0, ..*last }
    }

    fn merged(earlier: &Step, later: &Step) -> Step {
        Step { presses: earlier.presses.saturating_add(later.presses), ..*later }
    }

    fn join(&mut self, slot: Slot, profile: &Profile) -> Result<(), Refusal> {
        if profile.wish.first() == Some(&UNWELCOME) {
            return Err(Refusal("this player is unwelcome".into()));
        }
        self.walkers[usize::from(slot)] = Walker { is_there: true, ..Walker::default() };
        assert!(profile.wish.first() != Some(&POISONOUS_WISH), "poisoned, in the middle of joining");
        Ok(())
    }

    fn leave(&mut self, slot: Slot) {
        if self.walkers[usize::from(slot)].at == POISONOUS_PLACE && drink() {
            panic!("poisoned, in the middle of leaving");
        }
        self.walkers[usize::from(slot)].is_there = false;
    }

    fn step(&mut self, inputs: &[Input<Step>]) {
        use_time(STEP_COST.with(Cell::get));
        assert!(inputs.is_sorted_by(|a, b| a.slot < b.slot), "one input of each place, in order");
        for input in inputs {
            let walker = &mut self.walkers[usize::from(input.slot)];
            assert!(walker.is_there, "an input of nobody");
            walker.at += i64::from(input.command.dx);
            walker.path += u64::from(input.command.dx.unsigned_abs());
            walker.presses += u64::from(input.command.presses);
            walker.rewind_max = walker.rewind_max.max(input.command.rewind);
            let word = u64::from(input.command.dx as u8) | u64::from(input.command.presses) << 8;
            walker.commands_hash = walker.commands_hash.wrapping_mul(31).wrapping_add(word);
            if input.command.presses == POISONOUS && drink() {
                panic!("poisoned, in the middle of a step");
            }
        }
        self.tick += 1;
    }

    fn tick(&self) -> u32 {
        self.tick
    }

    fn hash(&self) -> u64 {
        let mut bytes = Vec::new();
        self.save(&mut bytes);
        bytes
            .iter()
            .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
    }

    fn save(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.tick.to_le_bytes());
        for walker in &self.walkers {
            out.extend_from_slice(&[u8::from(walker.is_there), walker.rewind_max]);
            out.extend_from_slice(&walker.at.to_le_bytes());
            out.extend_from_slice(&walker.path.to_le_bytes());
            out.extend_from_slice(&walker.presses.to_le_bytes());
            out.extend_from_slice(&walker.commands_hash.to_le_bytes());
        }
    }

    fn load(setup: &Setup, bytes: &[u8]) -> Result<Self, Refusal> {
        let mut walk = Self::new(setup);
        let wrong = || Refusal("this is no walk".into());
        let (tick, rest) = bytes.split_first_chunk().ok_or_else(wrong)?;
        walk.tick = u32::from_le_bytes(*tick);
        if rest.len() != walk.walkers.len() * 34 {
            return Err(wrong());
        }
        let number = |part: &[u8]| u64::from_le_bytes(part.try_into().unwrap_or_default());
        for (walker, saved) in walk.walkers.iter_mut().zip(rest.chunks_exact(34)) {
            *walker = Walker {
                is_there: saved[0] != 0,
                rewind_max: saved[1],
                at: number(&saved[2..10]) as i64,
                path: number(&saved[10..18]),
                presses: number(&saved[18..26]),
                commands_hash: number(&saved[26..34]),
            };
        }
        Ok(walk)
    }

    fn bot(&self, _: Slot, entropy: u64) -> Step {
        Step { dx: (entropy % 3) as i8 - 1, presses: (entropy >> 8 & 1) as u8, rewind: 0 }
    }

    fn introduce(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"a line");
    }

    fn look(&self, slot: Slot, out: &mut Vec<u8>) {
        out.push(slot ^ 0x55);
    }

    fn view(&self, seat: Seat) -> Sight {
        Sight { seat, has_begun: false, what: 0 }
    }

    fn watch(&self, view: &mut Sight, what: &[u8]) {
        view.what = what.first().copied().unwrap_or(0);
    }

    fn prepare(&mut self) {}

    /// 0 at the beginning of a view and 1 after it, what is watched, and what the walker of this place knows of itself.
    fn snapshot(&self, view: &mut Sight, _: Rate, out: &mut Vec<u8>) {
        if view.what == POISONOUS_SIGHT && drink() {
            panic!("poisoned, in the middle of a snapshot");
        }
        out.extend_from_slice(&[u8::from(view.has_begun), view.what]);
        view.has_begun = true;
        if let Seat::Player(slot) = view.seat {
            let walker = &self.walkers[usize::from(slot)];
            out.extend_from_slice(&walker.presses.to_le_bytes());
            out.extend_from_slice(&walker.path.to_le_bytes());
            out.push(walker.rewind_max);
        } else {
            // Whoever watches sees how far all have walked together.
            let path: u64 = self.walkers.iter().map(|walker| walker.path).sum();
            out.extend_from_slice(&path.to_le_bytes());
        }
    }

    fn outcome(&self) -> Option<Outcome> {
        if self.end == 0 || self.tick < self.end {
            return None;
        }
        let mut there: Vec<_> =
            self.walkers.iter().enumerate().filter(|(_, walker)| walker.is_there).collect();
        there.sort_by_key(|(_, walker)| std::cmp::Reverse(walker.presses));
        let ranking = there.iter().zip(1..).map(|((slot, walker), rank)| Ranked {
            slot: *slot as Slot,
            rank,
            points: walker.presses as u32,
        });
        Some(Outcome { ranking: ranking.collect(), detail: b"well walked".as_slice().into() })
    }
}
