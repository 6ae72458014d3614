//! Wreckroom as a [`Game`]: the arena's rules, and what of them a client may see, under the runtime.

use crate::game::{Game, Input, Outcome, Profile, Ranked, Rate, Refusal, Seat, Setup, Slot};
use arena::model::{Command, DRONES_MAX, TICKS_PER_SECOND, buttons};
use arena::view::{self, Cadence, Shared, View};
use arena::{Arena, Config, bot};

/// Buttons that begin something when they are pressed.
const TRIGGERS: u8 = buttons::RAIL | buttons::DASH | buttons::GRENADE;
/// Buttons that must not get lost when two commands become one.
const PRESSES: u8 = TRIGGERS | buttons::PELLET;

/// A match of Wreckroom. Its options are those of [`Config::options`]; none at all stand for a free-for-all of five minutes.
#[derive(Debug)]
pub struct Wreckroom {
    arena: Arena,
    shared: Shared,
    commands: Vec<(Slot, Command)>,
}

impl Wreckroom {
    /// The state, to look at.
    pub fn arena(&self) -> &Arena {
        &self.arena
    }

    fn of(arena: Arena) -> Self {
        let shared = Shared::new(&arena);
        Self { arena, shared, commands: Vec::with_capacity(DRONES_MAX) }
    }
}

fn config(setup: &Setup) -> Option<Config> {
    Config::from_options(setup.seed, setup.players_max, &setup.options)
}

impl Game for Wreckroom {
    const NAME: &'static str = "wreckroom";
    const VERSION: u32 = arena::RULES_VERSION;
    const TICKS_PER_SECOND: u32 = TICKS_PER_SECOND;
    const PLAYERS_MAX: u16 = DRONES_MAX as u16;
    const COMMAND_BYTES: usize = view::COMMAND_BYTES;

    type Command = Command;
    type View = View;

    fn check(setup: &Setup) -> Result<(), Refusal> {
        config(setup).map(|_| ()).ok_or_else(|| Refusal("these are no options of Wreckroom".into()))
    }

    fn new(setup: &Setup) -> Self {
        let config = config(setup).unwrap_or_else(|| Config::new(setup.seed, setup.players_max));
        Self::of(Arena::new(&config))
    }

    fn command(bytes: &[u8], rewind: u8) -> Option<Command> {
        view::read_command(bytes, rewind)
    }

    fn log_command(command: &Command, out: &mut Vec<u8>) {
        view::log_command(command, out);
    }

    fn logged_command(bytes: &[u8]) -> Option<Command> {
        view::logged_command(bytes)
    }

    /// Thrust and held fire go on; what is pressed once is not pressed again.
    fn repeated(last: &Command) -> Command {
        Command { buttons: last.buttons & !TRIGGERS, ..*last }
    }

    /// The later thrust, all presses of both, and the aim of the later one unless only the earlier one shot.
    fn merged(earlier: &Command, later: &Command) -> Command {
        let presses = (earlier.buttons | later.buttons) & PRESSES;
        let aims =
            if later.buttons & PRESSES == 0 && earlier.buttons & PRESSES != 0 { earlier } else { later };
        Command { buttons: later.buttons | presses, aim: aims.aim, rewind: aims.rewind }
    }

    fn join(&mut self, slot: Slot, profile: &Profile) -> Result<(), Refusal> {
        let wish = view::wish(&profile.wish).map_err(|_| Refusal("there is no such colour".into()))?;
        let joined = self.arena.join(slot, wish, profile.is_bot);
        joined.map(|_| ()).map_err(|error| Refusal(error.to_string().into()))
    }

    fn leave(&mut self, slot: Slot) {
        self.arena.leave(slot);
    }

    fn step(&mut self, inputs: &[Input<Command>]) {
        self.commands.clear();
        self.commands.extend(inputs.iter().map(|input| (input.slot, input.command)));
        self.arena.step(&self.commands);
    }

    fn tick(&self) -> u32 {
        self.arena.tick()
    }

    fn hash(&self) -> u64 {
        self.arena.hash()
    }

    fn save(&self, out: &mut Vec<u8>) {
        self.arena.save(out);
    }

    fn load(setup: &Setup, bytes: &[u8]) -> Result<Self, Refusal> {
        let config = config(setup).ok_or_else(|| Refusal("these are no options of Wreckroom".into()))?;
        let arena = Arena::load(&config, bytes);
        arena.map(Self::of).map_err(|error| Refusal(error.to_string().into()))
    }

    fn bot(&self, slot: Slot, entropy: u64) -> Command {
        bot::think(&self.arena, slot, entropy)
    }

    fn introduce(&self, out: &mut Vec<u8>) {
        view::introduce(&self.arena, out);
    }

    fn look(&self, slot: Slot, out: &mut Vec<u8>) {
        view::look(&self.arena, slot, out);
    }

    fn view(&self, seat: Seat) -> View {
        match seat {
            Seat::Player(slot) => View::player(slot),
            Seat::Spectator => View::spectator(),
        }
    }

    fn watch(&self, view: &mut View, what: &[u8]) {
        view.watch(what);
    }

    fn prepare(&mut self) {
        self.shared.prepare(&self.arena);
    }

    fn snapshot(&self, view: &mut View, rate: Rate, out: &mut Vec<u8>) {
        let cadence = match rate {
            Rate::Full => Cadence::Full,
            Rate::Half => Cadence::Half,
            Rate::Slow => Cadence::Slow,
        };
        view::write(&self.arena, &self.shared, view, cadence, out);
    }

    fn outcome(&self) -> Option<Outcome> {
        if !self.arena.is_over() {
            return None;
        }
        let ranking = self.arena.ranking().into_iter();
        let ranking =
            ranking.map(|one| Ranked { slot: one.slot, rank: one.rank, points: one.points }).collect();
        let mut detail = Vec::new();
        view::end_detail(&self.arena, &mut detail);
        Some(Outcome { ranking, detail: detail.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_press_is_lost_when_commands_become_one() {
        let shot = Command { buttons: buttons::UP | buttons::RAIL, aim: 700, rewind: 12 };
        let later = Command { buttons: buttons::LEFT, aim: 100, rewind: 20 };
        let merged = Wreckroom::merged(&shot, &later);
        assert_eq!(merged, Command { buttons: buttons::LEFT | buttons::RAIL, aim: 700, rewind: 12 });
        let both = Command { buttons: buttons::GRENADE, aim: 5, rewind: 0 };
        let merged = Wreckroom::merged(&shot, &both);
        assert_eq!(merged, Command { buttons: buttons::RAIL | buttons::GRENADE, aim: 5, rewind: 0 });
    }

    #[test]
    fn a_missing_command_does_not_shoot_the_rail_again() {
        let last = Command { buttons: 0xff, aim: 9, rewind: 3 };
        let expected = buttons::UP | buttons::DOWN | buttons::LEFT | buttons::RIGHT | buttons::PELLET;
        assert_eq!(Wreckroom::repeated(&last).buttons, expected);
    }

    #[test]
    fn options_that_no_arena_can_have_are_refused() {
        let setup = |options: &[u8]| Setup { seed: 1, players_max: 8, options: options.into() };
        assert!(Wreckroom::check(&setup(&[])).is_ok());
        assert!(Wreckroom::check(&setup(&Config::new(1, 8).options())).is_ok());
        assert!(Wreckroom::check(&setup(&[1, 2, 3])).is_err());
    }
}
