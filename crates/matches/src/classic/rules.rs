//! The rules, as a game like any other.

use super::{Colour, Furniture};
use crate::game::{Game, Input, Outcome, Profile, Ranked, Rate, Refusal, Seat, Setup, Slot};

/// What each piece begins with.
const HP_START: u8 = 100;
/// What a hit takes.
const HIT_TAKES: u8 = 10;
/// The longest state: tick, items, and a length with slot and colour of each player.
const STATE_BYTES_MAX: usize = 4 + 2 * Furniture::ALL.len() + 1 + 2 * Colour::ALL.len();

/// One piece of furniture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    /// What is left of it: 100 down to 0, in steps of 10.
    pub hp: u8,
    /// Whose it is: whoever landed the hit that left nothing. It never changes after that.
    pub captor: Option<Colour>,
}

/// What a player does in one tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Command {
    /// Nothing.
    #[default]
    Nothing,
    /// Hits a piece.
    Hit(Furniture),
}

/// One game: its furniture and its players.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Classic {
    tick: u32,
    items: [Item; Furniture::ALL.len()],
    /// In the order in which they joined.
    players: Vec<(Slot, Colour)>,
}

impl Classic {
    /// A piece as it is now.
    pub fn item(&self, piece: Furniture) -> Item {
        self.items[piece as usize]
    }

    /// Who plays, in the order in which they joined.
    pub fn players(&self) -> impl Iterator<Item = Colour> {
        self.players.iter().map(|(_, colour)| *colour)
    }

    /// Who sits in a place.
    pub fn colour(&self, slot: Slot) -> Option<Colour> {
        self.players.iter().find(|(taken, _)| *taken == slot).map(|(_, colour)| *colour)
    }

    /// All pieces are new again, and everybody stays.
    pub fn refresh(&mut self) {
        self.items = [Item { hp: HP_START, captor: None }; Furniture::ALL.len()];
    }

    fn hit(&mut self, colour: Colour, piece: Furniture) {
        let item = &mut self.items[piece as usize];
        if item.captor.is_some() {
            return;
        }
        item.hp = item.hp.saturating_sub(HIT_TAKES);
        if item.hp == 0 {
            item.captor = Some(colour);
        }
    }

    fn captured_by(&self, colour: Colour) -> u32 {
        self.items.iter().map(|item| u32::from(item.captor == Some(colour))).sum()
    }

    /// Everything but the tick, which changes without anything to see.
    fn write_scene(&self, out: &mut Vec<u8>) {
        for item in self.items {
            out.extend_from_slice(&[item.hp, item.captor.map_or(0, |colour| colour as u8 + 1)]);
        }
        out.push(self.players.len() as u8);
        for (slot, colour) in &self.players {
            out.extend_from_slice(&[*slot, *colour as u8 + 1]);
        }
    }

    fn read(mut bytes: &[u8]) -> Option<Self> {
        let tick = u32::from_le_bytes(*take::<4>(&mut bytes)?);
        let mut game = Self { tick, ..Self::fresh() };
        for item in &mut game.items {
            let [hp, captor] = *take::<2>(&mut bytes)?;
            *item = Item { hp, captor: if captor == 0 { None } else { Some(colour_of(captor)?) } };
            if hp > HP_START || hp % HIT_TAKES != 0 || (hp == 0) != item.captor.is_some() {
                return None;
            }
        }
        let [count] = *take::<1>(&mut bytes)?;
        for _ in 0..count {
            let [slot, colour] = *take::<2>(&mut bytes)?;
            let colour = colour_of(colour)?;
            if game.colour(slot).is_some() || game.players().any(|other| other == colour) {
                return None;
            }
            game.players.push((slot, colour));
        }
        bytes.is_empty().then_some(game)
    }

    fn fresh() -> Self {
        let items = [Item { hp: HP_START, captor: None }; Furniture::ALL.len()];
        Self { tick: 0, items, players: Vec::new() }
    }
}

impl Game for Classic {
    const NAME: &'static str = "classic";
    const VERSION: u32 = 1;
    const TICKS_PER_SECOND: u32 = 30;
    const PLAYERS_MAX: u16 = Colour::ALL.len() as u16;
    const COMMAND_BYTES: usize = 1;

    type Command = Command;
    /// The scene that the receiver was sent last.
    type View = Vec<u8>;

    fn new(_: &Setup) -> Self {
        Self::fresh()
    }

    fn command(bytes: &[u8], _rewind: u8) -> Option<Command> {
        match *bytes {
            [0] => Some(Command::Nothing),
            [number] => Furniture::ALL.get(usize::from(number) - 1).copied().map(Command::Hit),
            _ => None,
        }
    }

    fn log_command(command: &Command, out: &mut Vec<u8>) {
        let number = match command {
            Command::Nothing => 0,
            Command::Hit(piece) => *piece as u8 + 1,
        };
        // Furniture stands still, so there is nothing to rewind.
        out.extend_from_slice(&[number, 0]);
    }

    fn logged_command(bytes: &[u8]) -> Option<Command> {
        let (command, rewind) = bytes.split_at_checked(Self::COMMAND_BYTES)?;
        if rewind == [0] { Self::command(command, 0) } else { None }
    }

    /// A hit is over when it was done.
    fn repeated(_: &Command) -> Command {
        Command::Nothing
    }

    /// A hand hits once in a tick; the later hit counts.
    fn merged(earlier: &Command, later: &Command) -> Command {
        if *later == Command::Nothing { *earlier } else { *later }
    }

    /// The wish is the name of a colour; without one the first free colour is given.
    fn join(&mut self, slot: Slot, profile: &Profile) -> Result<(), Refusal> {
        let is_free = |colour: &Colour| self.players().all(|other| other != *colour);
        let colour = if profile.wish.is_empty() {
            let free = Colour::ALL.into_iter().find(is_free);
            free.ok_or_else(|| Refusal("all colours are in use".into()))?
        } else {
            let name = String::from_utf8_lossy(&profile.wish);
            let colour =
                Colour::named(&name).ok_or_else(|| Refusal(format!("color {name} unknown").into()))?;
            if !is_free(&colour) {
                return Err(Refusal(format!("color {name} in use").into()));
            }
            colour
        };
        if self.colour(slot).is_some() {
            return Err(Refusal("the place is taken".into()));
        }
        self.players.push((slot, colour));
        Ok(())
    }

    fn leave(&mut self, slot: Slot) {
        self.players.retain(|(taken, _)| *taken != slot);
    }

    fn step(&mut self, inputs: &[Input<Command>]) {
        self.tick = self.tick.wrapping_add(1);
        for input in inputs {
            if let (Command::Hit(piece), Some(colour)) = (input.command, self.colour(input.slot)) {
                self.hit(colour, piece);
            }
        }
    }

    fn tick(&self) -> u32 {
        self.tick
    }

    /// FNV-1a over what [`save`](Self::save) writes.
    fn hash(&self) -> u64 {
        let mut state = Vec::with_capacity(STATE_BYTES_MAX);
        self.save(&mut state);
        state.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
        })
    }

    fn save(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.tick.to_le_bytes());
        self.write_scene(out);
    }

    fn load(_: &Setup, bytes: &[u8]) -> Result<Self, Refusal> {
        Self::read(bytes).ok_or_else(|| Refusal("these bytes are no state of a classic game".into()))
    }

    /// Hits something that is left, about four times a second.
    fn bot(&self, _: Slot, entropy: u64) -> Command {
        let left: Vec<Furniture> =
            Furniture::ALL.into_iter().filter(|piece| self.item(*piece).captor.is_none()).collect();
        if left.is_empty() || !entropy.is_multiple_of(8) {
            return Command::Nothing;
        }
        Command::Hit(left[(entropy >> 3) as usize % left.len()])
    }

    /// The names of the pieces, each with its length before it.
    fn introduce(&self, out: &mut Vec<u8>) {
        for piece in Furniture::ALL {
            out.push(piece.name().len() as u8);
            out.extend_from_slice(piece.name().as_bytes());
        }
    }

    fn view(&self, _: Seat) -> Vec<u8> {
        Vec::new()
    }

    fn watch(&self, _: &mut Vec<u8>, _: &[u8]) {}

    fn prepare(&mut self) {}

    /// The whole scene, which is 17 bytes at most, or nothing if the receiver has it already.
    fn snapshot(&self, view: &mut Vec<u8>, _: Rate, out: &mut Vec<u8>) {
        let mut scene = Vec::with_capacity(STATE_BYTES_MAX);
        self.write_scene(&mut scene);
        if *view != scene {
            out.extend_from_slice(&scene);
            *view = scene;
        }
    }

    /// It is over when everything is captured; whoever captured the most is first.
    fn outcome(&self) -> Option<Outcome> {
        if self.items.iter().any(|item| item.captor.is_none()) {
            return None;
        }
        let points = |colour: &Colour| self.captured_by(*colour);
        let mut ranking: Vec<Ranked> = (self.players.iter())
            .map(|(slot, colour)| Ranked { slot: *slot, rank: 0, points: points(colour) })
            .collect();
        ranking.sort_by_key(|ranked| (std::cmp::Reverse(ranked.points), ranked.slot));
        for place in 0..ranking.len() {
            let better = ranking.iter().filter(|other| other.points > ranking[place].points).count();
            ranking[place].rank = better as u16 + 1;
        }
        let detail = self.items.iter().map(|item| item.captor.map_or(0, |colour| colour as u8 + 1)).collect();
        Some(Outcome { ranking, detail })
    }
}

fn colour_of(number: u8) -> Option<Colour> {
    Colour::ALL.get(usize::from(number.checked_sub(1)?)).copied()
}

fn take<'a, const N: usize>(bytes: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (taken, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(taken)
}
