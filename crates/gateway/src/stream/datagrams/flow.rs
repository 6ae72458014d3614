//! One flow: the socket towards its backend, and the way back.

use super::{ConnectionIds, DATAGRAM_BYTES_MAX, DATAGRAMS_PER_TURN, passed};
use crate::backend::Backend;
use crate::relay::{ABORT, Control, End, Ended, Side, Way};
use crate::stream::{Desk, Outcome};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{Interest, ReadBuf};
use tokio::net::UdpSocket;
use tokio::time::{Instant, sleep};

/// The idle timeout is watched in so many steps, as in the relay.
const STEPS: u32 = 4;

thread_local! {
    /// One buffer for the answers of all flows of a thread: each is sent on before the next one is read.
    static BUFFER: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
}

/// See the module.
#[derive(Debug)]
pub(super) struct Flow {
    client: SocketAddr,
    backend: Arc<Backend>,
    control: Arc<Control>,
    upstream: UdpSocket,
    /// What the backend's host said about something that was sent.
    failed: Cell<Option<io::ErrorKind>>,
}

impl Flow {
    /// A socket of its own, on which only the backend is heard.
    pub(super) fn new(client: SocketAddr, backend: Arc<Backend>, control: Arc<Control>) -> io::Result<Self> {
        let address = backend.address;
        let any: SocketAddr = match address {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        socket.bind(&any.into())?;
        socket.connect(&address.into())?;
        let upstream = UdpSocket::from_std(socket.into())?;
        Ok(Self { client, backend, control, upstream, failed: Cell::default() })
    }

    /// Sends a datagram to the backend, or drops it if the socket is full. It asks the socket and not the runtime, which does
    /// not know yet that a new socket is writable, and would drop the first datagram of each flow.
    pub(super) fn send(&self, datagram: &[u8]) {
        match SockRef::from(&self.upstream).send(datagram) {
            Ok(size) => self.control.add(Way::ToBackend, size),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => {
                // Whoever gets it first has it alone: `answer` will not hear of it from the socket.
                self.failed.set(Some(error.kind()));
                self.control.wake();
            }
        }
    }

    /// Carries answers to the client until the flow is over.
    pub(super) async fn answer(
        &self,
        socket: &UdpSocket,
        ids: &ConnectionIds,
        idle_timeout: Duration,
    ) -> Outcome {
        let step = (idle_timeout / STEPS).max(Duration::from_millis(1));
        let mut timer = pin!(sleep(step));
        let (mut seen, mut quiet) = (passed(&self.control), 0);
        let mut is_enlisted = false;
        // Reading does not wake for an error alone.
        let mut failing = pin!(self.upstream.ready(Interest::ERROR));
        let mut has_failed = false;
        let end = poll_fn(|cx| {
            if !std::mem::replace(&mut is_enlisted, true) {
                self.control.enlist(cx.waker());
            }
            if self.control.take() & ABORT != 0 {
                return Poll::Ready(End::Aborted);
            }
            if !has_failed && failing.as_mut().poll(cx).is_ready() {
                has_failed = true;
                if let Ok(Some(error)) = self.upstream.take_error() {
                    self.failed.set(Some(error.kind()));
                }
            }
            if let Some(kind) = self.failed.get() {
                return Poll::Ready(End::Failed(Side::Backend, kind));
            }
            if let Poll::Ready(Err(error)) = self.receive(cx, socket, ids) {
                return Poll::Ready(End::Failed(Side::Backend, error.kind()));
            }
            while timer.as_mut().poll(cx).is_ready() {
                let now = passed(&self.control);
                quiet = if std::mem::replace(&mut seen, now) == now { quiet + 1 } else { 0 };
                if quiet >= STEPS {
                    return Poll::Ready(End::Idle);
                }
                timer.as_mut().reset(Instant::now() + step);
            }
            Poll::Pending
        })
        .await;
        let (to_backend, to_client) = passed(&self.control);
        let first = matches!(end, End::Failed(..)).then_some(Side::Backend);
        Outcome::Ended(Ended { end, first, to_backend, to_client })
    }

    /// Tells what this flow says about its backend.
    pub(super) fn report<D: Desk>(&self, desk: &D, outcome: &Outcome) {
        if let Outcome::Ended(Ended { end: End::Failed(_, kind), .. }) = outcome {
            desk.reached(&self.backend, Err(*kind));
        }
    }

    /// Passes on what has come. Ready only with an error, for example that nobody listens there.
    fn receive(&self, cx: &mut Context<'_>, socket: &UdpSocket, ids: &ConnectionIds) -> Poll<io::Result<()>> {
        let mut bytes = BUFFER.take().unwrap_or_else(|| vec![0; DATAGRAM_BYTES_MAX].into_boxed_slice());
        let received = self.receive_into(cx, &mut bytes, socket, ids);
        BUFFER.set(Some(bytes));
        received
    }

    fn receive_into(
        &self,
        cx: &mut Context<'_>,
        bytes: &mut [u8],
        socket: &UdpSocket,
        ids: &ConnectionIds,
    ) -> Poll<io::Result<()>> {
        for _ in 0..DATAGRAMS_PER_TURN {
            let mut buffer = ReadBuf::new(bytes);
            match self.upstream.poll_recv(cx, &mut buffer) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Ready(Ok(())) => {}
            }
            let datagram = buffer.filled();
            ids.learn_from_backend(datagram, &self.backend);
            if let Ok(size) = SockRef::from(socket).send_to(datagram, &self.client.into()) {
                self.control.add(Way::ToClient, size);
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
