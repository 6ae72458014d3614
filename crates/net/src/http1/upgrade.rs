//! From the request to the WebSocket on a socket of its own, here or on the worker that it belongs to.

use super::Wire;
use crate::clock;
use crate::driver::Driver;
use crate::endpoint::Endpoint;
use crate::exchange::{Caller, Making, Upgrade, refusal};
use crate::guests::{Seat, Visit};
use crate::local::Local;
use crate::portable::Portable;
use crate::signal::Wake;
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use socket2::SockRef;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use ws::deflate::Parameters;
use ws::{Connection, Role};

/// When to try again, in seconds, after a worker did not take a socket.
const RETRY_SECONDS: u16 = 2;

/// What is needed to open the WebSocket, besides its socket and its endpoint.
struct Opening {
    /// The answer to the handshake, to be written first.
    answer: Vec<u8>,
    compression: Option<Parameters>,
    config: Arc<ws::Config>,
    unsent_bytes_max: Option<u32>,
}

/// A socket on its way to another worker.
struct Mover<P, E> {
    packed: P,
    /// What was read behind the request.
    ahead: Vec<u8>,
    opening: Opening,
    make: Box<dyn FnOnce(u16, Wake) -> E + Send>,
    address: IpAddr,
    /// When it left.
    since: Duration,
}

/// Answers an accepted handshake and opens the WebSocket.
pub(super) async fn run<E: Endpoint, Io: Portable>(
    wire: Wire<Io>,
    upgrade: Upgrade<E>,
    caller: &Caller,
    visit: Visit,
) {
    let Upgrade { accepted, endpoint, config, unsent_bytes_max, seat } = upgrade;
    let mut answer = Vec::new();
    if accepted.write_response(&[], &mut answer).is_err() {
        return;
    }
    let opening = Opening { answer, compression: accepted.compression, config, unsent_bytes_max };
    let here = wire.local.worker;
    match endpoint {
        Making::On(worker, make) if worker != here => {
            let address = caller.peer.ip();
            wire.hand_over(worker, opening, make, address).await;
            // Only now, when the other worker counts it, or nobody needs to.
            drop((seat, visit));
        }
        endpoint => wire.open(opening, endpoint.here(here), seat, visit).await,
    }
}

impl<Io: Portable> Wire<Io> {
    /// Writes the answer, and starts the task of the WebSocket.
    async fn open<E: Endpoint>(
        mut self,
        opening: Opening,
        make: impl FnOnce(Wake) -> E,
        seat: Seat,
        visit: Visit,
    ) {
        if self.write(&opening.answer).await.is_err() {
            return;
        }
        if let Some(bytes) = opening.unsent_bytes_max {
            // Without it what is sent is older, which is no reason to send nothing.
            let _ = SockRef::from(self.io.socket()).set_tcp_notsent_lowat(bytes);
        }
        let connection = Connection::new(Role::Server, opening.config, clock::now(), [0; 2])
            .with_compression(opening.compression);
        let driver = Driver::new(self.local, self.io, connection, self.ahead, make);
        // Only now, when it is counted as a WebSocket: a drain must not overlook it.
        drop(visit);
        drop(tokio::task::spawn_local(seat.occupy(driver)));
    }

    /// Brings the socket to another worker, or says that this worker does not take it.
    async fn hand_over<E: Endpoint>(
        self,
        worker: u16,
        opening: Opening,
        make: Box<dyn FnOnce(u16, Wake) -> E + Send>,
        address: IpAddr,
    ) {
        let local = Rc::clone(&self.local);
        let Some(place) = local.doors.get(usize::from(worker)).and_then(|door| door.reserve()) else {
            return self.refuse_hand_over().await;
        };
        let Self { io, ahead, local } = self;
        // It fails only if the runtime does not know the socket, and then the socket is of no use.
        let Ok(packed) = io.pack() else { return };
        local.counters.handed_over.add(1);
        let mover = Mover { packed, ahead, opening, make, address, since: clock::now() };
        place.take(Box::new(move |local| mover.arrive::<Io>(local)));
    }

    async fn refuse_hand_over(self) {
        self.local.counters.hand_overs_refused.add(1);
        self.answer_and_close(&unavailable()).await;
    }
}

impl<P, E: Endpoint> Mover<P, E> {
    /// Goes on, on the worker that took it.
    fn arrive<Io: Portable<Packed = P>>(self, local: &Rc<Local>) {
        let Self { packed, ahead, opening, make, address, since } = self;
        // It fails when the process has no room for one more socket; then the peer sees it close.
        let Ok(io) = Io::unpack(packed) else { return };
        let wire = Wire { io, ahead, local: Rc::clone(local) };
        let is_late = clock::now() > since + local.limits.hand_over_timeout;
        let local = Rc::clone(local);
        drop(tokio::task::spawn_local(async move {
            let visit = Visit::enter(&local, address);
            let Some(visit) = visit.filter(|_| !is_late && !is_over_full(&local)) else {
                return wire.refuse_hand_over().await;
            };
            let Some(seat) = Seat::take(&local, address) else {
                local.counters.refused_websockets.add(1);
                let sentence =
                    "There are too many WebSockets from this address. Close some, or try again later.";
                return wire.answer_and_close(&refusal(StatusCode::TOO_MANY_REQUESTS, sentence)).await;
            };
            wire.open(opening, |wake| make(local.worker, wake), seat, visit).await;
        }));
    }
}

/// Whether there are more than `connections_max`, of which the one that has just arrived is one.
fn is_over_full(local: &Local) -> bool {
    let connections = local.connections() as u64 + local.counters.requesting.get();
    connections > local.limits.connections_max as u64
}

fn unavailable() -> Response<Bytes> {
    let sentence = "The worker that this belongs to is too busy. Try again in a moment.";
    let mut answer = refusal(StatusCode::SERVICE_UNAVAILABLE, sentence);
    answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(RETRY_SECONDS));
    answer
}
