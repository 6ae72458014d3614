//! Tag, a whole game for Stoa's match runtime: who is "it" catches others on a small torus, and whoever was it for the
//! shortest time wins. Copy it to begin your own: see `README.md` beside this file. Run it: `cargo run -p matches --example tag`
#![allow(clippy::print_stdout, reason = "an example shows what happens")]
use matches::game::{Game, Input, Outcome, Profile, Ranked, Rate, Refusal, Seat, Setup, Slot};
use matches::host::{Effect, Host, Limits, Spec};
use matches::{Registry, ids::MatchId};

const SIDE: u8 = 16;
const TICKS: u32 = 300;

/// The whole state. What is not in here does not exist: the same setup and the same inputs always give the same match.
#[derive(Default)]
struct Tag {
    tick: u32,
    it: u8,
    /// By slot: where somebody is, and for how many ticks it was it.
    players: [Option<(u8, u8, u32)>; 8],
}

impl Tag {
    /// Who stands where this player stands.
    fn touched(&self, slot: Slot) -> Option<Slot> {
        let (x, y, _) = (*self.players.get(usize::from(slot))?)?;
        let others = self.players.iter().enumerate().filter(|(other, _)| *other != usize::from(slot));
        others
            .filter_map(|(other, at)| at.map(|at| (other, at)))
            .find(|(_, at)| (at.0, at.1) == (x, y))
            .map(|one| one.0 as Slot)
    }
}

impl Game for Tag {
    const NAME: &'static str = "tag";
    const VERSION: u32 = 1;
    const TICKS_PER_SECOND: u32 = 10;
    const PLAYERS_MAX: u16 = 8;
    const COMMAND_BYTES: usize = 1;
    /// A direction: 0 stays, 1 to 4 are right, down, left, up.
    type Command = u8;
    /// Everybody sees everything, all of it each time: a game with more to show remembers here what it sent last.
    type View = ();

    fn new(_: &Setup) -> Self {
        Self::default()
    }
    fn command(bytes: &[u8], _rewind: u8) -> Option<u8> {
        bytes.first().copied().filter(|direction| *direction <= 4)
    }
    fn log_command(command: &u8, out: &mut Vec<u8>) {
        out.extend_from_slice(&[*command, 0]);
    }
    fn logged_command(bytes: &[u8]) -> Option<u8> {
        Self::command(bytes, 0)
    }
    fn repeated(last: &u8) -> u8 {
        *last
    }
    fn merged(_: &u8, later: &u8) -> u8 {
        *later
    }
    fn join(&mut self, slot: Slot, _: &Profile) -> Result<(), Refusal> {
        self.players[usize::from(slot)] = Some((slot * 5 % SIDE, slot * 3 % SIDE, 0));
        Ok(())
    }
    fn leave(&mut self, slot: Slot) {
        self.players[usize::from(slot)] = None;
    }
    fn step(&mut self, inputs: &[Input<u8>]) {
        for input in inputs {
            let Some((x, y, _)) = &mut self.players[usize::from(input.slot)] else { continue };
            let (dx, dy) =
                [(0, 0), (1, 0), (0, 1), (SIDE - 1, 0), (0, SIDE - 1)][usize::from(input.command % 5)];
            (*x, *y) = ((*x + dx) % SIDE, (*y + dy) % SIDE);
        }
        match &mut self.players[usize::from(self.it)] {
            Some((.., ticks)) => *ticks += 1,
            None => self.it = self.players.iter().position(Option::is_some).unwrap_or(0) as Slot,
        }
        self.it = self.touched(self.it).unwrap_or(self.it);
        self.tick += 1;
    }
    fn tick(&self) -> u32 {
        self.tick
    }
    fn save(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.tick.to_le_bytes());
        out.push(self.it);
        for player in self.players {
            let (x, y, ticks) = player.unwrap_or((SIDE, SIDE, 0));
            out.extend_from_slice(&[x, y]);
            out.extend_from_slice(&ticks.to_le_bytes());
        }
    }
    fn load(_: &Setup, bytes: &[u8]) -> Result<Self, Refusal> {
        // A recording may come from anybody, so nothing in it is believed.
        let [a, b, c, d, it, players @ ..] = bytes else {
            return Err(Refusal("this is no game of tag".into()));
        };
        let mut tag = Self { tick: u32::from_le_bytes([*a, *b, *c, *d]), it: it % 8, ..Self::default() };
        for (player, saved) in tag.players.iter_mut().zip(players.as_chunks::<6>().0) {
            let [x, y, a, b, c, d] = *saved;
            *player = (x < SIDE && y < SIDE).then_some((x, y, u32::from_le_bytes([a, b, c, d])));
        }
        Ok(tag)
    }
    fn bot(&self, _: Slot, entropy: u64) -> u8 {
        (entropy % 5) as u8
    }
    fn view(&self, _: Seat) {}
    fn snapshot(&self, (): &mut (), _: Rate, out: &mut Vec<u8>) {
        self.save(out);
    }
    fn outcome(&self) -> Option<Outcome> {
        let mut ranking: Vec<_> =
            (0..8).filter_map(|slot| Some((slot, self.players[usize::from(slot)]?.2))).collect();
        ranking.sort_by_key(|(_, ticks)| *ticks);
        let ranked = ranking.iter().zip(1..).map(|((slot, ticks), rank)| Ranked {
            slot: *slot,
            rank,
            points: TICKS - ticks,
        });
        (self.tick >= TICKS).then(|| Outcome { ranking: ranked.collect(), detail: Box::default() })
    }
}

/// Two bots play a match. The host has no clock, so it is over at once; `stoa serve` lets it wait for real time instead.
fn main() {
    let mut host = Host::new(Registry::new().with::<Tag>(), Limits::default(), Box::new(Default::default), 7);
    let setup = Setup { seed: 1, players_max: 8, options: Box::default() };
    let spec = Spec {
        game: "tag".into(),
        setup,
        fill_to: 2,
        invited: vec![],
        sleeps: false,
        is_recorded: false,
        spectator_delay: None,
    };
    let Some(id) = MatchId::new("garden") else { return };
    let created = host.create(Default::default(), id, spec);
    println!("a match of tag begins: {created:?}");
    while let Some(due) = host.poll_timeout() {
        host.handle_timeout(due);
        while let Some(effect) = host.poll_effect() {
            let Effect::Ended { ended, .. } = effect else { continue };
            for ranked in ended.outcome.into_iter().flat_map(|outcome| outcome.ranking) {
                let name = ended
                    .participants
                    .iter()
                    .find(|one| one.slot == ranked.slot)
                    .map_or("?", |one| &one.name);
                println!("{}. {name}: free for {} of {TICKS} ticks", ranked.rank, ranked.points);
            }
        }
    }
}
