//! A game that counts: the least that shows whether commands arrive once, in order, and where they should.

use matches::game::{Game, Input, Outcome, Profile, Ranked, Rate, Refusal, Seat, Setup, Slot};
use std::collections::BTreeMap;

/// Each player has a sum, to which each command adds. A snapshot is the receiver's own sum, and the number of players.
/// With `TICKS` the match is over after so many ticks, and the largest sum wins; with 0 it goes on.
pub struct Counting<const TICKS: u32> {
    tick: u32,
    sums: BTreeMap<Slot, u32>,
}

/// What is added; 255 is not allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Add(u8);

impl<const TICKS: u32> Game for Counting<TICKS> {
    const NAME: &'static str = if TICKS == 0 { "endless" } else { "short" };
    const VERSION: u32 = 1;
    const TICKS_PER_SECOND: u32 = 30;
    const PLAYERS_MAX: u16 = 16;
    const COMMAND_BYTES: usize = 1;

    type Command = Add;
    type View = Seat;

    fn new(_: &Setup) -> Self {
        Self { tick: 0, sums: BTreeMap::new() }
    }

    fn command(bytes: &[u8], _: u8) -> Option<Add> {
        (bytes[0] < 255).then_some(Add(bytes[0]))
    }

    fn log_command(command: &Add, out: &mut Vec<u8>) {
        out.extend([command.0, 0]);
    }

    fn logged_command(bytes: &[u8]) -> Option<Add> {
        Self::command(bytes, 0)
    }

    fn repeated(_: &Add) -> Add {
        Add(0)
    }

    fn merged(earlier: &Add, later: &Add) -> Add {
        Add(earlier.0.saturating_add(later.0).min(254))
    }

    fn join(&mut self, slot: Slot, profile: &Profile) -> Result<(), Refusal> {
        if &*profile.name == "nobody" {
            return Err(Refusal("nobody may not play".into()));
        }
        self.sums.insert(slot, 0);
        Ok(())
    }

    fn leave(&mut self, slot: Slot) {
        self.sums.remove(&slot);
    }

    fn step(&mut self, inputs: &[Input<Add>]) {
        self.tick += 1;
        for input in inputs {
            *self.sums.entry(input.slot).or_default() += u32::from(input.command.0);
        }
    }

    fn tick(&self) -> u32 {
        self.tick
    }

    fn hash(&self) -> u64 {
        self.sums.iter().fold(u64::from(self.tick), |hash, (slot, sum)| {
            hash.wrapping_mul(31)
                .wrapping_add(u64::from(*slot))
                .wrapping_mul(31)
                .wrapping_add(u64::from(*sum))
        })
    }

    fn save(&self, out: &mut Vec<u8>) {
        out.extend(self.tick.to_le_bytes());
        for (slot, sum) in &self.sums {
            out.push(*slot);
            out.extend(sum.to_le_bytes());
        }
    }

    fn load(_: &Setup, bytes: &[u8]) -> Result<Self, Refusal> {
        let refusal = || Refusal("not a state".into());
        let (tick, rest) = bytes.split_first_chunk().ok_or_else(refusal)?;
        let sums = rest.chunks(5).map(|chunk| match *chunk {
            [slot, a, b, c, d] => Ok((slot, u32::from_le_bytes([a, b, c, d]))),
            _ => Err(refusal()),
        });
        Ok(Self { tick: u32::from_le_bytes(*tick), sums: sums.collect::<Result<_, _>>()? })
    }

    fn bot(&self, _: Slot, _: u64) -> Add {
        Add(1)
    }

    fn introduce(&self, out: &mut Vec<u8>) {
        out.extend(b"counting");
    }

    fn view(&self, seat: Seat) -> Seat {
        seat
    }

    fn watch(&self, _: &mut Seat, _: &[u8]) {}

    fn prepare(&mut self) {}

    fn snapshot(&self, view: &mut Seat, _: Rate, out: &mut Vec<u8>) {
        let sum = match view {
            Seat::Player(slot) => self.sums.get(slot).copied().unwrap_or_default(),
            Seat::Spectator => self.sums.values().sum(),
        };
        out.extend(sum.to_le_bytes());
        out.push(self.sums.len() as u8);
    }

    fn outcome(&self) -> Option<Outcome> {
        if TICKS == 0 || self.tick < TICKS {
            return None;
        }
        let mut sums: Vec<(u32, Slot)> = self.sums.iter().map(|(slot, sum)| (*sum, *slot)).collect();
        sums.sort_by(|a, b| b.cmp(a));
        let ranking =
            sums.iter().zip(1..).map(|((points, slot), rank)| Ranked { slot: *slot, rank, points: *points });
        Some(Outcome { ranking: ranking.collect(), detail: Box::default() })
    }
}
