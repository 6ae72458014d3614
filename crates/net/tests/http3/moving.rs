//! Clients whose address changes, and people who pretend that one has.

use crate::path::Path;
use crate::peer::{Peer, Server};
use crate::rig::PATIENCE;
use net::Limits;
use quinn::Endpoint;
use std::net::UdpSocket;
use std::sync::atomic::Ordering;
use tokio::time::timeout;

#[tokio::test]
async fn q11_a_websocket_survives_new_addresses_whichever_worker_the_kernel_picks() {
    let server = Server::start(2, Limits::default());
    let peer = server.peer().await;
    let mut stream = peer.websocket().await;
    for number in 0..20 {
        peer.endpoint.rebind(UdpSocket::bind("127.0.0.1:0").unwrap()).unwrap();
        stream.echo(&format!("from address {number}")).await;
    }
    let totals = server.workers.totals();
    // That the kernel gives all twenty to the worker that has the connection, is one chance in a million.
    assert!(totals.datagrams_handed_over > 0);
    assert_eq!((totals.datagrams_lost, totals.websockets_opened, totals.websockets_open), (0, 1, 1));
}

#[tokio::test]
async fn q11_a_forged_address_takes_no_websocket_away() {
    let server = Server::start(1, Limits::default());
    let path = Path::to(server.address).await;
    let endpoint = Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
    let connecting = endpoint.connect_with(server.client_config(), path.address, "localhost").unwrap();
    let quic = timeout(PATIENCE, connecting).await.unwrap().unwrap();
    let peer = Peer::on(endpoint, quic).await;
    let mut stream = peer.websocket().await;
    stream.echo("before").await;
    for round in 0..5 {
        // The copy from elsewhere comes first, as if the client had moved there. The answer goes there, and is lost.
        path.forge.store(1, Ordering::Relaxed);
        stream.echo(&format!("forged {round}")).await;
        assert_eq!(path.forge.load(Ordering::Relaxed), 0);
        stream.echo(&format!("honest {round}")).await;
    }
    assert_eq!(server.workers.totals().websockets_open, 1);
}
