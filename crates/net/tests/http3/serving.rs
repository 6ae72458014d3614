//! What an honest client gets: pages and WebSockets, many on one connection, and a drain.

use crate::peer::{BIG, Peer, Server, code, eventually};
use crate::rig::{self, PATIENCE};
use h3::{Code, Request};
use net::{Answer, Drain, Endpoint, Limits, Outgoing, Site, Tls};
use rustls::pki_types::CertificateDer;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use ws::Message;
use ws::handshake::{ServerOffer, accept};

#[tokio::test]
async fn a_websocket_echoes_and_closes_in_order() {
    let server = Server::start(1, Limits::default());
    let peer = server.peer().await;
    let mut stream = peer.websocket().await;
    stream.echo("Hello").await;
    stream.data(&rig::masked(0x88, &1000_u16.to_be_bytes())).await;
    assert_eq!(stream.take(4).await, [0x88, 2, 0x03, 0xe8]);
    stream.read_to_end().await;
    assert!(stream.body.is_empty());
    stream.send.finish().unwrap();
    eventually("it is gone", || server.workers.totals().websockets_open == 0).await;
    assert_eq!(server.workers.totals().cut_late, 0);
    peer.websocket().await.echo("the carrier lives on").await;
}

#[tokio::test]
async fn pages_and_a_hundred_websockets_share_a_carrier() {
    let server = Server::start(1, Limits::default());
    let peer = server.peer().await;
    let mut streams = Vec::new();
    for _ in 0..100 {
        streams.push(peer.websocket().await);
    }
    for round in 0..3 {
        for (number, stream) in streams.iter_mut().enumerate() {
            stream.echo(&format!("{round} on {number}")).await;
        }
        let (response, body) = peer.fetch("GET", "/page").await;
        assert_eq!((response.status(), &body[..]), (200, &b"Hello"[..]));
    }
    let totals = server.workers.totals();
    assert_eq!((totals.websockets_open, totals.carriers_open, totals.requesting), (100, 1, 0));
    drop(peer);
    drop(streams);
    eventually("all are gone", || server.workers.totals().websockets_open == 0).await;
}

#[tokio::test]
async fn an_answer_may_come_later_and_a_post_may_ask_for_it() {
    let server = Server::start(1, Limits { answer_timeout: Duration::from_millis(100), ..Limits::default() });
    let peer = server.peer().await;
    let (response, body) = peer.fetch("POST", "/later").await;
    assert_eq!((response.status(), &body[..]), (200, &b"Later"[..]));
    let (response, _) = peer.fetch("GET", "/never").await;
    assert_eq!(response.status(), 503);
    // Where a WebSocket is asked for, any 2xx would mean that it is open.
    let request = Request::websocket("localhost", "/later");
    let mut stream = peer.ask(&request, &[("sec-websocket-version", "13")]).await;
    assert_eq!(stream.response().await.status(), 404);
    assert_eq!(server.workers.totals().requests_late, 1);
}

#[tokio::test]
async fn a_big_page_arrives_whole_and_head_has_its_length_alone() {
    let server = Server::start(1, Limits::default());
    let peer = server.peer().await;
    let (response, body) = peer.fetch("GET", "/big").await;
    assert_eq!(response.field("content-length").unwrap(), BIG.to_string().as_bytes());
    assert!(body.len() == BIG && body.iter().all(|&byte| byte == b'x'));
    assert!(response.field("date").is_some());
    let (response, body) = peer.fetch("HEAD", "/big").await;
    assert_eq!(response.field("content-length").unwrap(), BIG.to_string().as_bytes());
    assert!(body.is_empty());
}

#[tokio::test]
async fn a_big_message_comes_back_whatever_the_frames_and_the_window() {
    let server = Server::start(1, Limits::default());
    let peer = server.peer().await;
    let mut stream = peer.websocket().await;
    let message = rig::masked(0x82, &vec![b'y'; BIG]);
    let mut echo = Vec::new();
    // DATA frames of odd sizes, none of which is that of a message or a window, and reading in between.
    for piece in message.chunks(7_777) {
        stream.data(piece).await;
        while stream.body.len() > 100_000 {
            echo.append(&mut stream.body);
        }
    }
    while echo.len() + stream.body.len() < BIG + 10 {
        assert!(stream.more().await.unwrap());
    }
    echo.append(&mut stream.body);
    assert_eq!(echo[..2], [0x82, 127]);
    assert!(echo.len() == BIG + 10 && echo[10..].iter().all(|&byte| byte == b'y'));
}

#[tokio::test]
async fn frames_may_follow_the_request_before_its_answer() {
    let server = Server::start(1, Limits::default());
    let peer = server.peer().await;
    let request = Request::websocket("localhost", "/chat");
    let mut stream = peer.ask(&request, &[("sec-websocket-version", "13")]).await;
    stream.data(&rig::masked(0x81, b"eager")).await;
    assert_eq!(stream.response().await.status(), 200);
    assert_eq!(stream.take(7).await, b"\x81\x05eager");
}

#[tokio::test]
async fn one_websocket_that_never_reads_does_not_stop_its_siblings() {
    let server = Server::start(1, Limits::default());
    let peer = server.peer().await;
    let mut deaf = peer.websocket().await;
    // It sends until nothing more is taken of it: its echoes have nowhere to go.
    let message = [&h3::data_frame_header(8 + 10_000)[..], &rig::masked(0x82, &[0; 10_000])].concat();
    let mut sent = 0_u32;
    while tokio::time::timeout(Duration::from_millis(500), deaf.send.write_all(&message)).await.is_ok() {
        sent += 1;
        assert!(sent < 10_000, "100 MB are on their way and nobody waits");
    }
    let mut siblings = [peer.websocket().await, peer.websocket().await];
    for round in 0..200 {
        for sibling in &mut siblings {
            sibling.echo(&format!("round {round}")).await;
        }
    }
    let (response, _) = peer.fetch("GET", "/big").await;
    assert_eq!(response.status(), 200);
    assert_eq!(server.workers.totals().websockets_open, 3);
}

#[tokio::test]
async fn a_drain_lets_websockets_close_and_refuses_new_ones() {
    let server = Server::start(1, Limits::default());
    let mut peer = server.peer().await;
    let mut stream = peer.websocket().await;
    let drain = Drain { reason: "restart".to_owned(), ..Drain::default() };
    let drained = async {
        let drained = server.workers.drain(drain).await;
        assert_eq!((drained.asked, drained.cut, drained.requests_left), (1, 0, 0));
    };
    let client = async {
        peer.hear(h3::Connection::peer_goes_away).await;
        assert_eq!(stream.take(4).await, [0x88, 9, 0x03, 0xf4], "service restart");
        stream.data(&rig::masked(0x88, &1012_u16.to_be_bytes())).await;
        stream.read_to_end().await;
        stream.send.finish().unwrap();
        peer.quic.close(code(Code::NO_ERROR), b"");
    };
    tokio::join!(drained, client);
}

#[tokio::test]
async fn after_the_last_call_of_a_drain_requests_are_rejected() {
    let server = Server::start(1, Limits::default());
    let mut peer = server.peer().await;
    let mut stream = peer.websocket().await;
    // Of two, one is asked to leave at once and the other in the middle of the window.
    let _other = peer.websocket().await;
    let drain =
        Drain { window: Duration::from_secs(600), deadline: Duration::from_secs(600), ..Drain::default() };
    let drained = server.workers.drain(drain);
    let client = async {
        // The first GOAWAY names no request; the second names the first one that is not answered.
        peer.hear(|http| http.is_refused(8)).await;
        assert!(!peer.http.is_refused(0), "the WebSockets go on");
        let (mut send, mut receive) = peer.quic.open_bi().await.unwrap();
        send.write_all(b"\x01\x00").await.unwrap();
        match receive.read_chunk(10, true).await {
            Err(quinn::ReadError::Reset(why)) => assert_eq!(why, code(Code::REQUEST_REJECTED)),
            other => panic!("{other:?}"),
        }
        stream.echo("still here").await;
    };
    tokio::select! {
        _ = drained => panic!("the WebSocket is still open"),
        () = client => {}
    }
}

#[tokio::test]
async fn a_carrier_without_streams_is_closed_after_a_goaway() {
    let server = Server::start(1, rig::small_limits());
    let mut peer = server.peer().await;
    peer.fetch("GET", "/page").await;
    peer.hear(h3::Connection::peer_goes_away).await;
    assert_eq!(peer.closed().await, Code::NO_ERROR);
    eventually("nothing is left", || server.workers.totals().carriers_open == 0).await;
}

#[tokio::test]
async fn a_name_that_the_certificate_lacks_is_misdirected() {
    let server = Server::start(1, Limits::default());
    let peer = server.peer().await;
    for (authority, status) in [("localhost", 200), ("other.test", 200), ("elsewhere.test", 421)] {
        let mut stream = peer.ask(&Request::https("GET", authority, "/page"), &[]).await;
        stream.send.finish().unwrap();
        assert_eq!(stream.response().await.status(), status, "{authority}");
    }
}

#[tokio::test]
async fn who_comes_over_tcp_and_tls_is_told_of_http3() {
    let server = Server::start(1, Limits::default());
    let name = "localhost".try_into().unwrap();
    let socket = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(server.tls_config(&[b"http/1.1"]));
    let mut stream = connector.connect(name, socket).await.unwrap();
    let request = b"GET /page HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let expected = format!("alt-svc: h3=\":{}\"; ma=86400\r\n", server.address.port());
    assert!(answer.contains(&expected), "{answer}");
    let (response, _) = server.peer().await.fetch("GET", "/page").await;
    assert_eq!(response.field("alt-svc"), None, "who is there already need not be told");
}

/// Panics at what it is told to.
struct Fragile;

impl Endpoint for Fragile {
    fn on_message(&mut self, message: Message<'_>, out: &mut Outgoing<'_>) {
        assert_ne!(message, Message::Text("panic"), "on purpose");
        let _ = out.send(message);
    }
}

struct FragileSite;

impl Site for FragileSite {
    type Endpoint = Fragile;

    fn respond(&self, request: &net::Request<'_>) -> Answer<Fragile> {
        match accept(request.head, &ServerOffer::default()) {
            Ok(accepted) => {
                Answer::Upgrade { accepted, endpoint: Box::new(|_| Fragile), config: Arc::default() }
            }
            Err(refusal) => Answer::refused(&refusal),
        }
    }
}

#[tokio::test]
async fn a_panic_in_an_endpoint_resets_its_stream_and_nothing_else() {
    let server = Server::with(1, Limits::default(), |_| FragileSite);
    let peer = server.peer().await;
    let (mut fragile, mut sibling) = (peer.websocket().await, peer.websocket().await);
    fragile.data(&rig::masked(0x81, b"panic")).await;
    assert_eq!(fragile.reset().await, Code::REQUEST_CANCELLED);
    sibling.echo("I live").await;
    eventually("it is gone", || server.workers.totals().websockets_open == 1).await;
    assert!(server.workers.are_running());
}

#[tokio::test]
async fn a_new_certificate_is_for_new_connections_and_ends_no_old_one() {
    let server = Server::start(1, Limits::default());
    let peer = server.peer().await;
    let mut stream = peer.websocket().await;
    let shown = |peer: &Peer| {
        let chain = peer.quic.peer_identity().unwrap().downcast::<Vec<CertificateDer<'_>>>().unwrap();
        chain[0].to_vec()
    };
    let old = shown(&peer);
    // Another name means another certificate at the same place.
    let directory = server.tls.certificate_path().parent().unwrap();
    Tls::development(directory, &["third.test".to_owned()]).unwrap();
    server.tls.reload().unwrap();
    let other = server.peer().await;
    assert_ne!(shown(&other), old);
    other.websocket().await.echo("new").await;
    stream.echo("old").await;
}

#[tokio::test]
async fn a_client_that_wants_to_read_no_more_has_left_and_its_siblings_notice_nothing() {
    let server = Server::start(1, Limits::default());
    let peer = server.peer().await;
    let mut sibling = peer.websocket().await;
    let mut stream = peer.websocket().await;
    stream.echo("hello").await;
    assert_eq!(server.workers.totals().websockets_open, 2);
    // Nobody writes on it, so nothing but this tells the server.
    stream.receive.stop(code(Code::NO_ERROR)).unwrap();
    eventually("the WebSocket is over", || server.workers.totals().websockets_open == 1).await;
    let asked = timeout(PATIENCE, stream.send.stopped()).await.unwrap().unwrap();
    assert_eq!(asked, Some(code(Code::REQUEST_CANCELLED)), "the server reads no more, either");
    sibling.echo("I live").await;
}
