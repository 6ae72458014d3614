//! Our client: one WebSocket, many on a carrier, and servers that will not.

use crate::raw::{self, SETTINGS};
use crate::rig;
use crate::serving::server;
use net::{Carrier, DialError, DialOptions, HttpVersion, Limits, OwnedMessage, Tls, Trust, WebSocket};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;
use ws::{CloseCode, End, Message, Side};

fn http2() -> DialOptions {
    DialOptions { http: HttpVersion::Http2, ..DialOptions::default() }
}

fn short() -> DialOptions {
    DialOptions { timeout: Duration::from_millis(200), ..http2() }
}

fn url(address: SocketAddr) -> String {
    format!("ws://{address}/")
}

/// A server that reads, says `answer`, and waits for the client's end.
fn fake(answer: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.read_exact(&mut [0; 24]).unwrap();
        stream.write_all(&answer).unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    });
    address
}

/// Waits until something is so, while the runtime goes on.
async fn soon(what: &str, is_so: impl Fn() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(rig::PATIENCE, wait).await.expect(what);
}

#[tokio::test]
async fn every_message_comes_back_as_it_was() {
    let (workers, address) = server(Limits::default());
    let mut socket = WebSocket::connect(&url(address), &http2()).await.unwrap();
    for size in [0, 1, 125, 126, 65_535, 65_536, 1_000_000] {
        let payload: Vec<u8> = (0..size).map(|n| n as u8).collect();
        socket.send(Message::Binary(&payload)).await.unwrap();
        assert_eq!(socket.receive().await, Some(OwnedMessage::Binary(payload)));
    }
    let end = socket.close(CloseCode::NORMAL, "done").await;
    assert!(matches!(end, End::Handshake { started_by: Side::Us, .. }), "{end:?}");
    assert_eq!((workers.totals().messages_in, workers.totals().messages_out), (7, 7));
    soon("the carrier ends after its only WebSocket", || workers.totals().carriers_open == 0).await;
}

#[tokio::test]
async fn over_tls_the_handshake_tells_what_was_agreed() {
    let directory = std::env::temp_dir().join(format!("net-http2-{}", std::process::id()));
    let tls = Tls::development(&directory, &[]).unwrap();
    let trust = Trust::PemFile(tls.certificate_path().to_owned());
    let mut options = net::Options::new(1, []);
    options.listen =
        vec![net::Listen { address: "127.0.0.1:0".parse().unwrap(), tls: Some(tls), http3: false }];
    let workers = net::Workers::start(options, |_| net::echo::Echo::new(std::sync::Arc::default())).unwrap();
    let url = format!("wss://localhost:{}/", workers.addresses()[0].port());
    let options = DialOptions { trust, subprotocols: vec!["one".to_owned()], ..http2() };
    let dialed = net::dial(&url, &options).await.unwrap();
    let facts = dialed.facts.clone();
    assert_eq!((facts.http, facts.status), (HttpVersion::Http2, 200));
    assert!(facts.fields.iter().any(|(name, _)| name == "date"), "{facts:?}");
    let tls = facts.tls.unwrap();
    assert_eq!((tls.version.as_str(), tls.alpn.as_deref()), ("TLSv1_3", Some("h2")));
    assert!(tls.peer_certificate.unwrap().dns_names().contains(&"localhost".to_owned()));
    let mut socket = WebSocket::new(dialed);
    let big = vec![7; 1_000_000];
    socket.send(Message::Binary(&big)).await.unwrap();
    assert_eq!(socket.receive().await, Some(OwnedMessage::Binary(big)));
    socket.close(CloseCode::NORMAL, "").await;
    let _ = std::fs::remove_dir_all(directory);
}

#[tokio::test]
async fn a_hundred_websockets_live_on_one_carrier_and_outlive_its_handle() {
    let (workers, address) = server(Limits::default());
    let carrier = Carrier::connect(&url(address), &http2()).await.unwrap();
    let mut sockets = Vec::new();
    for _ in 0..100 {
        sockets.push(WebSocket::new(carrier.open("/chat?x=1", &http2()).await.unwrap()));
    }
    drop(carrier);
    for round in 0..3 {
        for (n, socket) in sockets.iter_mut().enumerate() {
            socket.send(Message::Text(&format!("{round} {n}"))).await.unwrap();
        }
        for (n, socket) in sockets.iter_mut().enumerate() {
            assert_eq!(socket.receive().await, Some(format!("{round} {n}").as_str().into()));
        }
    }
    let totals = workers.totals();
    assert_eq!((totals.accepted, totals.websockets_open, totals.carriers_open), (1, 100, 1));
    drop(sockets);
    soon("the carrier ends after its last", || workers.totals().carriers_open == 0).await;
    soon("and so do they", || workers.totals().websockets_open == 0).await;
}

#[test]
fn a_carrier_can_be_used_from_any_thread() {
    fn check<T: Send + Sync>() {}
    check::<Carrier>();
}

#[tokio::test]
async fn who_is_refused_hears_why() {
    let (_workers, address) = server(Limits { websockets_per_ip_max: 1, ..Limits::default() });
    let carrier = Carrier::connect(&url(address), &http2()).await.unwrap();
    let _first = carrier.open("/", &http2()).await.unwrap();
    let error = carrier.open("/", &http2()).await.unwrap_err();
    let DialError::Refused { status, sentence } = error else { panic!("{error}") };
    assert_eq!(
        (status, sentence.contains("too many WebSockets from this address")),
        (429, true),
        "{sentence}"
    );
}

#[tokio::test]
async fn a_carrier_waits_while_the_server_allows_no_more_streams() {
    let (_workers, address) = server(Limits { streams_per_carrier_max: 2, ..Limits::default() });
    let carrier = Carrier::connect(&url(address), &http2()).await.unwrap();
    let one = WebSocket::new(carrier.open("/", &http2()).await.unwrap());
    let _two = WebSocket::new(carrier.open("/", &http2()).await.unwrap());
    let error = carrier.open("/", &short()).await.unwrap_err();
    assert!(matches!(error, DialError::TimedOut(_)), "{error}");
    let options = http2();
    let third = carrier.open("/", &options);
    let (third, _) = tokio::join!(third, one.close(CloseCode::NORMAL, ""));
    let mut third = WebSocket::new(third.unwrap());
    third.send(Message::Text("at last")).await.unwrap();
    assert_eq!(third.receive().await, Some("at last".into()));
}

#[tokio::test]
async fn a_server_without_extended_connect_is_named() {
    let mut answer = raw::frame(SETTINGS, 0, 0, &[]);
    answer.extend(raw::frame(SETTINGS, raw::ACK, 0, &[]));
    // The answer to the client's PING, whatever it was: h2 pings with these bytes.
    answer.extend(raw::frame(raw::PING, raw::ACK, 0, &[0x3b, 0x7c, 0xdb, 0x7a, 0x0b, 0x87, 0x16, 0xb4]));
    let error = WebSocket::connect(&url(fake(answer)), &short()).await.unwrap_err();
    assert!(matches!(error, DialError::NoWebSockets(HttpVersion::Http2)), "{error}");
}

#[tokio::test]
async fn a_server_of_http1_is_named() {
    let answer = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec();
    let error = WebSocket::connect(&url(fake(answer)), &short()).await.unwrap_err();
    assert!(matches!(error, DialError::VersionRefused(HttpVersion::Http2)), "{error}");
}

#[tokio::test]
async fn after_a_goaway_a_carrier_opens_no_more() {
    let (workers, address) = server(Limits::default());
    let carrier = Carrier::connect(&url(address), &http2()).await.unwrap();
    let mut socket = WebSocket::new(carrier.open("/", &http2()).await.unwrap());
    let drain = net::Drain { window: Duration::ZERO, ..net::Drain::default() };
    let (drained, _) =
        tokio::join!(workers.drain(drain), async { while socket.receive().await.is_some() {} });
    assert_eq!((drained.asked, drained.cut), (1, 0));
    assert!(
        matches!(socket.end(), Some(End::Handshake { started_by: Side::Peer, .. })),
        "{:?}",
        socket.end()
    );
    let error = carrier.open("/", &http2()).await.unwrap_err();
    assert!(matches!(error, DialError::GoingAway), "{error}");
}
