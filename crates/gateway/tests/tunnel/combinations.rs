//! Every version of HTTP towards clients, every one towards backends, with and without TLS.

use crate::rig::{Running, config, development, echo, soon, start};
use gateway::health::Report;
use gateway::tunnel::session::{Kind, Outcome};
use net::{Carrier, DialOptions, HttpVersion, OwnedMessage, Trust, WebSocket};
use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;
use ws::{CloseCode, Message};

fn options(tunnel: &Running, http: HttpVersion) -> DialOptions {
    let trust =
        tunnel.tls.as_ref().map_or(Trust::System, |tls| Trust::PemFile(tls.certificate_path().to_owned()));
    DialOptions {
        http,
        trust,
        subprotocols: vec![net::echo::SUBPROTOCOL.to_owned()],
        ..DialOptions::default()
    }
}

fn url(tunnel: &Running, path: &str) -> String {
    let scheme = if tunnel.tls.is_some() { "wss" } else { "ws" };
    format!("{scheme}://localhost:{}{path}", tunnel.address.port())
}

async fn talk(tunnel: &Running, http: HttpVersion) {
    let mut socket = WebSocket::connect(&url(tunnel, "/room"), &options(tunnel, http)).await.unwrap();
    assert_eq!(socket.subprotocol(), Some(net::echo::SUBPROTOCOL));
    for size in [0, 1, 125, 126, 65_536, 1_000_000] {
        let message = vec![7; size];
        socket.send(Message::Binary(&message)).await.unwrap();
        assert!(socket.receive().await == Some(OwnedMessage::Binary(message)), "{size} bytes over {http}");
    }
    socket.send(Message::Text("Grüße")).await.unwrap();
    assert_eq!(socket.receive().await, Some(OwnedMessage::Text("Grüße".to_owned())));
    socket.close(CloseCode::NORMAL, "bye").await;
}

async fn talk_all(pool: &str, backend_tls: bool) {
    let tls = backend_tls.then(|| development("backend"));
    let pool = match &tls {
        None => pool.to_owned(),
        Some(tls) => {
            let ca = tls.certificate_path().display();
            format!("{pool}\ntls = {{ ca = \"{ca}\", name = \"localhost\" }}")
        }
    };
    let (_backend, address) = echo(tls);
    for secure in [false, true] {
        let versions: &[HttpVersion] = if secure {
            &[HttpVersion::Http1, HttpVersion::Http2, HttpVersion::Http3]
        } else {
            &[HttpVersion::Http1, HttpVersion::Http2]
        };
        let tunnel = start(config(&[address], &pool, ""), secure);
        for &http in versions {
            tunnel.told.records.lock().unwrap().clear();
            talk(&tunnel, http).await;
            let record = tunnel.told.next_record().await;
            let Outcome::Ended { by_client: Some(closed), cause: None, .. } = &record.outcome else {
                panic!("{record:?}");
            };
            assert_eq!((closed.code, closed.reason.as_str()), (1000, "bye"));
            let facts = record.facts.unwrap();
            assert_eq!((facts.kind, facts.tries), (Kind::WebSocket, 1));
            assert_eq!(facts.live.messages(gateway::relay::Way::ToBackend), 7);
        }
        let reports = tunnel.told.reports.lock().unwrap().clone();
        assert!(
            reports.iter().all(|report| matches!(report, Report::Opened | Report::Closed(1000))),
            "{reports:?}"
        );
    }
}

#[tokio::test]
async fn every_client_talks_to_a_backend_over_http1() {
    Box::pin(talk_all("http = \"h1\"", false)).await;
}

#[tokio::test]
async fn every_client_talks_to_a_backend_over_http2() {
    Box::pin(talk_all("http = \"h2\"", false)).await;
}

#[tokio::test]
async fn every_client_talks_to_a_backend_over_http1_and_tls() {
    Box::pin(talk_all("http = \"h1\"", true)).await;
}

#[tokio::test]
async fn every_client_talks_to_a_backend_over_http2_and_tls() {
    Box::pin(talk_all("http = \"h2\"", true)).await;
}

#[tokio::test]
async fn a_backend_whose_certificate_is_not_the_pinned_one_gets_nothing() {
    let (backend, address) = echo(Some(development("other")));
    let pin = "00".repeat(32);
    let tunnel = start(config(&[address], &format!("tls = {{ sha256 = [\"{pin}\"] }}"), ""), false);
    let refused = WebSocket::connect(&url(&tunnel, "/"), &options(&tunnel, HttpVersion::Http1)).await;
    assert!(matches!(refused.unwrap_err(), net::DialError::Refused { status: 502, .. }));
    assert_eq!(backend.totals().requests, 0);
}

#[tokio::test]
async fn many_websockets_share_a_few_carriers_to_the_backend() {
    let (backend, address) = echo(None);
    let pool = "http = \"h2\"\nconnect = { http2_streams_max = 50 }";
    let tunnel = start(config(&[address], pool, ""), false);
    let options = options(&tunnel, HttpVersion::Http2);
    let carrier = Carrier::connect(&url(&tunnel, "/"), &options).await.unwrap();
    let mut sockets = Vec::new();
    for _ in 0..200 {
        sockets.push(WebSocket::new(carrier.open("/room", &options).await.unwrap()));
    }
    assert_eq!(backend.totals().carriers_open, 4);
    for socket in &mut sockets {
        socket.send(Message::Text("here")).await.unwrap();
        assert_eq!(socket.receive().await, Some(OwnedMessage::Text("here".to_owned())));
    }
    drop((sockets, carrier));
    soon("the backend's WebSockets are over", || backend.totals().websockets_open == 0).await;
}

#[tokio::test]
async fn a_slow_websocket_on_a_carrier_does_not_stop_its_siblings() {
    let (_backend, address) = echo(None);
    let tunnel = start(config(&[address], "http = \"h2\"", ""), false);
    let options = options(&tunnel, HttpVersion::Http1);
    // It sends more than all windows hold, and reads nothing of the echo.
    let mut slow = TcpStream::connect(tunnel.address).unwrap();
    slow.write_all(format!("{}\r\n", crate::naive::HANDSHAKE).as_bytes()).unwrap();
    slow.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let mut frame = vec![0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    frame.resize(14 + 65_536, 7);
    let mut sent = 0;
    while slow.write_all(&frame).is_ok() {
        sent += frame.len();
        assert!(sent < 64 << 20, "somebody keeps all of it");
    }
    let mut quick = WebSocket::connect(&url(&tunnel, "/"), &options).await.unwrap();
    for _ in 0..100 {
        quick.send(Message::Text("quick")).await.unwrap();
        assert_eq!(quick.receive().await, Some(OwnedMessage::Text("quick".to_owned())));
    }
}

#[tokio::test]
async fn a_drain_closes_with_its_code_on_both_sides() {
    let (_backend, address) = echo(None);
    let tunnel = start(config(&[address], "", ""), false);
    let mut socket =
        WebSocket::connect(&url(&tunnel, "/"), &options(&tunnel, HttpVersion::Http1)).await.unwrap();
    soon("the tunnel knows of it", || !tunnel.told.open.lock().unwrap().is_empty()).await;
    let live = tunnel.told.open.lock().unwrap()[0].live.clone();
    live.close(1012);
    assert_eq!(socket.receive().await, None);
    let end = format!("{:?}", socket.end());
    assert!(end.contains("1012"), "{end}");
    let Outcome::Ended { by_backend, cause, .. } = tunnel.told.next_record().await.outcome else {
        panic!("not ended")
    };
    assert_eq!(cause, Some(gateway::tunnel::frames::Cause::Asked));
    assert_eq!(by_backend.unwrap().code, 1001);
}
