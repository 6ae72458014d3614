//! Tells gateways which matches this node has, as they begin and end: the feed `stoa.owners.v1` on the admin listener.
//!
//! A WebSocket to `/v1/owners` gets everything first, then what changes, and a sign of life when nothing does:
//!
//! ```text
//! {"t":"snapshot","beat_ms":5000,"owned":[["k3v9xw2m",1764000000000001]]}
//! {"t":"changes","owned":[["id",epoch]],"gone":["id"]}
//! {"t":"beat"}
//! ```
//!
//! The number of a match is its epoch: it grows with time, so that of two nodes which say that they have a match, the one that
//! has got it later is right. What a gateway sends is ignored.

use crate::worker::Shared;
use matches::ids::MatchId;
use net::{Endpoint, Outgoing, Wake};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use ws::Message;

/// Where the feed is.
pub const PATH: &str = "/v1/owners";

/// Its subprotocol.
pub const SUBPROTOCOL: &str = "stoa.owners.v1";

/// How often a sign of life is sent when nothing else is.
pub const BEAT: Duration = Duration::from_secs(5);

/// The matches of a node, each with its epoch.
#[derive(Debug)]
pub(crate) struct Owned {
    inner: Mutex<Inner>,
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Inner {
    matches: BTreeMap<MatchId, u64>,
    /// The last epoch that was given out.
    epoch: u64,
}

impl Default for Owned {
    fn default() -> Self {
        Self { inner: Mutex::default(), changes: watch::Sender::new(0) }
    }
}

impl Owned {
    /// A match begins here.
    pub(crate) fn add(&self, id: &MatchId) {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let mut inner = self.lock();
        // Microseconds fit for 500,000 years. Two matches of one moment, or a clock that went back, get the next number.
        inner.epoch = (now.as_micros() as u64).max(inner.epoch + 1);
        let epoch = inner.epoch;
        inner.matches.insert(id.clone(), epoch);
        drop(inner);
        self.tell();
    }

    /// It has ended.
    pub(crate) fn remove(&self, id: &MatchId) {
        if self.lock().matches.remove(id).is_some() {
            self.tell();
        }
    }

    fn tell(&self) {
        self.changes.send_modify(|number| *number = number.wrapping_add(1));
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing in here can be half done, so a panic elsewhere does not make it wrong.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a gateway has been told, and so what it is to be told next.
#[derive(Debug, Default)]
struct Told(Option<BTreeMap<MatchId, u64>>);

impl Told {
    /// The next message. It is a sign of life if nothing has changed.
    fn next(&mut self, now: &BTreeMap<MatchId, u64>) -> String {
        let Some(before) = self.0.replace(now.clone()) else {
            let mut text = format!(r#"{{"t":"snapshot","beat_ms":{},"owned":"#, BEAT.as_millis());
            list(&mut text, now.iter());
            text.push('}');
            return text;
        };
        let mut owned = now.iter().filter(|(id, epoch)| before.get(*id) != Some(*epoch)).peekable();
        let mut gone = before.keys().filter(|id| !now.contains_key(*id)).peekable();
        if owned.peek().is_none() && gone.peek().is_none() {
            return r#"{"t":"beat"}"#.to_owned();
        }
        let mut text = r#"{"t":"changes","owned":"#.to_owned();
        list(&mut text, owned);
        text.push_str(r#","gone":["#);
        for (place, id) in gone.enumerate() {
            let comma = if place == 0 { "" } else { "," };
            // Writing to a String cannot fail. Ids have nothing that JSON escapes.
            let _ = write!(text, r#"{comma}"{}""#, id.as_str());
        }
        text.push_str("]}");
        text
    }
}

fn list<'a>(text: &mut String, entries: impl Iterator<Item = (&'a MatchId, &'a u64)>) {
    text.push('[');
    for (place, (id, epoch)) in entries.enumerate() {
        let comma = if place == 0 { "" } else { "," };
        let _ = write!(text, r#"{comma}["{}",{epoch}]"#, id.as_str());
    }
    text.push(']');
}

/// One gateway that listens.
pub(crate) struct OwnersEndpoint {
    shared: Arc<Shared>,
    told: Told,
    is_due: bool,
    waking: JoinHandle<()>,
    due: Rc<Cell<bool>>,
}

impl OwnersEndpoint {
    /// Runs on the worker of the admin listener.
    pub(crate) fn open(shared: Arc<Shared>, wake: Wake) -> Self {
        let due = Rc::new(Cell::new(false));
        let mut changes = shared.play.directory.owned().changes.subscribe();
        let flag = Rc::clone(&due);
        let waking = tokio::task::spawn_local(async move {
            loop {
                if let Ok(Err(_)) = tokio::time::timeout(BEAT, changes.changed()).await {
                    // The node has ended.
                    return;
                }
                flag.set(true);
                wake.wake();
            }
        });
        Self { shared, told: Told::default(), is_due: true, waking, due }
    }
}

impl Endpoint for OwnersEndpoint {
    fn on_open(&mut self, out: &mut Outgoing<'_>) {
        self.on_writable(out);
    }

    fn on_message(&mut self, _message: Message<'_>, _out: &mut Outgoing<'_>) {}

    fn on_writable(&mut self, out: &mut Outgoing<'_>) {
        self.is_due |= self.due.take();
        // A gateway that does not read gets one message with all that has changed when it does.
        if !self.is_due || out.room() == 0 {
            return;
        }
        self.is_due = false;
        let text = self.told.next(&self.shared.play.directory.owned().lock().matches);
        // It fails only if the connection is closing.
        let _ = out.send(Message::Text(&text));
    }
}

impl Drop for OwnersEndpoint {
    fn drop(&mut self) {
        self.waking.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> MatchId {
        MatchId::new(name).unwrap()
    }

    #[test]
    fn a_gateway_gets_everything_then_changes_then_signs_of_life() {
        let (owned, mut told) = (Owned::default(), Told::default());
        owned.add(&id("aaaa"));
        let next = |told: &mut Told| -> serde_json::Value {
            serde_json::from_str(&told.next(&owned.lock().matches)).unwrap()
        };
        let first = next(&mut told);
        assert_eq!((&first["t"], &first["owned"][0][0]), (&"snapshot".into(), &"aaaa".into()));
        assert_eq!(next(&mut told)["t"], "beat");
        owned.add(&id("bbbb"));
        owned.remove(&id("aaaa"));
        let changes = next(&mut told);
        assert_eq!((&changes["owned"][0][0], &changes["gone"][0]), (&"bbbb".into(), &"aaaa".into()));
        assert!(changes["owned"][0][1].as_u64() > first["owned"][0][1].as_u64(), "epochs grow");
        assert_eq!(next(&mut told)["t"], "beat");
    }

    #[test]
    fn a_match_that_came_back_is_told_with_its_new_epoch() {
        let (owned, mut told) = (Owned::default(), Told::default());
        owned.add(&id("aaaa"));
        let _ = told.next(&owned.lock().matches);
        owned.remove(&id("aaaa"));
        owned.add(&id("aaaa"));
        let changes: serde_json::Value = serde_json::from_str(&told.next(&owned.lock().matches)).unwrap();
        assert_eq!((&changes["owned"][0][0], changes["gone"].as_array().unwrap().len()), (&"aaaa".into(), 0));
    }

    #[test]
    fn whoever_watches_is_told_of_each_change_and_of_nothing_else() {
        let owned = Owned::default();
        let mut changes = owned.changes.subscribe();
        owned.remove(&id("none"));
        assert!(!changes.has_changed().unwrap());
        owned.add(&id("aaaa"));
        assert!(changes.has_changed().unwrap());
        changes.mark_unchanged();
        owned.remove(&id("aaaa"));
        assert!(changes.has_changed().unwrap());
    }
}
