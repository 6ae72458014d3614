//! Which faults a seed has, how often they strike, and how often they did.

use crate::random::Random;
use std::collections::BTreeMap;

/// Everything that can go wrong in the simulated world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The store fails in the middle of a batch: nothing of it is stored.
    BatchFails,
    /// The commit fails at its end: nothing of it is stored.
    CommitFails,
    /// The node dies before its commit is durable.
    CrashBeforeDurable,
    /// The node dies after its commit is durable and before anybody was told.
    CrashAfterDurable,
    /// A read from the store fails.
    ReadFails,
    /// The store's queue is full.
    QueueFull,
    /// A worker does not keep up and loses committed events.
    EventsLost,
    /// A worker does not keep up and loses news of the other workers.
    NewsLost,
    /// A connection is cut, at any byte, in both directions.
    Cut,
    /// A connection dies and neither end is told.
    HalfOpen,
    /// A client stops reading for a while.
    ReaderStalls,
    /// A connection cannot be made.
    ConnectFails,
    /// A client resumes from an event that is long past.
    OldCursor,
    /// A client resumes from an event that does not exist yet.
    CursorAhead,
    /// A user sends faster than allowed.
    RateLimited,
    /// A connection falls out of the tail of a room and is fed from the store.
    FellBehind,
    /// A client misses events that are no longer kept.
    Forgotten,
    /// A connection does not take its typing and presence, and they are dropped.
    EphemeralDropped,
}

/// All faults.
pub const FAULTS: [Fault; 18] = [
    Fault::BatchFails,
    Fault::CommitFails,
    Fault::CrashBeforeDurable,
    Fault::CrashAfterDurable,
    Fault::ReadFails,
    Fault::QueueFull,
    Fault::EventsLost,
    Fault::NewsLost,
    Fault::Cut,
    Fault::HalfOpen,
    Fault::ReaderStalls,
    Fault::ConnectFails,
    Fault::OldCursor,
    Fault::CursorAhead,
    Fault::RateLimited,
    Fault::FellBehind,
    Fault::Forgotten,
    Fault::EphemeralDropped,
];

/// How often each fault struck.
pub type Fired = BTreeMap<Fault, u64>;

/// The dice of one seed.
#[derive(Debug)]
pub(super) struct Swarm {
    rates: BTreeMap<Fault, u32>,
    random: Random,
    pub(super) fired: Fired,
    pub(super) on: bool,
}

impl Swarm {
    /// Draws a random subset of the faults, each with a rate of its own. So some seeds are calm, some have one fault
    /// often, some have all: bugs hide in each of them.
    pub(super) fn new(mut random: Random) -> Self {
        let mut rates = BTreeMap::new();
        let share = random.between(0, 1000) as u32;
        for fault in FAULTS {
            let (drawn, rate) = (random.chance(share), random.between(1, most_per_mille(fault)) as u32);
            if drawn {
                rates.insert(fault, rate);
            }
        }
        Self { rates, random, fired: Fired::new(), on: true }
    }

    /// Whether the fault strikes now.
    pub(super) fn strikes(&mut self, fault: Fault) -> bool {
        let rate = self.rates.get(&fault).copied().unwrap_or(0);
        let strikes = self.on && rate > 0 && self.random.chance(rate);
        if strikes {
            self.note(fault, 1);
        }
        strikes
    }

    /// Whether the seed has the fault at all: for those that are a matter of configuration.
    pub(super) fn has(&self, fault: Fault) -> bool {
        self.rates.contains_key(&fault)
    }

    /// Counts strikes that were noticed elsewhere.
    pub(super) fn note(&mut self, fault: Fault, times: u64) {
        *self.fired.entry(fault).or_default() += times;
    }
}

/// How often a fault may strike at most, in a thousand occasions.
fn most_per_mille(fault: Fault) -> u64 {
    match fault {
        Fault::BatchFails | Fault::CommitFails => 150,
        Fault::CrashBeforeDurable | Fault::CrashAfterDurable => 30,
        Fault::ReadFails | Fault::ConnectFails | Fault::OldCursor => 400,
        Fault::EventsLost | Fault::NewsLost | Fault::CursorAhead => 200,
        Fault::Cut => 10,
        Fault::HalfOpen => 4,
        Fault::ReaderStalls => 20,
        // Matters of configuration.
        Fault::QueueFull
        | Fault::RateLimited
        | Fault::FellBehind
        | Fault::Forgotten
        | Fault::EphemeralDropped => 1000,
    }
}
