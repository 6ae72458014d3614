//! UDP: flows of datagrams between clients and backends.
//!
//! A flow is all datagrams of one client address. It has a socket of its own towards its backend, so that answers find their
//! way, and ends when nothing moves for a while. A datagram from an address without a flow begins one: at the backend whose
//! connection id it carries ([`ConnectionIds`]), or else where the router says. So a QUIC connection whose client gets
//! another address goes on: the same backend sees it come from another port of ours, which is a change of path to it, and
//! validates that path as RFC 9000 section 9 says. Nobody can redirect a connection by sending from elsewhere.
//!
//! Nothing waits and nothing is queued: what cannot be sent at once is dropped, as the network does.

mod connection_ids;
mod flow;

pub use connection_ids::{ConnectionIds, FIRST_IDS_MAX, SERVER_IDS_MAX};

use crate::backend::{Backend, Lease};
use crate::relay::{Control, Way};
use crate::routing::{Facts, Placement, Route, Router};
use crate::stream::{Desk, Record, StreamFacts};
use flow::Flow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::io::ReadBuf;
use tokio::net::UdpSocket;

/// The largest datagram there is.
pub const DATAGRAM_BYTES_MAX: usize = 65_535;

/// Datagrams of one socket before the turn of others.
const DATAGRAMS_PER_TURN: u32 = 64;

/// Default of [`DatagramOptions::flows_max`].
pub const FLOWS_MAX: usize = 10_000;

/// Default of [`DatagramOptions::idle_timeout`]. QUIC connections say themselves how long they may be silent; most say 30 s.
pub const FLOW_IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// What one listener of UDP does.
#[derive(Clone, Debug)]
pub struct DatagramOptions {
    /// Its name.
    pub name: Arc<str>,
    /// Flows at a time, on one worker: each has a socket. Past it datagrams that would begin one are dropped. Default
    /// [`FLOWS_MAX`].
    pub flows_max: usize,
    /// A flow on which nothing moves for this long ends; it may take a quarter longer. Default [`FLOW_IDLE_TIMEOUT`].
    pub idle_timeout: Duration,
    /// Shared by all workers.
    pub ids: Arc<ConnectionIds>,
}

impl DatagramOptions {
    /// With defaults.
    pub fn new(name: &str, ids: Arc<ConnectionIds>) -> Self {
        Self { name: name.into(), flows_max: FLOWS_MAX, idle_timeout: FLOW_IDLE_TIMEOUT, ids }
    }
}

/// The flows of one listener on one worker.
struct Flows<D: Desk> {
    socket: UdpSocket,
    options: DatagramOptions,
    desk: D,
    by_client: RefCell<BTreeMap<SocketAddr, Rc<Flow>>>,
}

/// Takes datagrams from a socket, until it is dropped: then nobody new comes, and flows go on until they end. Runs on the
/// worker's thread, in a `LocalSet`. `router` is asked for each new flow; `ended` hears of each that is over.
///
/// # Errors
///
/// If the socket fails.
pub async fn run<D, R, E>(
    socket: UdpSocket,
    options: DatagramOptions,
    router: R,
    desk: D,
    ended: E,
) -> io::Result<()>
where
    D: Desk + 'static,
    R: Fn() -> Arc<Router>,
    E: Fn(Record) + Clone + 'static,
{
    let flows = Rc::new(Flows { socket, options, desk, by_client: RefCell::default() });
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    let mut in_a_row = 0;
    loop {
        let received = poll_fn(|cx| {
            let mut buffer = ReadBuf::new(&mut buffer);
            match flows.socket.poll_recv_from(cx, &mut buffer) {
                Poll::Ready(Ok(client)) => Poll::Ready(Ok((client, buffer.filled().len()))),
                Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                Poll::Pending => Poll::Pending,
            }
        });
        match received.await {
            Ok((client, size)) => take_in(&flows, client, &buffer[..size], &router, &ended),
            // A client that has gone says so about what we sent to it; that concerns nobody else.
            Err(error) if is_of_one_client(&error) => {}
            Err(error) => return Err(error),
        }
        in_a_row += 1;
        if in_a_row == DATAGRAMS_PER_TURN {
            in_a_row = 0;
            tokio::task::yield_now().await;
        }
    }
}

fn is_of_one_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, ConnectionReset, HostUnreachable, NetworkUnreachable};
    matches!(error.kind(), ConnectionRefused | ConnectionReset | HostUnreachable | NetworkUnreachable)
}

/// One datagram of a client.
fn take_in<D, R, E>(flows: &Rc<Flows<D>>, client: SocketAddr, datagram: &[u8], router: &R, ended: &E)
where
    D: Desk + 'static,
    R: Fn() -> Arc<Router>,
    E: Fn(Record) + Clone + 'static,
{
    let known = flows.by_client.borrow().get(&client).map(Rc::clone);
    let flow = match known {
        Some(flow) => flow,
        None => match begin(flows, client, datagram, &router(), ended) {
            Some(flow) => flow,
            None => return,
        },
    };
    flow.send(datagram);
}

/// Begins the flow of a client. `None` if there is no place for it: then its datagram is dropped.
fn begin<D, E>(
    flows: &Rc<Flows<D>>,
    client: SocketAddr,
    datagram: &[u8],
    router: &Router,
    ended: &E,
) -> Option<Rc<Flow>>
where
    D: Desk + 'static,
    E: Fn(Record) + Clone + 'static,
{
    if flows.by_client.borrow().len() >= flows.options.flows_max {
        return None;
    }
    let visible = SocketAddr::new(client.ip().to_canonical(), client.port());
    let visit = flows.desk.enter(visible).ok()?;
    let (route, backend, lease) = place(flows, visible, datagram, router)?;
    let control: Arc<Control> = Arc::default();
    let facts = StreamFacts {
        client: visible,
        hello: None,
        route,
        backend: Arc::clone(&backend),
        tries: 1,
        control: Arc::clone(&control),
    };
    let row = flows.desk.open(&facts).ok()?;
    let flow = Rc::new(Flow::new(client, backend, control).ok()?);
    flows.by_client.borrow_mut().insert(client, Rc::clone(&flow));
    let (flows, ended) = (Rc::clone(flows), ended.clone());
    let its_flow = Rc::clone(&flow);
    drop(tokio::task::spawn_local(async move {
        let Flows { socket, options, desk, by_client } = &*flows;
        let outcome = its_flow.answer(socket, &options.ids, options.idle_timeout).await;
        by_client.borrow_mut().remove(&client);
        its_flow.report(desk, &outcome);
        drop((row, visit, lease));
        ended(Record { client: visible, facts: Some(facts), outcome });
    }));
    Some(flow)
}

type Place = (Arc<Route>, Arc<Backend>, Option<Lease>);

/// Where the flow of a new address goes: to who has its connection, or where the router says.
fn place<D: Desk>(flows: &Flows<D>, client: SocketAddr, datagram: &[u8], router: &Router) -> Option<Place> {
    let (name, ids) = (&flows.options.name, &flows.options.ids);
    let facts =
        Facts { listener: name, peer: client, secure: false, server_name: None, alpn: &[], head: None };
    if let Some(backend) = ids.backend_of(datagram) {
        // A connection that is there already: a backend that is full or drains keeps it.
        let route = router.route(&facts).ok()?;
        let lease = backend.lease();
        return Some((route, backend, lease));
    }
    let entropy = getrandom::u64().unwrap_or_default();
    match router.place(&facts, net::now(), entropy) {
        Placement::To { route, lease, .. } => {
            let backend = Arc::clone(lease.backend());
            ids.learn_from_client(datagram, &backend);
            Some((route, backend, Some(lease)))
        }
        // Who asks again in a second is served then; a datagram is not worth a place in a line.
        Placement::Wait(_) | Placement::Refused(_) => None,
    }
}

/// Bytes that passed on a way, for the log.
fn passed(control: &Control) -> (u64, u64) {
    (control.bytes(Way::ToBackend), control.bytes(Way::ToClient))
}
