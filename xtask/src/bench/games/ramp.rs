//! Looks for the largest number of players with which something still holds.

use super::Found;
use std::collections::BTreeMap;

/// Where to look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ramp {
    /// The first number to try.
    pub(super) first: u32,
    /// Numbers are multiples of this, and the answer is exact to it.
    pub(super) step: u32,
    /// Nobody tries more.
    pub(super) most: u32,
}

/// What a try gave: its numbers and whether they are good, or why there are none.
pub(super) type Try = Result<(Found, Result<(), String>), String>;

/// All tries.
#[derive(Debug, Default)]
pub(super) struct Tried(BTreeMap<u32, Try>);

impl Ramp {
    /// Tries more and more, each time a half more, until it fails; then in between, by halves. If the first fails, less.
    /// A number that failed is tried once more, because something else may have disturbed it.
    pub(super) fn climb(&self, mut measure: impl FnMut(u32) -> Try) -> Tried {
        let mut tried = Tried::default();
        let (mut good, mut bad) = (0, self.most + self.step);
        let mut next = self.first;
        while bad - good > self.step {
            let is_good = (0..2).any(|_| {
                let row = measure(next);
                let is_good = matches!(&row, Ok((_, Ok(()))));
                match &row {
                    Ok((_, Err(why))) | Err(why) => eprintln!("  {next} players: {why}"),
                    Ok(_) => eprintln!("  {next} players: carried"),
                }
                tried.0.insert(next, row);
                is_good
            });
            if is_good {
                good = next;
            } else {
                bad = next;
            }
            let wanted = if bad > self.most { good + good / 2 } else { (good + bad) / 2 };
            next = (wanted / self.step * self.step).clamp(good + self.step, self.most.max(good + self.step));
        }
        tried
    }

    /// Tries the largest good number once more with another measurement, and smaller ones as long as that fails.
    pub(super) fn confirm(&self, mut tried: Tried, mut measure: impl FnMut(u32) -> Try) -> Tried {
        let mut next = tried.best_number();
        while let Some(players) = next {
            let is_good = (0..2).any(|_| {
                let row = measure(players);
                let is_good = matches!(&row, Ok((_, Ok(()))));
                eprintln!(
                    "  {players} players for longer: {}",
                    if is_good { "carried" } else { "not carried" }
                );
                tried.0.insert(players, row);
                is_good
            });
            next = players.checked_sub(self.step).filter(|less| !is_good && *less > 0);
        }
        tried
    }
}

impl Tried {
    /// The largest good number.
    fn best_number(&self) -> Option<u32> {
        let good = self.rows().filter(|(_, row)| matches!(row, Ok((_, Ok(())))));
        good.map(|(players, _)| players).max()
    }

    /// By the number of players.
    pub(super) fn rows(&self) -> impl Iterator<Item = (u32, &Try)> {
        self.0.iter().map(|(players, row)| (*players, row))
    }

    /// The numbers of the largest good try.
    pub(super) fn best(&self) -> Option<&Found> {
        self.0.values().rev().find_map(|row| match row {
            Ok((found, Ok(()))) => Some(found),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn climb(ramp: Ramp, limit: u32) -> (Vec<u32>, Option<f64>) {
        let mut asked = Vec::new();
        let tried = ramp.climb(|players| {
            asked.push(players);
            let found = Found::read(&format!("players {players}\n"));
            Ok((found, if players <= limit { Ok(()) } else { Err("too many".to_owned()) }))
        });
        (asked, tried.best().and_then(|found| found.get("players")))
    }

    #[test]
    fn the_limit_is_found_to_the_step() {
        let ramp = Ramp { first: 256, step: 64, most: 8192 };
        for (limit, best) in
            [(1000, 960.0), (256, 256.0), (300, 256.0), (64, 64.0), (8192, 8192.0), (100_000, 8192.0)]
        {
            let (asked, found) = climb(ramp, limit);
            assert_eq!(found, Some(best), "{limit}: {asked:?}");
            assert!(asked.len() < 30, "{asked:?}");
        }
    }

    #[test]
    fn what_is_not_carried_for_longer_is_no_answer() {
        let ramp = Ramp { first: 256, step: 64, most: 8192 };
        let row = |players: u32, limit: u32| {
            let verdict = if players <= limit { Ok(()) } else { Err("too many".to_owned()) };
            Ok((Found::read(&format!("players {players}\n")), verdict))
        };
        let confirmed = |limit: u32| {
            let tried = ramp.confirm(ramp.climb(|players| row(players, 1000)), |players| row(players, limit));
            tried.best_number()
        };
        assert_eq!((confirmed(1000), confirmed(850), confirmed(0)), (Some(960), Some(832), None));
    }

    #[test]
    fn if_nothing_is_carried_there_is_no_best() {
        assert_eq!(climb(Ramp { first: 256, step: 64, most: 8192 }, 10).1, None);
    }
}
