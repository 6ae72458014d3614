//! The classic game under the runtime that Wreckroom has: bots smash everything at 30 ticks a second, somebody wins, and the
//! recording gives the same game again.

use matches::Registry;
use matches::classic::Classic;
use matches::game::{Game, Setup};
use matches::host::{Effect, Ended, Ending, Host, Limits, Spec};
use matches::ids::MatchId;
use matches::recording::{Reader, verify};
use std::time::Duration;

#[test]
fn m1_bots_play_it_in_the_runtime_until_somebody_wins_and_its_recording_verifies() {
    let registry = || Registry::new().with::<Classic>();
    let mut host = Host::new(registry(), Limits::default(), Box::new(Duration::default), 9);
    let setup = Setup { seed: 1, players_max: Classic::PLAYERS_MAX, options: Box::default() };
    let game = Classic::NAME.into();
    let spec = Spec {
        game,
        setup,
        fill_to: 5,
        invited: vec![],
        sleeps: false,
        is_recorded: true,
        spectator_delay: None,
    };
    host.create(Duration::ZERO, MatchId::new("m").unwrap(), spec).unwrap();
    let (mut record, mut ends): (Vec<u8>, Vec<Ended>) = Default::default();
    while ends.is_empty() {
        let due = host.poll_timeout().expect("the game goes on");
        assert!(due < Duration::from_secs(60), "five bots are done in some seconds");
        host.handle_timeout(due);
        while let Some(effect) = host.poll_effect() {
            match effect {
                Effect::Record { bytes, .. } => record.extend(bytes),
                Effect::Ended { ended, .. } => ends.push(*ended),
                _ => {}
            }
        }
    }
    let [Ended { ending: Ending::Over, outcome: Some(outcome), .. }] = &ends[..] else { panic!("{ends:?}") };
    assert_eq!(
        outcome.ranking.iter().map(|ranked| ranked.points).sum::<u32>(),
        3,
        "each piece has one captor"
    );
    assert_eq!((outcome.ranking.len(), outcome.ranking[0].rank), (5, 1));
    let report = verify(&registry(), &mut Reader::new(&record[..]).unwrap(), |_| {}).unwrap();
    assert_eq!((report.joins, report.faults_count), (5, 0));
    assert!(report.ticks >= 30 && report.hashes > 0, "{report:?}");
}
