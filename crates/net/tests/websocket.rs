//! What a program that uses `WebSocket` with `await` may rely on, on both sides.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use net::{DialOptions, Options, OwnedMessage, TrySendError, WebSocket, Workers, serve};
use std::future::Future;
use std::time::Duration;
use tokio::time::timeout;
use ws::{CloseCode, End, Message, Prepared, Side};

const PATIENCE: Duration = Duration::from_secs(20);

fn start<R: Future<Output = ()> + 'static>(
    run: impl Fn(WebSocket) -> R + Clone + Send + Sync + 'static,
) -> (Workers, String) {
    let workers = serve(Options::new(1, ["127.0.0.1:0".parse().unwrap()]), run).unwrap();
    let url = format!("ws://{}/", workers.addresses()[0]);
    (workers, url)
}

fn within_patience<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build_local(Default::default());
    runtime.unwrap().block_on(async { timeout(PATIENCE, test).await.expect("it took too long") })
}

async fn connect(url: &str) -> WebSocket {
    WebSocket::connect(url, &DialOptions::default()).await.unwrap()
}

async fn echo(mut socket: WebSocket) {
    while let Some(message) = socket.receive().await {
        if socket.send(message.as_message()).await.is_err() {
            break;
        }
    }
}

#[test]
fn a_receive_that_is_cancelled_at_any_time_loses_nothing() {
    let (_workers, url) = start(echo);
    within_patience(async {
        let mut socket = connect(&url).await;
        for number in 0..500_u32 {
            socket.send(Message::Text(&number.to_string())).await.unwrap();
        }
        for number in 0..500_u32 {
            let received = loop {
                // Polls once, and gives up at once.
                tokio::select! {
                    biased;
                    message = socket.receive() => break message.unwrap(),
                    () = tokio::task::yield_now() => {}
                }
            };
            assert_eq!(received.as_text(), Some(number.to_string().as_str()));
        }
    });
}

#[test]
fn a_send_that_is_cancelled_while_it_waits_is_still_sent_once() {
    let (_workers, url) = start(echo);
    within_patience(async {
        let mut socket = connect(&url).await;
        let big = "x".repeat(300_000);
        tokio::select! {
            biased;
            _ = socket.send(Message::Text(&big)) => {}
            () = std::future::ready(()) => {}
        }
        socket.send(Message::Text("after")).await.unwrap();
        assert_eq!(socket.receive().await, Some(OwnedMessage::Text(big)));
        assert_eq!(socket.receive().await, Some("after".into()));
    });
}

#[test]
fn the_halves_of_a_client_work_in_two_tasks() {
    let (_workers, url) = start(echo);
    within_patience(async {
        let (sender, mut receiver) = connect(&url).await.split();
        let sending = tokio::task::spawn_local(async move {
            for number in 0..2000_u32 {
                sender.send(Message::Binary(&number.to_be_bytes())).await.unwrap();
            }
            sender
        });
        for number in 0..2000_u32 {
            let expected = OwnedMessage::Binary(number.to_be_bytes().to_vec());
            assert_eq!(receiver.receive().await, Some(expected));
        }
        sending.await.unwrap().start_close(CloseCode::NORMAL, "done");
        assert_eq!(receiver.receive().await, None);
        assert!(matches!(receiver.end(), Some(End::Handshake { started_by: Side::Us, .. })));
    });
}

#[test]
fn pings_are_answered_on_a_server_whose_function_is_busy_elsewhere() {
    let (_workers, url) = start(|socket: WebSocket| async move {
        std::future::pending::<()>().await;
        drop(socket);
    });
    within_patience(async {
        let config = ws::Config { ping_interval: Some(Duration::from_millis(20)), ..ws::Config::default() };
        let options = DialOptions { config: config.into(), ..DialOptions::default() };
        let mut socket = WebSocket::connect(&url, &options).await.unwrap();
        while socket.rtt().is_none() {
            let nothing = timeout(Duration::from_millis(20), socket.receive()).await;
            assert!(nothing.is_err(), "{nothing:?}");
        }
    });
}

#[test]
fn dropping_a_websocket_on_a_server_closes_it_with_1000() {
    let (_workers, url) = start(|mut socket: WebSocket| async move {
        let _ = socket.send(Message::Text("bye")).await;
    });
    within_patience(async {
        let mut socket = connect(&url).await;
        assert_eq!(socket.receive().await, Some("bye".into()));
        assert_eq!(socket.receive().await, None);
        assert_eq!(socket.end().unwrap().code(), CloseCode::NORMAL);
    });
}

#[test]
fn a_panic_on_a_server_closes_its_websocket_with_1011_and_no_other() {
    let (_workers, url) = start(|mut socket: WebSocket| async move {
        while let Some(message) = socket.receive().await {
            assert_ne!(message.as_text(), Some("panic"), "as the test wants it");
            let _ = socket.send(message.as_message()).await;
        }
    });
    within_patience(async {
        let (mut unlucky, mut other) = (connect(&url).await, connect(&url).await);
        unlucky.send(Message::Text("panic")).await.unwrap();
        assert_eq!(unlucky.receive().await, None);
        assert_eq!(unlucky.end().unwrap().code(), CloseCode::INTERNAL_ERROR);
        other.send(Message::Text("still here?")).await.unwrap();
        assert_eq!(other.receive().await, Some("still here?".into()));
    });
}

#[test]
fn who_reads_too_slowly_is_full_and_others_are_not() {
    let (_workers, url) = start(|socket: WebSocket| async move {
        let (sender, mut receiver) = socket.split();
        let prepared = Prepared::binary(&[7; 100_000]);
        let mut sent = 0_u64;
        // Nobody reads, so sockets, the driver and the queue fill up; then no more is taken.
        loop {
            match sender.try_send_prepared(&prepared) {
                Ok(()) => sent += 1,
                Err(TrySendError::Full) if receiver_waits(&mut receiver).await => break,
                Err(TrySendError::Full) => {}
                Err(TrySendError::NotOpen) => return,
            }
        }
        let _ = sender.send(Message::Text(&sent.to_string())).await;
        while receiver.receive().await.is_some() {}
    });
    /// Lets the driver have its turns. True if the peer said something meanwhile.
    async fn receiver_waits(receiver: &mut net::Receiver) -> bool {
        timeout(Duration::from_millis(1), receiver.receive()).await.is_ok()
    }
    within_patience(async {
        let mut socket = connect(&url).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        socket.send(Message::Text("enough")).await.unwrap();
        let mut received = 0_u64;
        loop {
            match socket.receive().await.unwrap() {
                OwnedMessage::Binary(bytes) => {
                    assert_eq!(bytes.len(), 100_000);
                    received += 1;
                }
                OwnedMessage::Text(sent) => break assert_eq!(sent.parse(), Ok(received)),
            }
        }
    });
}

#[test]
fn closing_waits_for_the_peer_and_tells_how_it_ended() {
    let (_workers, url) = start(echo);
    within_patience(async {
        let mut socket = connect(&url).await;
        socket.send(Message::Text("on its way")).await.unwrap();
        let end = socket.close(CloseCode::GOING_AWAY, "for tea").await;
        assert!(matches!(end, End::Handshake { started_by: Side::Us, .. }), "{end:?}");
    });
}

#[test]
fn a_message_in_pieces_comes_out_whole_or_in_pieces_as_the_receiver_wants() {
    let (_workers, url) = start(|mut socket: WebSocket| async move {
        // The first message is taken piece by piece, and counted; the next ones are echoed whole.
        let (mut bytes, mut pieces) = (0, 0);
        while let Some(piece) = socket.receive_piece().await {
            bytes += piece.data.as_message().payload().len();
            pieces += 1;
            if piece.is_last {
                break;
            }
        }
        let _ = socket.send(Message::Text(&format!("{bytes} {}", pieces > 1))).await;
        echo(socket).await;
    });
    within_patience(async {
        let mut socket = connect(&url).await;
        let mut big = socket.send_in_pieces().await;
        for _ in 0..100 {
            big.send(Message::Binary(&[7; 10_000])).await.unwrap();
        }
        assert!(big.send(Message::Text("text")).await.is_err());
        big.finish().await.unwrap();
        assert_eq!(socket.receive().await, Some("1000000 true".into()));
        let mut text = socket.send_in_pieces().await;
        for part in ["Grü", "ße", ""] {
            text.send(Message::Text(part)).await.unwrap();
        }
        text.finish().await.unwrap();
        assert_eq!(socket.receive().await, Some("Grüße".into()));
    });
}

#[test]
fn the_rest_of_a_message_is_dropped_when_whole_messages_are_wanted_again() {
    let (_workers, url) = start(echo);
    within_patience(async {
        let mut socket = connect(&url).await;
        let big = vec![1; 900_000];
        // A first piece asks for pieces; the answer to it was perhaps received whole before.
        assert_eq!(socket.send(Message::Binary(&big)).await, Ok(()));
        let first = socket.receive_piece().await.unwrap();
        assert_eq!(socket.send(Message::Text("next")).await, Ok(()));
        let next = socket.receive().await;
        assert_eq!(next, Some("next".into()), "first piece: {}", first.data.as_message().payload().len());
    });
}

#[test]
fn a_message_that_is_not_finished_closes_the_connection() {
    let (_workers, url) = start(|mut socket: WebSocket| async move {
        let mut message = socket.send_in_pieces().await;
        let _ = message.send(Message::Text("half a ")).await;
        drop(message);
        std::future::pending::<()>().await;
    });
    within_patience(async {
        let mut socket = connect(&url).await;
        assert_eq!(socket.receive().await, None);
        assert_eq!(socket.end().unwrap().code(), CloseCode::INTERNAL_ERROR);
    });
}

#[test]
fn other_senders_wait_until_a_message_in_pieces_is_finished() {
    let (_workers, url) = start(echo);
    within_patience(async {
        let (sender, mut receiver) = connect(&url).await.split();
        let mut pieces = sender.send_in_pieces().await;
        pieces.send(Message::Text("one ")).await.unwrap();
        let other = sender.clone();
        let waiting = tokio::task::spawn_local(async move { other.send(Message::Text("second")).await });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        pieces.send(Message::Text("message")).await.unwrap();
        pieces.finish().await.unwrap();
        assert_eq!(receiver.receive().await, Some("one message".into()));
        assert_eq!(receiver.receive().await, Some("second".into()));
        waiting.await.unwrap().unwrap();
    });
}
