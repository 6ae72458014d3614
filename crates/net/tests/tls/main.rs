//! TLS as a stranger may speak it, and certificates as an operator may break them. Names begin with the row of the list of
//! attacks that they stand for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that panics has failed")]

mod clients;
mod key_log;
mod names;
mod place;
mod quic;
mod records;
mod reload;
mod resumption;
#[path = "../rig/mod.rs"]
mod rig;
mod versions;

use net::{DialOptions, OwnedMessage, Tls, Trust, WebSocket};
use place::{Directory, client, development};
use rig::connect;
use rustls::StreamOwned;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use ws::{CloseCode, Message};

#[tokio::test]
async fn a_websocket_over_tls_echoes_and_closes_cleanly() {
    let (_directory, tls, workers, address) = development("echo");
    let trust = Trust::PemFile(tls.certificate_path().to_owned());
    let options = DialOptions { trust, ..DialOptions::default() };
    let url = format!("wss://localhost:{}/", address.port());
    let mut socket = WebSocket::connect(&url, &options).await.unwrap();
    let big = vec![7; 1_000_000];
    socket.send(Message::Binary(&big)).await.unwrap();
    assert_eq!(socket.receive().await, Some(OwnedMessage::Binary(big)));
    socket.close(CloseCode::NORMAL, "").await;
    rig::eventually("the server's side is gone", || workers.totals().websockets_open == 0);

    let stranger = DialOptions { trust: Trust::System, ..DialOptions::default() };
    let error = WebSocket::connect(&url, &stranger).await.unwrap_err();
    assert!(matches!(error, net::DialError::Tls(_) | net::DialError::Trust(_)), "{error}");
    let trusting = DialOptions { trust: Trust::Anybody, ..DialOptions::default() };
    WebSocket::connect(&url, &trusting).await.unwrap();
}

#[test]
fn after_the_closing_handshake_an_end_without_close_notify_is_no_error() {
    let (_directory, tls, workers, address) = development("truncated");
    let mut stream = StreamOwned::new(client(&tls, "localhost"), connect(address));
    write!(stream, "{}\r\n", rig::HANDSHAKE).unwrap();
    stream.write_all(&rig::masked(0x88, &1000_u16.to_be_bytes())).unwrap();
    let mut all = Vec::new();
    while !all.ends_with(b"\x88\x02\x03\xe8") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        all.push(byte[0]);
    }
    drop(stream);
    rig::eventually("the server's side is gone", || workers.totals().websockets_open == 0);
    assert_eq!((workers.totals().websockets_opened, workers.totals().cut_late), (1, 0));
}

#[test]
fn a_development_certificate_stays_the_same_until_it_lacks_a_name() {
    let directory = Directory::new("development");
    let read = || fs::read_to_string(directory.0.join("development.pem")).unwrap();
    Tls::development(&directory.0, &[]).unwrap();
    let first = read();
    Tls::development(&directory.0, &[]).unwrap();
    assert_eq!(read(), first);
    Tls::development(&directory.0, &["stoa.test".to_owned()]).unwrap();
    assert_ne!(read(), first);
    let mode = fs::metadata(directory.0.join("development.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
