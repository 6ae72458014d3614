//! What other threads bring to a worker: commits, replies from the store's readers, news from the other workers.
//!
//! Bounded, and lossy where that is safe: when a worker does not keep up, committed events and news are dropped and the
//! worker is told so. It then reads heads and events from the store, which has them. Answers to its own requests are
//! never dropped; there are only as many as it asked for.

use chat::hub::Bus;
use chat::reading::Reply;
use state::{Delivery, Sink};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// Events that may wait for a worker. Beyond that they are dropped and read from the store later.
const EVENTS_WAITING_MAX: usize = 65_536;
/// News from other workers that may wait. Beyond that they are dropped and asked for anew.
const NEWS_WAITING_MAX: usize = 16_384;

/// Everything that came since the last time.
#[derive(Debug, Default)]
pub(crate) struct Arrived {
    /// Commits in their order.
    pub(crate) commits: Vec<Delivery>,
    /// Replies of the store's readers, with their tokens.
    pub(crate) replies: Vec<(u64, Reply)>,
    /// What the other hubs published.
    pub(crate) news: Vec<Arc<Bus>>,
    /// Something was dropped.
    pub(crate) lost: bool,
    events_waiting: usize,
}

/// The inbox of one worker.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    arrived: Mutex<Arrived>,
    news: Notify,
}

impl Inbox {
    /// Waits until something is there.
    pub(crate) async fn wait(&self) {
        self.news.notified().await;
    }

    /// Takes all that is there.
    pub(crate) fn take(&self) -> Arrived {
        std::mem::take(&mut *self.lock())
    }

    /// Another worker's hub published something.
    pub(crate) fn publish(&self, bus: Arc<Bus>) {
        let mut arrived = self.lock();
        if arrived.news.len() < NEWS_WAITING_MAX {
            arrived.news.push(bus);
        } else {
            arrived.lost = true;
        }
        drop(arrived);
        self.news.notify_one();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Arrived> {
        // Nothing in here can be half done, so a panic elsewhere does not make it wrong.
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for Inbox {
    fn committed(&self, mut delivery: Delivery) {
        let mut arrived = self.lock();
        if arrived.events_waiting + delivery.events.len() > EVENTS_WAITING_MAX {
            arrived.lost |= !delivery.events.is_empty();
            delivery.events = Arc::new([]);
        }
        if delivery.events.is_empty() && delivery.answers.is_empty() {
            return;
        }
        arrived.events_waiting += delivery.events.len();
        arrived.commits.push(delivery);
        drop(arrived);
        self.news.notify_one();
    }

    fn replied(&self, token: u64, reply: Reply) {
        self.lock().replies.push((token, reply));
        self.news.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chat::event::{Event, Kind};
    use chat::ids::{RoomName, UserId};
    use chat::ledger::{Answer, Origin, Refusal};
    use std::sync::OnceLock;

    fn events(count: usize) -> Arc<[Arc<Event>]> {
        let event = Arc::new(Event {
            room: RoomName::new("r").unwrap(),
            seq: 1,
            messages: 0,
            from: UserId::new("u").unwrap(),
            name: "U".into(),
            at_ms: 0,
            kind: Kind::Join,
            wire: OnceLock::new(),
        });
        vec![event; count].into()
    }

    fn answers() -> Vec<(Origin, Box<str>, Answer)> {
        let refused = Answer::Refused { room: None, refusal: Refusal::NotFound };
        vec![(Origin { worker: 0, connection: 1 }, "id".into(), refused)]
    }

    #[test]
    fn a_worker_that_does_not_keep_up_loses_events_but_never_answers_and_is_told() {
        let inbox = Inbox::default();
        inbox.committed(Delivery { events: events(EVENTS_WAITING_MAX - 1), answers: answers() });
        inbox.committed(Delivery { events: events(2), answers: answers() });
        let arrived = inbox.take();
        assert!(arrived.lost);
        assert_eq!(arrived.commits.len(), 2);
        assert_eq!((arrived.commits[1].events.len(), arrived.commits[1].answers.len()), (0, 1));
        inbox.committed(Delivery { events: events(2), answers: Vec::new() });
        assert!(!inbox.take().lost, "there is room again");
    }

    #[test]
    fn news_are_bounded_too() {
        let inbox = Inbox::default();
        (0..=NEWS_WAITING_MAX).for_each(|_| inbox.publish(Arc::new(Bus::AccountRequest { worker: 1 })));
        let arrived = inbox.take();
        assert_eq!((arrived.news.len(), arrived.lost), (NEWS_WAITING_MAX, true));
    }
}
