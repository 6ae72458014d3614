//! An echo server and its clients, over real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that panics has failed")]

use net::echo::Echo;
use net::{Answer, DialError, DialOptions, NoEndpoint, OwnedMessage, Request, Site, WebSocket, Workers};
use std::sync::Arc;
use std::time::Duration;
use ws::deflate::{Mode, Policy};
use ws::{CloseCode, End, Message, Side};

fn start() -> (Workers, String) {
    let options = net::Options::new(1, ["127.0.0.1:0".parse().unwrap()]);
    let workers = Workers::start(options, |_| Echo::new(Arc::default())).unwrap();
    let url = format!("ws://{}/", workers.addresses()[0]);
    (workers, url)
}

#[tokio::test]
async fn every_message_comes_back_as_it_was() {
    let (workers, url) = start();
    let mut socket = WebSocket::connect(&url, &DialOptions::default()).await.unwrap();
    for size in [0, 1, 125, 126, 65_535, 65_536, 1_000_000] {
        let payload: Vec<u8> = (0..size).map(|n| n as u8).collect();
        socket.send(Message::Binary(&payload)).await.unwrap();
        assert_eq!(socket.receive().await, Some(OwnedMessage::Binary(payload)));
    }
    socket.send(Message::Text("κόσμε")).await.unwrap();
    assert_eq!(socket.receive().await, Some("κόσμε".into()));
    let end = socket.close(CloseCode::NORMAL, "done").await;
    assert!(matches!(end, End::Handshake { started_by: Side::Us, .. }), "{end:?}");
    assert_eq!((workers.totals().messages_in, workers.totals().messages_out), (8, 8));
}

#[tokio::test]
async fn messages_are_compressed_both_ways_if_both_sides_want_it() {
    for mode in
        [Mode::NoTakeover, Mode::Takeover { window_bits_max: 10 }, Mode::Takeover { window_bits_max: 15 }]
    {
        let config = Arc::new(ws::Config { compression: Policy::with_mode(mode), ..ws::Config::default() });
        let options = net::Options::new(1, ["127.0.0.1:0".parse().unwrap()]);
        let served = Arc::clone(&config);
        let workers = Workers::start(options, move |_| Echo::new(Arc::clone(&served))).unwrap();
        let url = format!("ws://{}/", workers.addresses()[0]);
        let options = DialOptions { config, ..DialOptions::default() };
        let mut socket = WebSocket::connect(&url, &options).await.unwrap();
        let said: Vec<String> = (0..100).map(|n| format!("{{\"n\":{n}}} hello again. ").repeat(20)).collect();
        for text in &said {
            socket.send(Message::Text(text)).await.unwrap();
        }
        for text in &said {
            assert_eq!(socket.receive().await, Some(text.as_str().into()));
        }
        let totals = workers.totals();
        let plain: usize = said.iter().map(String::len).sum();
        assert!(totals.bytes_in * 4 < plain as u64, "{mode:?}: {} of {plain} bytes", totals.bytes_in);
        assert!(totals.bytes_out * 4 < plain as u64, "{mode:?}: {} of {plain} bytes", totals.bytes_out);
        // One that speaks plainly is served as well.
        let mut socket = WebSocket::connect(&url, &DialOptions::default()).await.unwrap();
        socket.send(Message::Text(&said[0])).await.unwrap();
        assert_eq!(socket.receive().await, Some(said[0].as_str().into()));
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = WebSocket::connect(&format!("ws://{address}/"), &DialOptions::default()).await.unwrap_err();
    assert!(matches!(error, DialError::Connect { .. }), "{error}");
}

#[tokio::test]
async fn a_receive_that_is_cancelled_loses_nothing() {
    let (_workers, url) = start();
    let mut socket = WebSocket::connect(&url, &DialOptions::default()).await.unwrap();
    for n in 0..200 {
        socket.send(Message::Text(&n.to_string())).await.unwrap();
    }
    let mut received = Vec::new();
    while received.len() < 200 {
        tokio::select! {
            biased;
            message = socket.receive() => received.push(message.unwrap()),
            () = tokio::task::yield_now() => {}
        }
    }
    let expected: Vec<OwnedMessage> = (0..200).map(|n| n.to_string().as_str().into()).collect();
    assert_eq!(received, expected);
}

#[tokio::test]
async fn who_sends_without_receiving_has_to_wait_and_nothing_is_lost() {
    let (_workers, url) = start();
    let mut socket = WebSocket::connect(&url, &DialOptions::default()).await.unwrap();
    let payload = [7; 16 * 1024];
    let mut sent = 0;
    loop {
        // The send that is cancelled still happens, with the next call.
        sent += 1;
        assert!(sent < 100_000, "1.6 GB are on their way and nobody waits");
        let send = socket.send(Message::Binary(&payload));
        if tokio::time::timeout(Duration::from_millis(500), send).await.is_err() {
            break;
        }
    }
    for _ in 0..sent {
        let received = socket.receive().await.unwrap();
        assert!(received.as_message().payload() == payload, "it is what was sent");
    }
    socket.close(CloseCode::NORMAL, "").await;
}

#[tokio::test]
async fn a_refusal_comes_with_its_status_and_sentence() {
    struct Closed;
    impl Site for Closed {
        type Endpoint = NoEndpoint;
        fn respond(&self, _: &Request<'_>) -> Answer<NoEndpoint> {
            Answer::text(http::StatusCode::SERVICE_UNAVAILABLE, "Come back later.")
        }
    }
    let options = net::Options::new(1, ["127.0.0.1:0".parse().unwrap()]);
    let workers = Workers::start(options, |_| Closed).unwrap();
    let url = format!("ws://{}/", workers.addresses()[0]);
    let error = WebSocket::connect(&url, &DialOptions::default()).await.unwrap_err();
    assert!(matches!(&error, DialError::Refused { status: 503, .. }), "{error}");
}

#[tokio::test]
async fn a_server_that_accepts_and_says_nothing_is_given_up() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let options = DialOptions { timeout: Duration::from_millis(50), ..DialOptions::default() };
    let error = WebSocket::connect(&url, &options).await.unwrap_err();
    assert!(matches!(error, DialError::TimedOut(_)), "{error}");
}

#[tokio::test]
async fn workers_share_a_port_and_connections_end_up_on_all_of_them() {
    let options = net::Options::new(2, ["127.0.0.1:0".parse().unwrap()]);
    let workers = Workers::start(options, |_| Echo::new(Arc::default())).unwrap();
    let url = format!("ws://{}/", workers.addresses()[0]);
    let mut sockets = Vec::new();
    // The kernel spreads by a hash of ports: 64 connections on one worker of two would be one chance in 2^63.
    for _ in 0..64 {
        sockets.push(WebSocket::connect(&url, &DialOptions::default()).await.unwrap());
    }
    let opened: Vec<u64> =
        workers.counters().iter().map(|counters| counters.totals().websockets_opened).collect();
    assert!(opened.iter().all(|&opened| opened > 0), "{opened:?}");
}

#[test]
fn an_address_that_is_taken_is_named() {
    let (workers, _) = start();
    let taken = workers.addresses()[0];
    let error = Workers::start(net::Options::new(1, [taken]), |_| Echo::new(Arc::default())).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    assert!(error.to_string().contains(&taken.to_string()), "{error}");
}
