//! First packets of QUIC made by hand: sealed as they should be, and wrong inside.

use crate::peer::{Server, eventually};
use crate::rig::PATIENCE;
use net::Limits;
use rustls::quic::{ClientConnection, Keys, Version};
use rustls::{CipherSuite, Side};
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A client's own connection id.
const FROM: &[u8] = b"me";
/// The id that it makes up for the server is as long.
const TO_BYTES: usize = 8;
const PACKET_NUMBER: u64 = 0;
/// A datagram that begins a connection has at least as many bytes.
const DATAGRAM_BYTES: usize = 1200;
/// Type, version, ids with their lengths, no token, a length of two bytes, a packet number of four.
const HEADER_BYTES: usize = 1 + 4 + 1 + TO_BYTES + 1 + FROM.len() + 1 + 2 + 4;

/// A packet, and the connection id to which it goes, which no other has: the server would take it for more of the same.
struct Packet {
    to: [u8; TO_BYTES],
    bytes: Vec<u8>,
}

fn keys(to: &[u8]) -> Keys {
    let suite = rustls::crypto::aws_lc_rs::DEFAULT_CIPHER_SUITES
        .iter()
        .find(|suite| suite.suite() == CipherSuite::TLS13_AES_128_GCM_SHA256);
    let suite = suite.unwrap().tls13().unwrap();
    Keys::initial(Version::V1, suite, suite.quic.unwrap(), to, Side::Client)
}

/// Seals frames as a client's Initial packet (RFC 9001 section 5), filled up with PADDING.
fn initial(frames: &[u8]) -> Packet {
    static NUMBER: AtomicU64 = AtomicU64::new(1);
    let to = NUMBER.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    let keys = keys(&to).local;
    let payload_bytes = DATAGRAM_BYTES - HEADER_BYTES - keys.packet.tag_len();
    let length = (4 + payload_bytes + keys.packet.tag_len()) as u16 | 0x4000;
    let mut packet =
        [&[0xc3, 0, 0, 0, 1, TO_BYTES as u8][..], &to[..], &[FROM.len() as u8], FROM, &[0]].concat();
    packet.extend_from_slice(&length.to_be_bytes());
    packet.extend_from_slice(&(PACKET_NUMBER as u32).to_be_bytes());
    assert_eq!(packet.len(), HEADER_BYTES);
    let mut payload = frames.to_vec();
    assert!(payload.len() <= payload_bytes);
    payload.resize(payload_bytes, 0);
    let tag = keys.packet.encrypt_in_place(PACKET_NUMBER, &packet, &mut payload).unwrap();
    packet.extend_from_slice(&payload);
    packet.extend_from_slice(tag.as_ref());
    let sample = packet[HEADER_BYTES..HEADER_BYTES + keys.header.sample_len()].to_vec();
    let (first, rest) = packet.split_first_mut().unwrap();
    let number = &mut rest[HEADER_BYTES - 5..HEADER_BYTES - 1];
    keys.header.encrypt_in_place(&sample, first, number).unwrap();
    Packet { to, bytes: packet }
}

/// A ClientHello with these transport parameters, as a CRYPTO frame.
fn hello(server: &Server, parameters: &[u8]) -> Vec<u8> {
    let mut config = (*server.tls_config(&[b"h3"])).clone();
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    // A key that quantum computers do not break needs two packets.
    provider.kx_groups = vec![rustls::crypto::aws_lc_rs::kx_group::X25519];
    let roots = rustls::RootCertStore::empty();
    let alpn = std::mem::take(&mut config.alpn_protocols);
    let mut config = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn;
    let name = "localhost".try_into().unwrap();
    let mut client = ClientConnection::new(Arc::new(config), Version::V1, name, parameters.to_vec()).unwrap();
    let mut hello = Vec::new();
    client.write_hs(&mut hello);
    let length = hello.len() as u16 | 0x4000;
    [&[0x06, 0x00], &length.to_be_bytes()[..], &hello].concat()
}

fn varint(input: &mut &[u8]) -> u64 {
    let length = 1 << (input[0] >> 6);
    let (bytes, rest) = input.split_at(length);
    *input = rest;
    bytes.iter().fold(0, |value, &byte| value << 8 | u64::from(byte)) & (u64::MAX >> (66 - 8 * length as u32))
}

/// Sends a packet, and gives the code with which the server closes. `None` if it says something else.
fn closed_with(server: &Server, packet: &Packet) -> Option<u64> {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.send_to(&packet.bytes, server.address).unwrap();
    let mut answer = vec![0; 2000];
    let size = socket.recv(&mut answer).unwrap();
    answer.truncate(size);
    // An Initial packet back: ids, no token, length.
    assert_eq!(answer[0] & 0xf0, 0xc0, "an Initial packet");
    let mut rest = &answer[5..];
    for _ in 0..2 {
        let length = usize::from(rest[0]);
        rest = &rest[1 + length..];
    }
    assert_eq!(varint(&mut rest), 0, "no token");
    let length = varint(&mut rest) as usize;
    let number_at = answer.len() - rest.len();
    let keys = keys(&packet.to).remote;
    let mut packet = answer[..number_at + length].to_vec();
    let sample = packet[number_at + 4..number_at + 4 + keys.header.sample_len()].to_vec();
    let (first, others) = packet.split_first_mut().unwrap();
    keys.header.decrypt_in_place(&sample, first, &mut others[number_at - 1..number_at + 3]).unwrap();
    let number_bytes = usize::from(packet[0] & 3) + 1;
    let (header, payload) = packet.split_at_mut(number_at + number_bytes);
    let number = header[number_at..].iter().fold(0, |number, &byte| number << 8 | u64::from(byte));
    let payload = keys.packet.decrypt_in_place(number, header, payload).unwrap();
    close_code(payload)
}

/// Looks for CONNECTION_CLOSE behind PADDING and ACK.
fn close_code(mut frames: &[u8]) -> Option<u64> {
    while !frames.is_empty() {
        match varint(&mut frames) {
            0x00 => {}
            0x02 => {
                varint(&mut frames);
                varint(&mut frames);
                assert_eq!(varint(&mut frames), 0, "one range");
                varint(&mut frames);
            }
            0x1c => return Some(varint(&mut frames)),
            _ => return None,
        }
    }
    None
}

#[tokio::test]
async fn q4_transport_parameters_that_are_wrong_get_their_error() {
    const TRANSPORT_PARAMETER_ERROR: u64 = 0x08;
    let server = Server::start(1, Limits::default());
    // Ours, as the client's own id has to be among them.
    let id = [&[0x0f, FROM.len() as u8], FROM].concat();
    assert_eq!(closed_with(&server, &initial(&hello(&server, &id))), None, "what is right goes on");
    for wrong in [
        // No id; another id; twice; an ack_delay_exponent of 21; a payload size of 1,199; one that is cut off; one that
        // only a server may send.
        vec![],
        b"\x0f\x02no".to_vec(),
        [&id[..], &id].concat(),
        [&id[..], b"\x0a\x01\x15"].concat(),
        [&id[..], b"\x03\x02\x44\xaf"].concat(),
        [&id[..], b"\x04\x08\x00"].concat(),
        [&id[..], b"\x00\x01x"].concat(),
    ] {
        let code = closed_with(&server, &initial(&hello(&server, &wrong)));
        assert_eq!(code, Some(TRANSPORT_PARAMETER_ERROR), "{wrong:x?}");
    }
    server.peer().await.websocket().await.echo("I live").await;
}

#[tokio::test]
async fn q4_frames_that_must_not_be_get_their_error() {
    let server = Server::start(1, Limits::default());
    for (frames, codes) in [
        // A type that nobody knows; a STREAM frame before there are keys for it; one that is cut off by the packet's end.
        (&b"\x21"[..], [0x07, 0x0a]),
        (b"\x08\x00\x01x", [0x0a, 0x0a]),
        (b"\x06\x00\x7f\xff", [0x07, 0x07]),
        // CRYPTO at the end of all numbers.
        (b"\x06\xff\xff\xff\xff\xff\xff\xff\xff\x01x", [0x07, 0x0d]),
    ] {
        let code = closed_with(&server, &initial(frames));
        assert!(code.is_some_and(|code| codes.contains(&code)), "{frames:x?}: {code:x?}");
    }
    server.peer().await.websocket().await.echo("I live").await;
}

#[tokio::test]
async fn q4_a_thousand_packets_of_nonsense_under_the_right_seal_leave_nothing() {
    let limits = Limits { tls_handshake_timeout: std::time::Duration::from_millis(300), ..Limits::default() };
    let server = Server::start(1, limits);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut state = 1_u64;
    for round in 0..1000 {
        let mut frames = Vec::new();
        for _ in 0..round % 100 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // Small numbers, because those are frames.
            frames.push((state >> 33) as u8 & if round % 3 == 0 { 0xff } else { 0x1f });
        }
        socket.send_to(&initial(&frames).bytes, server.address).unwrap();
        tokio::task::yield_now().await;
    }
    eventually("nothing is left", || {
        let totals = server.workers.totals();
        totals.accepted > 0 && totals.quic_failed == totals.accepted && totals.requesting == 0
    })
    .await;
    assert!(server.workers.are_running());
    server.peer().await.websocket().await.echo("I live").await;
}
