//! Clients that do nothing but work for us, that fill every window, or that are suddenly not there.

use crate::path::Path;
use crate::peer::{Peer, Server, code, eventually};
use crate::rig::{self, PATIENCE};
use h3::{Code, Request};
use net::{Answer, Endpoint, Limits, Outgoing, QuicLimits, Site};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::timeout;
use ws::Message;
use ws::handshake::{ServerOffer, accept};

/// Limits under which a flood is one soon.
fn limits() -> Limits {
    let quic = QuicLimits { idle_work_burst_max: 100, ..QuicLimits::default() };
    Limits { quic, ..Limits::default() }
}

#[tokio::test]
async fn t1_requests_that_are_taken_back_at_once_end_the_connection() {
    let server = Server::start(1, limits());
    let peer = server.peer().await;
    let mut taken_back = 0_u32;
    while let Ok((mut send, mut receive)) = peer.quic.open_bi().await {
        // Half a request, so that it is never answered.
        let _ = send.write_all(b"\x01\x10\x00").await;
        let _ = send.reset(code(Code::REQUEST_CANCELLED));
        let _ = receive.stop(code(Code::REQUEST_CANCELLED));
        taken_back += 1;
        assert!(taken_back < 100_000, "nobody minds");
    }
    assert_eq!(peer.closed().await, Code::EXCESSIVE_LOAD);
    assert_eq!(server.workers.totals().carriers_refused, 1);
    server.peer().await.websocket().await.echo("I live").await;
}

#[tokio::test]
async fn t7_a_control_stream_that_never_ends_ends_the_connection() {
    let server = Server::start(1, limits());
    let mut peer = server.peer().await;
    let mut frames = Vec::new();
    for seed in 0..1000 {
        h3::write_grease_frame(seed, &mut frames);
    }
    let mut written = 0;
    while peer.control.write_all(&frames).await.is_ok() {
        written += frames.len();
        assert!(written < 100_000_000, "nobody minds");
    }
    assert_eq!(peer.closed().await, Code::EXCESSIVE_LOAD);
}

#[tokio::test]
async fn t7_streams_of_kinds_that_nobody_knows_end_the_connection_when_there_are_too_many() {
    let server = Server::start(1, limits());
    let peer = server.peer().await;
    let mut opened = 0_u32;
    while let Ok(mut stream) = peer.quic.open_uni().await {
        let _ = stream.write_all(b"\x21").await;
        let _ = stream.finish();
        opened += 1;
        assert!(opened < 100_000, "nobody minds");
    }
    assert_eq!(peer.closed().await, Code::EXCESSIVE_LOAD);
}

#[tokio::test]
async fn a_busy_client_that_keeps_the_rules_is_no_flood() {
    let server = Server::start(1, limits());
    let peer = server.peer().await;
    for _ in 0..300 {
        assert_eq!(peer.fetch("GET", "/page").await.0.status(), 200);
    }
    assert_eq!(server.workers.totals().carriers_refused, 0);
}

/// An endpoint that never takes a message.
struct Deaf;

impl Endpoint for Deaf {
    fn on_message(&mut self, _: Message<'_>, _: &mut Outgoing<'_>) {}

    fn is_ready(&self) -> bool {
        false
    }
}

struct DeafSite;

impl Site for DeafSite {
    type Endpoint = Deaf;

    fn respond(&self, request: &net::Request<'_>) -> Answer<Deaf> {
        match accept(request.head, &ServerOffer::default()) {
            Ok(accepted) => {
                Answer::Upgrade { accepted, endpoint: Box::new(|_| Deaf), config: Arc::default() }
            }
            Err(_) => Answer::text(http::StatusCode::OK, "Hello"),
        }
    }
}

#[tokio::test]
async fn q6_what_is_not_read_is_a_window_for_each_stream_and_nothing_else() {
    const STREAMS: u32 = 8;
    const WINDOW: usize = net::limits::STREAM_WINDOW_BYTES as usize;
    let server =
        Server::with(1, Limits { streams_per_carrier_max: STREAMS, ..Limits::default() }, |_| DeafSite);
    let peer = server.peer().await;
    let bytes = vec![0; 1 << 20];
    let mut streams = Vec::new();
    // All but one stream are filled, and the last one still has room for a request.
    for number in 1..STREAMS {
        let mut stream = peer.websocket().await;
        stream.send.write_all(&h3::data_frame_header(bytes.len())).await.unwrap();
        let mut taken = 0;
        while let Ok(written) = timeout(Duration::from_millis(200), stream.send.write(&bytes)).await {
            taken += written.unwrap();
            assert!(taken <= WINDOW, "stream {number} has taken {taken} bytes");
        }
        assert!(taken > WINDOW - 500, "stream {number} has only taken {taken} bytes");
        streams.push(stream);
    }
    let (response, body) = peer.fetch("GET", "/page").await;
    assert_eq!((response.status(), &body[..]), (200, &b"Hello"[..]));
}

#[tokio::test]
async fn a_client_that_vanishes_is_gone_after_the_idle_timeout() {
    let quic = QuicLimits {
        idle_timeout: Duration::from_millis(500),
        keep_alive_interval: Duration::from_millis(100),
        ..QuicLimits::default()
    };
    let server = Server::start(1, Limits { quic, ..Limits::default() });
    let path = Path::to(server.address).await;
    let endpoint = quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
    let connecting = endpoint.connect_with(server.client_config(), path.address, "localhost").unwrap();
    let peer = Peer::on(endpoint, timeout(PATIENCE, connecting).await.unwrap().unwrap()).await;
    let mut stream = peer.websocket().await;
    // A client that is silent and there is kept, by probes that it answers.
    tokio::time::sleep(Duration::from_millis(1200)).await;
    stream.echo("still here").await;
    path.cut.store(true, Ordering::Relaxed);
    eventually("it is gone", || server.workers.totals().websockets_open == 0).await;
    eventually("all of it", || server.workers.totals().carriers_open == 0).await;
}

#[tokio::test]
async fn a_server_that_stops_says_so() {
    let server = Server::start(2, Limits::default());
    let peer = server.peer().await;
    let mut stream = peer.websocket().await;
    stream.echo("Hello").await;
    let quic = peer.quic.clone();
    // Dropping waits for the threads, which say goodbye meanwhile.
    drop(tokio::task::spawn_blocking(move || drop(server)).await);
    let closed = timeout(PATIENCE, quic.closed()).await.unwrap();
    assert!(matches!(closed, quinn::ConnectionError::ApplicationClosed(_)), "{closed:?}");
}

#[tokio::test]
async fn a_websocket_that_is_opened_and_reset_again_and_again_leaves_nothing() {
    let server = Server::start(1, Limits::default());
    let peer = server.peer().await;
    for _ in 0..500 {
        let request = Request::websocket("localhost", "/chat");
        let mut stream = peer.ask(&request, &[("sec-websocket-version", "13")]).await;
        stream.data(&rig::masked(0x81, b"gone")).await;
        stream.send.reset(code(Code::REQUEST_CANCELLED)).unwrap();
        stream.receive.stop(code(Code::REQUEST_CANCELLED)).unwrap();
    }
    eventually("nothing is left", || server.workers.totals().websockets_open == 0).await;
    peer.websocket().await.echo("I live").await;
}

#[tokio::test]
async fn t9_a_client_that_takes_nothing_loses_its_websocket_and_keeps_the_others() {
    let server = Server::start(1, Limits { write_timeout: Duration::from_millis(300), ..Limits::default() });
    let peer = server.peer().await;
    let (mut deaf, mut sibling) = (peer.websocket().await, peer.websocket().await);
    let message = [&h3::data_frame_header(14 + 70_000)[..], &rig::masked(0x82, &[0; 70_000])].concat();
    while timeout(PATIENCE, deaf.send.write_all(&message)).await.unwrap().is_ok() {}
    sibling.echo("I live").await;
    let totals = server.workers.totals();
    assert_eq!((totals.cut_slow, totals.websockets_open, totals.carriers_open), (1, 1, 1));
}

#[tokio::test]
async fn t11_an_address_has_so_many_websockets_and_a_worker_so_many_connections() {
    let limits = Limits { websockets_per_ip_max: 2, connections_max: 3, ..Limits::default() };
    let server = Server::start(1, limits);
    let peer = server.peer().await;
    let (first, mut second) = (peer.websocket().await, peer.websocket().await);
    let request = Request::websocket("localhost", "/chat");
    let version = [("sec-websocket-version", "13")];
    let refused = peer.ask(&request, &version).await.response().await;
    assert_eq!(refused.status(), 429);
    // A third connection is the last: it is at the door.
    let other = server.peer().await;
    let endpoint = quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
    let connecting = endpoint.connect_with(server.client_config(), server.address, "localhost").unwrap();
    assert!(timeout(PATIENCE, connecting).await.unwrap().is_err());
    assert_eq!(server.workers.totals().quic_refused, 1);
    drop(first);
    eventually("its seat is free", || server.workers.totals().websockets_open == 1).await;
    other.websocket().await.echo("another took it").await;
    second.echo("I live").await;
}
