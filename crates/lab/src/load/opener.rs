//! Opens the connections of a party, on any version of HTTP, and puts a client on each.

use super::echo::EchoClient;
use super::member::{Hall, Member};
use super::plan::{Compression, Plan, Scenario};
use crate::dialing::Dialing;
use net::{Carrier, DialError, DialOptions, Dialed, Driver, HttpVersion, Local, dial};
use std::cell::Cell;
use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;
use ws::deflate::{Mode, Policy, WorkLimits};

/// Longest message that a server may send, in bytes. `welcome` and `joined` can be long.
const MESSAGE_BYTES_MAX: usize = 64 << 20;

/// Opens connections of a party.
#[derive(Clone)]
pub(crate) struct Opener {
    hall: Rc<Hall>,
    local: Rc<Local>,
    options: Rc<DialOptions>,
    speaks_chat: bool,
}

/// Opens one connection, or all WebSockets of a carrier, after the other, until all of the party's are taken.
pub(crate) async fn dial_some(opener: Opener, next: Rc<Cell<u32>>) {
    let stage = Rc::clone(&opener.hall.stage);
    let (end, at_once) = (stage.connections().end, stage.plan.websockets_per_socket());
    while next.get() < end {
        let first = next.get();
        let taken = first..first.saturating_add(at_once).min(end);
        next.set(taken.end);
        opener.open(taken).await;
    }
}

impl Opener {
    /// An opener for the party that stands in this hall.
    pub(crate) fn new(hall: Rc<Hall>, local: Rc<Local>) -> Self {
        let plan = &hall.stage.plan;
        let speaks_chat = plan.scenario.is_chat() || (plan.scenario == Scenario::Idle && plan.rooms > 0);
        let options = Rc::new(dial_options(plan, speaks_chat));
        Self { hall, local, options, speaks_chat }
    }

    async fn open(&self, connections: Range<u32>) {
        let url = &self.hall.stage.plan.url;
        if self.options.http == HttpVersion::Http1 {
            for connection in connections {
                let began = net::now();
                self.take(dial(url, &self.options).await, connection, began);
            }
            return;
        }
        let carrier = match Carrier::connect(url, &self.options).await {
            Ok(carrier) => carrier,
            Err(error) => return self.failed(&error, connections.len() as u64),
        };
        let uri: Option<http::Uri> = url.parse().ok();
        let target = uri.as_ref().and_then(|uri| uri.path_and_query()).map_or("/", |target| target.as_str());
        for connection in connections {
            let began = net::now();
            self.take(carrier.open(target, &self.options).await, connection, began);
        }
    }

    fn take(&self, dialed: Result<Dialed, DialError>, connection: u32, began: Duration) {
        match dialed {
            Ok(dialed) => self.drive(dialed, connection, began),
            Err(error) => self.failed(&error, 1),
        }
    }

    fn failed(&self, error: &DialError, connections: u64) {
        self.hall.stage.book.borrow_mut().failures.add(&error.to_string(), connections);
    }

    fn drive(&self, dialed: Dialed, connection: u32, began: Duration) {
        let Dialed { stream, connection: state, leftover, .. } = dialed;
        let (local, hall) = (Rc::clone(&self.local), Rc::clone(&self.hall));
        if self.speaks_chat {
            let driver = Driver::new(local, stream, state, leftover, |wake| {
                let place = hall.stage.enter(&wake, connection);
                Member::new(hall, connection, place, began)
            });
            drop(tokio::task::spawn_local(driver));
        } else {
            hall.stage.book.borrow_mut().connecting.record(net::now().saturating_sub(began));
            let driver = Driver::new(local, stream, state, leftover, |wake| {
                let place = hall.stage.enter(&wake, connection);
                EchoClient::new(Rc::clone(&hall.stage), connection, place)
            });
            drop(tokio::task::spawn_local(driver));
        }
    }
}

fn dial_options(plan: &Plan, speaks_chat: bool) -> DialOptions {
    let dialing = Dialing {
        http: plan.http,
        insecure: plan.insecure,
        ca: plan.ca.as_deref(),
        message_bytes_max: MESSAGE_BYTES_MAX,
        compression: policy(plan.compression),
        subprotocol: speaks_chat.then_some(chat::protocol::SUBPROTOCOL),
    };
    dialing.options()
}

/// Without a limit of work: a generator compresses all that it sends.
fn policy(compression: Compression) -> Policy {
    let mode = match compression {
        Compression::Off => Mode::Off,
        Compression::NoTakeover => Mode::NoTakeover,
        Compression::Takeover(bits) => Mode::Takeover { window_bits_max: bits },
    };
    let unlimited = WorkLimits::UNLIMITED;
    Policy { compress: unlimited, inflate: unlimited, ..Policy::with_mode(mode) }
}
