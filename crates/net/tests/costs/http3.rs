//! HTTP/3: allocations for each message, and bytes for each WebSocket and connection. QUIC itself allocates for each
//! datagram; the numbers here are what they were when this was written, and some air.

use crate::counting::{Notes, Seen};
use crate::peer;
use net::Limits;
use std::sync::Arc;

fn start() -> (peer::Server, Arc<Seen>) {
    let notes = Notes::default();
    let seen = Arc::clone(&notes.seen);
    (peer::Server::with(1, Limits::default(), move |_| notes.clone()), seen)
}

#[tokio::test]
async fn a_message_allocates_a_few_times_all_of_them_in_quic() {
    let (server, seen) = start();
    let peer = server.peer().await;
    let mut stream = peer.websocket().await;
    for _ in 0..1000 {
        stream.echo("warm").await;
    }
    let before = seen.allocations();
    for _ in 0..1000 {
        stream.echo("count").await;
    }
    let each = (seen.allocations() - before) as f64 / 1000.0;
    println!("{each} allocations for each message");
    assert!(each <= 8.0, "{each}");
}

#[tokio::test]
async fn a_websocket_and_a_connection_hold_so_many_bytes() {
    const CARRIERS: usize = 10;
    let (server, seen) = start();
    let first = server.peer().await;
    let mut stream = first.websocket().await;
    stream.echo("warm").await;
    let empty = seen.held_bytes();
    let mut peers = Vec::new();
    for _ in 0..CARRIERS {
        peers.push(server.peer().await);
    }
    stream.echo("carriers").await;
    let carriers = seen.held_bytes();
    let mut streams = Vec::new();
    for peer in &peers {
        for _ in 0..100 {
            streams.push(peer.websocket().await);
        }
    }
    stream.echo("websockets").await;
    let websockets = seen.held_bytes();
    let carrier = (carriers - empty) / CARRIERS as i64;
    let websocket = (websockets - carriers) / (100 * CARRIERS) as i64;
    println!("{carrier} bytes for each connection, {websocket} for each WebSocket");
    assert!(carrier <= 80_000 && websocket <= 2560, "{carrier} {websocket}");
}
