//! Health on a virtual clock.

use super::*;
use crate::backend::SHARE_FULL;
use crate::config::{Config, Pool, Probe, Route};
use proptest::prelude::*;
use std::net::SocketAddr;

const SECOND: Duration = Duration::from_secs(1);

/// A pool of backends, its health, a clock, and what happened.
struct World {
    health: Health,
    router: Router,
    config: Config,
    now: Duration,
    probes: Vec<Arc<Backend>>,
    events: Vec<(String, Happened)>,
}

impl World {
    fn new(backends: u16, change: impl FnOnce(&mut config::Health)) -> Self {
        let mut pool = Pool::of((1..=backends).map(|port| SocketAddr::from(([127, 0, 0, 1], port))));
        pool.backends.iter_mut().zip('a'..).for_each(|(backend, name)| backend.name = name.to_string());
        change(&mut pool.health);
        let mut config = Config::default();
        config.pools.insert("pool".to_owned(), pool);
        config.routes.push(Route::to("pool"));
        let router = Router::new(&config, None);
        let (probes, events) = (Vec::new(), Vec::new());
        let mut world = Self { health: Health::default(), router, config, now: SECOND, probes, events };
        world.health.update(&world.router, world.now, 0);
        world.settle();
        world
    }

    fn settle(&mut self) {
        while let Some(effect) = self.health.poll_effect() {
            match effect {
                Effect::Probe { backend, .. } => self.probes.push(backend),
                Effect::Share { backend, share } => backend.set_share(share),
                Effect::Event { backend, happened } => self.events.push((backend.name.clone(), happened)),
            }
        }
    }

    fn backend(&self, at: usize) -> Arc<Backend> {
        Arc::clone(&self.router.pool("pool").unwrap().backends()[at])
    }

    fn shares(&self) -> Vec<u32> {
        self.router.backends().map(|backend| backend.share()).collect()
    }

    /// Lets time pass, and answers probes with what `well` says of a backend's name.
    fn pass(&mut self, time: Duration, well: impl Fn(&str) -> bool) {
        let end = self.now + time;
        while let Some(due) = self.health.poll_timeout().filter(|due| *due <= end) {
            assert!(due >= self.now, "time runs backwards");
            self.now = due;
            self.health.handle_timeout(self.now, 7);
            self.settle();
            assert!(self.health.poll_timeout().is_none_or(|next| next > due), "a timeout does not go away");
            for backend in std::mem::take(&mut self.probes) {
                self.health.handle_probe(&backend, well(&backend.name), self.now, 7);
                self.settle();
            }
        }
        self.now = end;
    }

    fn fail(&mut self, at: usize, times: u32) {
        for _ in 0..times {
            let backend = self.backend(at);
            self.health.handle_report(&backend, Report::ConnectFailed, self.now);
            self.settle();
        }
    }

    fn happened(&mut self) -> Vec<(String, Happened)> {
        std::mem::take(&mut self.events)
    }
}

fn named(name: &str, happened: Happened) -> (String, Happened) {
    (name.to_owned(), happened)
}

#[test]
fn thresholds_hold_in_both_directions() {
    let mut world = World::new(2, |health| (health.probe, health.rise, health.fall) = (Probe::Tcp, 2, 3));
    world.pass(6 * SECOND, |_| true);
    let mut first = world.happened();
    first.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(first, [named("a", Happened::Up), named("b", Happened::Up)]);
    // Two bad answers are not enough, three are.
    world.pass(5 * SECOND, |name| name != "a");
    world.pass(4 * SECOND, |name| name != "a");
    assert_eq!((world.happened(), world.shares()), (Vec::new(), vec![1000, 1000]));
    world.pass(5 * SECOND, |name| name != "a");
    assert_eq!((world.happened(), world.shares()), (vec![named("a", Happened::Down)], vec![0, 1000]));
    world.pass(5 * SECOND, |_| true);
    assert_eq!(world.shares(), [0, 1000]);
    world.pass(5 * SECOND, |_| true);
    assert_eq!((world.happened(), world.shares()), (vec![named("a", Happened::Up)], vec![1000, 1000]));
}

#[test]
fn a_new_backend_is_used_at_once_and_one_bad_answer_takes_it_out() {
    let mut world = World::new(2, |health| health.probe = Probe::Tcp);
    assert_eq!(world.shares(), [1000, 1000]);
    world.pass(2 * SECOND, |name| name != "b");
    assert_eq!(world.shares(), [1000, 0]);
}

#[test]
fn a_probe_without_an_answer_is_a_bad_one() {
    let mut world = World::new(2, |health| health.probe = Probe::Tcp);
    world.now += SECOND;
    world.health.handle_timeout(world.now, 0);
    world.settle();
    let asked = std::mem::take(&mut world.probes);
    assert_eq!(asked.len(), 2);
    world.health.handle_probe(&asked[0], true, world.now, 0);
    world.now += 4 * SECOND;
    world.health.handle_timeout(world.now, 0);
    world.settle();
    assert_eq!(world.shares(), [1000, 0]);
    // The answer comes after all, and counts for nothing.
    world.health.handle_probe(&asked[1], true, world.now, 0);
    world.settle();
    assert_eq!(world.shares(), [1000, 0]);
}

#[test]
fn failures_in_a_row_eject_for_ever_longer_and_good_times_are_remembered() {
    let mut world = World::new(3, |health| (health.eject_after, health.ejection_max) = (5, 30 * SECOND));
    world.fail(0, 4);
    assert_eq!(world.shares(), [1000; 3]);
    world.fail(0, 1);
    assert_eq!(
        (world.happened(), world.shares()),
        (vec![named("a", Happened::Ejected(10 * SECOND))], vec![0, 1000, 1000])
    );
    for (lasted, next) in [(10, 20), (20, 30), (30, 30)] {
        world.pass(lasted * SECOND, |_| true);
        assert_eq!(world.happened(), [named("a", Happened::Returned)]);
        world.fail(0, 5);
        assert_eq!(world.happened(), [named("a", Happened::Ejected(next * SECOND))]);
    }
    // After a time without ejections as long as the last one it begins anew.
    world.pass(200 * SECOND, |_| true);
    world.happened();
    world.fail(0, 5);
    assert_eq!(world.happened(), [named("a", Happened::Ejected(10 * SECOND))]);
}

#[test]
fn a_clean_close_is_no_error_and_ends_a_row() {
    let mut world = World::new(3, |health| health.eject_after = 3);
    for report in [
        Report::Closed(1000),
        Report::Closed(1001),
        Report::Closed(1002),
        Report::Closed(1012),
        Report::Clean,
        Report::Answered(404),
    ] {
        assert!(!report.is_failure());
        world.fail(0, 2);
        let backend = world.backend(0);
        world.health.handle_report(&backend, report, world.now);
    }
    assert_eq!(world.shares(), [1000; 3]);
}

#[test]
fn a_backend_that_takes_every_websocket_and_ends_it_is_ejected() {
    let mut world = World::new(3, |health| health.eject_after = 3);
    for code in [1006, 1011, 1006] {
        let backend = world.backend(1);
        world.health.handle_report(&backend, Report::Opened, world.now);
        world.health.handle_report(&backend, Report::Closed(code), world.now);
        world.settle();
    }
    assert_eq!(world.shares(), [1000, 0, 1000]);
}

#[test]
fn failures_that_are_far_apart_are_not_in_a_row() {
    let mut world = World::new(2, |health| health.eject_after = 2);
    for _ in 0..10 {
        world.fail(0, 1);
        world.now += FAILURES_APART_MAX + SECOND;
    }
    assert_eq!(world.shares(), [1000, 1000]);
}

#[test]
fn no_more_than_the_floor_allows_is_ejected_and_never_the_last() {
    let mut world = World::new(4, |health| health.eject_after = 1);
    for at in 0..4 {
        world.fail(at, 1);
    }
    assert_eq!(world.shares(), [0, 0, 1000, 1000]);
    assert_eq!(world.happened()[2..], [named("c", Happened::NotEjected), named("d", Happened::NotEjected)]);
    let mut world = World::new(1, |health| (health.eject_after, health.ejected_percent_max) = (1, 100));
    world.fail(0, 10);
    assert_eq!(world.shares(), [1000]);
}

#[test]
fn o12_failures_of_the_last_backend_are_told_now_and_then() {
    let mut world = World::new(1, |health| health.eject_after = 1);
    world.fail(0, 1000);
    assert_eq!(world.happened(), [named("a", Happened::NotEjected)]);
    world.now += 10 * SECOND;
    world.fail(0, 1000);
    assert_eq!(world.happened(), [named("a", Happened::NotEjected)]);
}

#[test]
fn when_all_others_are_gone_an_ejected_backend_is_better_than_none() {
    let mut world = World::new(2, |health| (health.eject_after, health.probe) = (1, Probe::Tcp));
    world.pass(2 * SECOND, |_| true);
    world.fail(0, 1);
    assert_eq!(world.shares(), [0, 1000]);
    world.happened();
    let other = world.backend(1);
    world.health.drain(&other, world.now);
    world.settle();
    assert_eq!(
        (world.happened(), world.shares()),
        (vec![named("b", Happened::Drained), named("a", Happened::Returned)], vec![1000, 0])
    );
}

#[test]
fn a_slow_start_rises_to_all_in_its_time() {
    let mut world = World::new(2, |health| (health.probe, health.slow_start) = (Probe::Tcp, 20 * SECOND));
    world.pass(2 * SECOND, |name| name == "b");
    assert_eq!(world.shares(), [0, 1000]);
    while world.shares()[0] == 0 {
        world.pass(SECOND, |_| true);
    }
    let mut last = 0;
    let began = world.now;
    while world.shares()[0] < SHARE_FULL {
        world.pass(SECOND / 2, |_| true);
        let share = world.shares()[0];
        assert!(share >= last && share >= watched::SHARE_FIRST);
        // Linear: never far from the line between the first share and all.
        let line = 50.0 + 950.0 * (world.now - began).as_secs_f64() / 20.0;
        assert!((f64::from(share) - line).abs() < 150.0, "{share} at {line}");
        last = share;
    }
    let took = world.now - began;
    assert!((18 * SECOND..=21 * SECOND).contains(&took), "{took:?}");
}

#[test]
fn a_drained_backend_stays_out_whatever_probes_say_until_it_is_restored() {
    let mut world = World::new(2, |health| health.probe = Probe::Tcp);
    let backend = world.backend(0);
    assert!(world.health.drain(&backend, world.now));
    world.settle();
    world.pass(30 * SECOND, |_| true);
    assert_eq!(world.shares(), [0, 1000]);
    assert!(world.health.restore(&backend, world.now));
    world.settle();
    assert_eq!(world.shares(), [1000, 1000]);
}

#[test]
fn a_reload_keeps_what_is_known_and_watches_what_is_new() {
    let mut world = World::new(2, |health| health.probe = Probe::Tcp);
    world.pass(2 * SECOND, |name| name == "b");
    assert_eq!(world.shares(), [0, 1000]);
    let pool = world.config.pools.get_mut("pool").unwrap();
    pool.backends.push(config::BackendEntry::new(SocketAddr::from(([127, 0, 0, 1], 9))));
    world.router = Router::new(&world.config, Some(&world.router));
    world.health.update(&world.router, world.now, 0);
    world.settle();
    assert_eq!(world.shares(), [0, 1000, 1000]);
    assert_eq!(world.health.status(&world.backend(0)).unwrap().verdict, Verdict::Down);
    assert_eq!(world.health.status(&world.backend(2)).unwrap().verdict, Verdict::Unknown);
    // Without probes nobody can say Down, so nobody is.
    world.config.pools.get_mut("pool").unwrap().health.probe = Probe::None;
    world.router = Router::new(&world.config, Some(&world.router));
    world.health.update(&world.router, world.now, 0);
    world.settle();
    assert_eq!((world.shares(), world.health.poll_timeout()), (vec![1000; 3], None));
}

#[test]
fn probes_are_spread_and_jittered() {
    let mut world = World::new(50, |health| health.probe = Probe::Tcp);
    let mut moments = std::collections::BTreeSet::new();
    for _ in 0..200 {
        world.now = world.health.poll_timeout().unwrap();
        moments.insert(world.now);
        world.health.handle_timeout(world.now, world.now.as_nanos() as u64);
        world.settle();
        for backend in std::mem::take(&mut world.probes) {
            world.health.handle_probe(&backend, true, world.now, 1);
        }
    }
    assert!(moments.len() > 150, "{}", moments.len());
}

proptest! {
    /// Whatever is reported, probed, drained and waited for: the floor holds, shares are in range, and timeouts end.
    #[test]
    fn the_floor_holds_under_anything(
        count in 1_u16..8,
        percent in 0_u32..=100,
        steps in proptest::collection::vec((0_u8..6, any::<u16>()), 1..150),
    ) {
        let mut world = World::new(count, |health| {
            (health.eject_after, health.ejected_percent_max, health.probe) = (1, percent, Probe::Tcp);
            health.slow_start = 3 * SECOND;
        });
        for (step, number) in steps {
            let backend = world.backend(usize::from(number) % usize::from(count));
            match step {
                0 | 1 => world.health.handle_report(&backend, Report::ConnectFailed, world.now),
                2 => { world.health.drain(&backend, world.now); }
                3 => { world.health.restore(&backend, world.now); }
                4 => { world.health.handle_report(&backend, Report::Clean, world.now); }
                _ => {
                    let down = usize::from(number) % 5 == 0;
                    world.pass(Duration::from_millis(u64::from(number) % 5000), |name| !down || name != backend.name);
                }
            }
            world.settle();
            let all: Vec<Status> = world.router.backends().map(|backend| world.health.status(backend).unwrap()).collect();
            let ejected = all.iter().filter(|status| status.ejected_until.is_some()).count();
            let drained = all.iter().filter(|status| status.drained).count();
            prop_assert!(ejected * 100 <= (all.len() - drained) * percent as usize);
            prop_assert!(ejected == 0 || all.iter().any(|status| status.share > 0));
            for (status, backend) in all.iter().zip(world.router.backends()) {
                prop_assert_eq!(status.share, backend.share());
            }
        }
    }
}
