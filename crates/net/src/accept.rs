//! Takes sockets from a listener, within limits, and starts a task for each.

use crate::exchange::{Caller, new_connection};
use crate::guests::Visit;
use crate::listeners::RawSocket;
use crate::local::Local;
use crate::site::Site;
use crate::tls::{Alpn, Tls};
use crate::{http1, http2};
use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// How long to wait when the process is out of file descriptors. Trying at once would spin: the socket that cannot be
/// accepted stays in the queue and keeps the listener readable.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// How many sockets to accept before existing connections get their turn.
const ACCEPTS_PER_TURN: u32 = 64;

/// What a listener offers to whoever comes.
#[derive(Clone)]
pub(crate) struct Offer {
    /// Which listener it is: see [`NewListener::mark`](crate::NewListener).
    pub(crate) mark: u32,
    /// Whether sockets go to the site as they are.
    pub(crate) raw: bool,
    /// TLS, or plain.
    pub(crate) tls: Option<Tls>,
    /// The port of UDP where the same is to be had over HTTP/3, if it is.
    pub(crate) http3_port: Option<u16>,
}

/// Accepts until a drain begins or the other end of `stop` is dropped. Then takes what the kernel has queued, so that nobody
/// who connected before is reset, and closes the listener.
pub(crate) async fn run<S: Site>(
    listener: TcpListener,
    offer: Offer,
    mut stop: oneshot::Receiver<Infallible>,
    site: Rc<S>,
    local: Rc<Local>,
) {
    let mut accepted = 0;
    loop {
        let next = tokio::select! {
            biased;
            _ = &mut stop => break,
            next = listener.accept() => next,
            () = local.drain_begun() => break,
        };
        match next {
            Ok((stream, peer)) => enter(stream, peer, &offer, &site, &local),
            Err(error) => pause_after(&error, &local).await,
        }
        accepted += 1;
        if accepted % ACCEPTS_PER_TURN == 0 {
            tokio::task::yield_now().await;
        }
    }
    poll_fn(|cx| {
        while let Poll::Ready(Ok((stream, peer))) = listener.poll_accept(cx) {
            enter(stream, peer, &offer, &site, &local);
        }
        Poll::Ready(())
    })
    .await;
}

/// Starts the task of one socket, or closes the socket if there are too many.
fn enter<S: Site>(stream: TcpStream, peer: SocketAddr, offer: &Offer, site: &Rc<S>, local: &Rc<Local>) {
    let counters = &local.counters;
    counters.accepted.add(1);
    if local.is_full() {
        counters.refused_full.add(1);
        return;
    }
    // Small messages must not wait for an acknowledgement. It fails only if the peer is gone, which reading tells.
    let _ = stream.set_nodelay(true);
    if offer.raw {
        return site.raw(RawSocket { stream, peer, listener: offer.mark });
    }
    let Some(visit) = Visit::enter(local, peer.ip()) else {
        counters.refused_address.add(1);
        return;
    };
    let (site, local) = (Rc::clone(site), Rc::clone(local));
    let Offer { mark: listener, tls, http3_port, .. } = offer.clone();
    let Some(tls) = tls else {
        let caller = Caller { peer, listener, connection: new_connection(), tls: None, http3_port: None };
        drop(tokio::task::spawn_local(http1::serve(stream, caller, site, local, visit)));
        return;
    };
    drop(tokio::task::spawn_local(async move {
        let timeout = local.limits.tls_handshake_timeout;
        let handshake = Box::pin(tls.accept(stream));
        let Ok(Ok((stream, facts))) = tokio::time::timeout(timeout, handshake).await else {
            local.counters.tls_failed.add(1);
            return;
        };
        let is_http2 = facts.alpn == Some(Alpn::Http2);
        let caller = Caller { peer, listener, connection: new_connection(), tls: Some(facts), http3_port };
        // A task of its own, because this one is as large as the handshake.
        if is_http2 {
            let serving = http2::serve(stream, Vec::new(), caller, site, local, visit);
            drop(tokio::task::spawn_local(Box::pin(serving)));
        } else {
            let serving = http1::serve(stream, caller, site, local, visit);
            drop(tokio::task::spawn_local(Box::pin(serving)));
        }
    }));
}

async fn pause_after(error: &io::Error, local: &Local) {
    // Errors of the one socket that could not be accepted (it was reset in the queue, say) concern nobody else.
    if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
        return;
    }
    if local.counters.accept_failures.get() == 0 {
        tracing::warn!(%error, "cannot accept connections; trying again every 100 ms");
    }
    local.counters.accept_failures.add(1);
    tokio::time::sleep(EXHAUSTED_PAUSE).await;
}
