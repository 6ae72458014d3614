//! An echo server and its clients, over real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that panics has failed")]

use net::echo::Echo;
use net::{DialError, DialOptions, OwnedMessage, Socket, Workers};
use std::sync::Arc;
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
    let mut socket = Socket::connect(&url, &DialOptions::default()).await.unwrap();
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
async fn a_server_that_is_not_there_is_named() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = Socket::connect(&format!("ws://{address}/"), &DialOptions::default()).await.unwrap_err();
    assert!(matches!(error, DialError::Connect { .. }), "{error}");
}
