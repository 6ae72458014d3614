//! What arrives as datagrams from people who are not who they say, or say nothing sensible.

use crate::peer::{Server, eventually};
use crate::rig::PATIENCE;
use net::{Limits, QuicLimits};
use quinn::ConnectionError;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;
use tokio::time::timeout;

/// The datagrams of a client that begins a handshake, and gets no answer.
async fn first_flight(server: &Server) -> Vec<Vec<u8>> {
    let listener = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let endpoint = quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let _connecting = endpoint.connect_with(server.client_config(), address, "localhost").unwrap();
    let mut flight = Vec::new();
    let mut buffer = [0; 2000];
    // A hello with a key that quantum computers do not break needs two datagrams.
    while flight.len() < 2 {
        let (size, _) = timeout(PATIENCE, listener.recv_from(&mut buffer)).await.unwrap().unwrap();
        flight.push(buffer[..size].to_vec());
    }
    flight
}

/// Sends datagrams from an address of its own, and never says anything else.
fn send_from_nowhere(to: SocketAddr, datagrams: &[Vec<u8>]) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for datagram in datagrams {
        socket.send_to(datagram, to).unwrap();
    }
    socket
}

/// Bytes that come back until nothing has come for `silence`.
async fn answered(socket: UdpSocket, silence: Duration) -> (usize, usize) {
    socket.set_nonblocking(true).unwrap();
    let socket = tokio::net::UdpSocket::from_std(socket).unwrap();
    let (mut bytes, mut datagrams) = (0, 0);
    let mut buffer = [0; 2000];
    while let Ok(received) = timeout(silence, socket.recv(&mut buffer)).await {
        bytes += received.unwrap();
        datagrams += 1;
    }
    (bytes, datagrams)
}

fn limits(quic: QuicLimits) -> Limits {
    Limits { quic, ..Limits::default() }
}

#[tokio::test]
async fn q1_an_address_that_never_answers_gets_at_most_three_times_what_it_sent() {
    let server = Server::start(1, Limits::default());
    let flight = first_flight(&server).await;
    let socket = send_from_nowhere(server.address, &flight);
    let sent: usize = flight.iter().map(Vec::len).sum();
    // Long enough for retransmissions, which count as well.
    let (bytes, _) = answered(socket, Duration::from_millis(1500)).await;
    assert!(bytes > 0 && bytes <= 3 * sent, "{bytes} bytes for {sent}");
}

#[tokio::test]
async fn q1_above_a_threshold_an_address_is_proved_before_anything_is_kept() {
    let server = Server::start(1, limits(QuicLimits { retry_from_handshakes: 0, ..QuicLimits::default() }));
    let flight = first_flight(&server).await;
    let socket = send_from_nowhere(server.address, &flight[..1]);
    let (bytes, datagrams) = answered(socket, Duration::from_millis(300)).await;
    assert!(datagrams == 1 && bytes < 200, "one Retry: {datagrams} datagrams, {bytes} bytes");
    let totals = server.workers.totals();
    assert_eq!((totals.quic_retries, totals.accepted, totals.requesting), (1, 0, 0));
    // Who answers is let in.
    server.peer().await.websocket().await.echo("it is me").await;
    assert_eq!(server.workers.totals().quic_retries, 2);
}

#[tokio::test]
async fn q2_handshakes_above_the_cap_are_refused_and_end_by_themselves() {
    let quic = QuicLimits { handshakes_max: 3, ..QuicLimits::default() };
    let limits = Limits { tls_handshake_timeout: Duration::from_secs(2), ..limits(quic) };
    let server = Server::start(1, limits);
    let mut sockets = Vec::new();
    for _ in 0..3 {
        sockets.push(send_from_nowhere(server.address, &first_flight(&server).await));
    }
    eventually("they are under way", || server.workers.totals().accepted == 3).await;
    let endpoint = quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
    let connect = || endpoint.connect_with(server.client_config(), server.address, "localhost").unwrap();
    match timeout(PATIENCE, connect()).await.unwrap() {
        Err(ConnectionError::ConnectionClosed(close)) => {
            assert_eq!(close.error_code, quinn::TransportErrorCode::CONNECTION_REFUSED);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(server.workers.totals().quic_refused, 1);
    eventually("they have ended", || server.workers.totals().quic_failed == 3).await;
    assert_eq!(server.workers.totals().requesting, 0);
    server.peer().await.websocket().await.echo("there is room again").await;
}

#[tokio::test]
async fn q2_an_address_has_so_many_connections_that_are_no_websockets() {
    let limits = Limits { pre_auth_connections_per_ip_max: 2, ..Limits::default() };
    let server = Server::start(1, limits);
    let (_first, second) = (server.peer().await, server.peer().await);
    let endpoint = quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
    let connect = || endpoint.connect_with(server.client_config(), server.address, "localhost").unwrap();
    assert!(timeout(PATIENCE, connect()).await.unwrap().is_err());
    let totals = server.workers.totals();
    // It was asked to prove its address first: a forged one must not lock anybody out.
    assert_eq!((totals.quic_retries, totals.refused_address), (1, 1));
    second.websocket().await.echo("a WebSocket gives its place back").await;
    server.peer().await.websocket().await.echo("there is room again").await;
}

#[tokio::test]
async fn q3_garbage_is_dropped_without_an_answer() {
    let server = Server::start(1, Limits::default());
    let flight = first_flight(&server).await;
    let mut garbage: Vec<Vec<u8>> = Vec::new();
    for length in [0, 1, 5, 6, 20, 21, 22, 1199, 1200, 1472] {
        garbage.push(vec![0; length]);
        garbage.push(vec![0x40; length]);
        garbage.push(vec![0xff; length]);
    }
    // An Initial that is too small, and one whose sealed part was changed.
    garbage.push(flight[0][..1199].to_vec());
    let mut changed = flight[0].clone();
    *changed.last_mut().unwrap() ^= 1;
    garbage.push(changed);
    for _ in 0..20 {
        let socket = send_from_nowhere(server.address, &garbage);
        drop(socket);
    }
    let socket = send_from_nowhere(server.address, &garbage);
    let (bytes, datagrams) = answered(socket, Duration::from_millis(300)).await;
    // A long header with a version that nobody speaks is answered with those that we do, if it is long enough to be no
    // lever: the 1,200 and 1,472 bytes of 0xff.
    assert!(datagrams <= 2 && bytes < 300, "{datagrams} datagrams, {bytes} bytes");
    // What was changed looks like a beginning until it is opened. Nothing else was looked at.
    let totals = server.workers.totals();
    assert!(totals.accepted <= 21 && totals.quic_failed == totals.accepted, "{totals:?}");
    assert_eq!(totals.requesting, 0);
    server.peer().await.websocket().await.echo("I live").await;
}

#[tokio::test]
async fn q14_probing_for_connections_gets_no_answer() {
    let server = Server::start(2, Limits::default());
    let mut probes = Vec::new();
    for number in 0..500_u64 {
        let id = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
        probes.push([&[0x43], &id[..], &[0x55; 100]].concat());
    }
    let socket = send_from_nowhere(server.address, &probes);
    let (_, datagrams) = answered(socket, Duration::from_millis(300)).await;
    // One id in eight million is taken for one of ours, and gets a stateless reset.
    assert!(datagrams <= 1, "{datagrams} answers");
    server.peer().await.websocket().await.echo("I live").await;
}

#[tokio::test]
async fn q14_packets_of_unknown_versions_get_a_bounded_number_of_answers() {
    const MAX: u32 = 5;
    let quic = QuicLimits { version_answers_per_second_max: MAX, ..QuicLimits::default() };
    let server = Server::start(1, limits(quic));
    let packet = |number: u8| {
        let ids = [&[8, number, 1, 2, 3, 4, 5, 6, 7][..], &[8, number, 9, 9, 9, 9, 9, 9, 9]].concat();
        let mut packet = [&[0xc0, 0x1a, 0x2a, 0x3a, 0x4a][..], &ids].concat();
        packet.resize(1200, 0);
        packet
    };
    let packets: Vec<Vec<u8>> = (0..40).map(packet).collect();
    let socket = send_from_nowhere(server.address, &packets);
    let (_, datagrams) = answered(socket, Duration::from_millis(300)).await;
    // They may have come around the beginning of another second.
    assert!((1..=2 * MAX as usize).contains(&datagrams), "{datagrams} answers");
    let withheld = 40 - datagrams as u64;
    eventually("each is answered or counted", || {
        server.workers.totals().quic_version_answers_withheld == withheld
    })
    .await;
    server.peer().await.websocket().await.echo("I live").await;
}

#[tokio::test]
async fn q10_nobody_gets_a_ticket_for_early_data() {
    let server = Server::start(1, Limits::default());
    let config = server.client_config();
    let endpoint = quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
    for round in 0..3 {
        let connecting = endpoint.connect_with(config.clone(), server.address, "localhost").unwrap();
        // A client that has a ticket which allows it could send from here on, before the handshake.
        let connecting = match connecting.into_0rtt() {
            Ok(_) => panic!("early data in round {round}"),
            Err(connecting) => connecting,
        };
        let quic = timeout(PATIENCE, connecting).await.unwrap().unwrap();
        let peer = crate::peer::Peer::on(endpoint.clone(), quic).await;
        let (response, _) = peer.fetch("GET", "/page").await;
        assert_eq!(response.status(), 200);
        peer.quic.close(0_u32.into(), b"");
    }
}
