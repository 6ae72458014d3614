//! The queue of one player: for any pattern of arrival, each command is used once or refused, in order.

use crate::walk::{Step, Walk};
use matches::queue::{AHEAD_TICKS_MAX, Queue, REPEATED_TICKS_MAX, Unfit};
use proptest::prelude::*;

/// What may happen, one after the other.
#[derive(Clone, Debug)]
enum Happens {
    /// A command for a tick so far from the next one.
    Push(i32),
    Tick,
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![(-20_i32..20).prop_map(Happens::Push), Just(Happens::Tick)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn m4_no_command_is_lost_or_doubled_for_any_arrival(events in prop::collection::vec(happens(), 0..300)) {
        let mut queue = Queue::<Step>::default();
        let (mut next, mut named) = (100_u32, 0);
        let (mut accepted, mut used) = (0_u64, 0_u64);
        for event in events {
            match event {
                Happens::Push(offset) => {
                    let tick = next.saturating_add_signed(offset);
                    let expected = if tick <= named {
                        Err(Unfit::Repeated)
                    } else if tick >= next + AHEAD_TICKS_MAX {
                        Err(Unfit::Future)
                    } else {
                        Ok(())
                    };
                    let pushed = queue.push::<Walk>(next, tick, Step { dx: 1, presses: 1, rewind: 0 });
                    prop_assert_eq!(pushed, expected);
                    if pushed.is_ok() {
                        named = tick;
                        accepted += 1;
                    }
                }
                Happens::Tick => {
                    let applied = queue.applied();
                    let (command, is_own) = queue.take::<Walk>(next);
                    prop_assert!(queue.applied() >= applied && queue.applied() <= next);
                    prop_assert_eq!(is_own, queue.applied() > applied);
                    prop_assert!(is_own || command.presses == 0, "a repeated command presses nothing");
                    used += u64::from(command.presses);
                    next += 1;
                }
            }
            prop_assert!(queue.len() <= AHEAD_TICKS_MAX as usize + 1);
        }
        for _ in 0..AHEAD_TICKS_MAX {
            used += u64::from(queue.take::<Walk>(next).0.presses);
            next += 1;
        }
        prop_assert_eq!(used, accepted);
        prop_assert!(queue.is_empty());
    }
}

#[test]
fn commands_keep_their_ticks_and_late_ones_become_one() {
    let mut queue = Queue::<Step>::default();
    let step = |dx, presses| Step { dx, presses, rewind: 0 };
    for (tick, command) in
        [(95, step(1, 1)), (97, step(-1, 0)), (99, step(0, 1)), (100, step(1, 0)), (102, step(-1, 1))]
    {
        assert_eq!(queue.push::<Walk>(100, tick, command), Ok(()));
    }
    assert_eq!(
        queue.take::<Walk>(100),
        (step(1, 2), true),
        "four became one: the last direction, all presses"
    );
    assert_eq!(queue.take::<Walk>(101), (step(1, 0), false), "nothing came, so the last direction goes on");
    assert_eq!(queue.take::<Walk>(102), (step(-1, 1), true));
    for tick in 103..103 + REPEATED_TICKS_MAX {
        assert_eq!(queue.take::<Walk>(tick), (step(-1, 0), false));
    }
    assert_eq!(queue.take::<Walk>(110), (Step::default(), false), "and then it stands still");
}
