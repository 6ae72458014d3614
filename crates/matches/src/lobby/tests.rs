//! What always holds, whatever people and the node do: checked after each step of thousands of random histories.

mod crowd;
mod invariants;
mod model;

use super::*;
use model::{Node, terms};
use proptest::prelude::*;

/// One thing that somebody does. Numbers choose among what there is.
#[derive(Clone, Debug)]
enum Step {
    Find { user: u8, party: u8, queue: u8, rating: f64 },
    Cancel { ticket: u8 },
    Host { user: u8, fill: Option<u16> },
    Reserve { id: u8, user: u8 },
    Arrive { id: u8, user: u8 },
    Leave { id: u8, user: u8 },
    Running { id: u8, worker: u8 },
    Failed { id: u8 },
    Ended { id: u8 },
    Recorded { id: u8 },
    Gone { id: u8 },
    Admit { worker: u8, admission: u8 },
    Watched { id: u8, spectators: u8 },
    Adopt { queue: u8 },
    Wait { ms: u16 },
}

fn step() -> impl Strategy<Value = Step> {
    let users = 0..12u8;
    let some = any::<u8>;
    prop_oneof![
        6 => (users.clone(), 1..5u8, 0..4u8, 0.0..50.0)
            .prop_map(|(user, party, queue, rating)| Step::Find { user, party, queue, rating }),
        1 => some().prop_map(|ticket| Step::Cancel { ticket }),
        1 => (users.clone(), proptest::option::of(0..9u16)).prop_map(|(user, fill)| Step::Host { user, fill }),
        2 => (some(), users.clone()).prop_map(|(id, user)| Step::Reserve { id, user }),
        4 => (some(), users.clone()).prop_map(|(id, user)| Step::Arrive { id, user }),
        2 => (some(), users).prop_map(|(id, user)| Step::Leave { id, user }),
        4 => (some(), 0..2u8).prop_map(|(id, worker)| Step::Running { id, worker }),
        1 => some().prop_map(|id| Step::Failed { id }),
        1 => some().prop_map(|id| Step::Ended { id }),
        1 => some().prop_map(|id| Step::Recorded { id }),
        1 => some().prop_map(|id| Step::Gone { id }),
        1 => (0..2u8, 0..3u8).prop_map(|(worker, admission)| Step::Admit { worker, admission }),
        1 => (some(), 0..3u8).prop_map(|(id, spectators)| Step::Watched { id, spectators }),
        1 => (0..6u8).prop_map(|queue| Step::Adopt { queue }),
        6 => (0..3000u16).prop_map(|ms| Step::Wait { ms }),
    ]
}

fn small_limits() -> LobbyLimits {
    LobbyLimits {
        tickets_max: 8,
        tickets_per_user_max: 1,
        party_users_max: 3,
        matches_max: 6,
        private_per_user_max: 1,
        reservations_per_user_max: 2,
        ..LobbyLimits::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn no_ticket_is_lost_or_placed_twice_and_no_match_is_overfull(steps in proptest::collection::vec(step(), 1..120)) {
        let mut node = Node::new(small_limits());
        node.is_prompt = false;
        for step in &steps {
            node.perform(step);
            invariants::check(&node.lobby);
        }
        // The node gets better, nobody does anything any more, and at last everybody leaves.
        node.recover();
        for is_last in [false, true] {
            for _ in 0..100_000 {
                let Some(at) = node.lobby.poll_timeout() else { break };
                node.wait_until(at);
                node.answer_everything();
                invariants::check(&node.lobby);
            }
            prop_assert_eq!(node.lobby.poll_timeout(), None, "it comes to rest");
            prop_assert_eq!(node.unresolved(), Vec::<TicketId>::new());
            if !is_last {
                node.everybody_leaves();
            }
        }
        prop_assert!(node.lobby.matches.is_empty() && node.lobby.held.is_empty() && node.lobby.tickets.is_empty());
    }

    #[test]
    fn everybody_has_a_seat_within_the_bound_whatever_the_pattern_of_arrivals(
        arrivals in proptest::collection::vec((0..4000u64, 1..4usize, 0..2u8, 0.0..50.0), 1..150),
    ) {
        let limits = LobbyLimits { matches_max: 1000, ..LobbyLimits::default() };
        let bound = terms(0).wait_max.max(terms(1).wait_max) + limits.round;
        let mut node = Node::new(limits);
        let mut came = BTreeMap::new();
        let mut at = Duration::ZERO;
        for (i, (gap, party, queue, rating)) in arrivals.into_iter().enumerate() {
            at += Duration::from_millis(gap);
            node.run_until(at);
            let ticket = node.find(&(0..party).map(|j| format!("u{i}-{j}")).collect::<Vec<_>>(), queue, rating);
            came.insert(ticket.expect("accepted"), at);
            node.answer_everything();
        }
        node.run_until(at + bound);
        for (ticket, at) in came {
            let placed = node.placed_at(ticket);
            prop_assert!(placed.is_some_and(|placed| placed <= at + bound), "{:?} came {:?}, got {:?}", ticket, at, placed);
        }
    }
}
