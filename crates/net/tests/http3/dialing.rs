//! Our client, against our server and against servers that are different.

use crate::peer::{BIG, Server, code, eventually, server_config};
use crate::rig::PATIENCE;
use h3::{Code, RequestEvent, RequestStream, Role};
use net::{Carrier, DialError, DialOptions, Drain, HttpVersion, Limits, OwnedMessage, Trust, WebSocket};
use quinn::{RecvStream, SendStream, VarInt};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use ws::{CloseCode, Message};

fn options(server: &Server) -> DialOptions {
    let trust = Trust::PemFile(server.tls.certificate_path().to_owned());
    DialOptions { http: HttpVersion::Http3, trust, ..DialOptions::default() }
}

fn url(server: &Server) -> String {
    format!("wss://localhost:{}/chat", server.address.port())
}

#[tokio::test]
async fn a_websocket_carries_messages_of_any_size_and_closes_in_order() {
    let server = Server::start(1, Limits::default());
    let dialed = net::dial(&url(&server), &options(&server)).await.unwrap();
    let facts = dialed.facts.clone();
    assert_eq!((facts.http, facts.status), (HttpVersion::Http3, 200));
    let tls = facts.tls.unwrap();
    assert_eq!((tls.version.as_str(), tls.alpn.as_deref()), ("TLSv1_3", Some("h3")));
    let mut socket = WebSocket::new(dialed);
    for size in [0, 1, 125, 126, 16_384, 65_536, BIG, 1_000_000] {
        let message = vec![7; size];
        socket.send(Message::Binary(&message)).await.unwrap();
        assert!(socket.receive().await == Some(OwnedMessage::Binary(message)), "{size} bytes");
    }
    socket.close(CloseCode::NORMAL, "").await;
    eventually("nothing is left", || server.workers.totals().carriers_open == 0).await;
    let totals = server.workers.totals();
    assert_eq!((totals.websockets_open, totals.cut_late, totals.http3_violations), (0, 0, 0));
}

#[tokio::test]
async fn many_websockets_share_a_carrier_that_lives_as_long_as_the_last() {
    let server = Server::start(1, Limits::default());
    let options = options(&server);
    let carrier = Carrier::connect(&url(&server), &options).await.unwrap();
    let mut sockets = Vec::new();
    for _ in 0..100 {
        sockets.push(WebSocket::new(carrier.open("/chat", &options).await.unwrap()));
    }
    drop(carrier);
    for (number, socket) in sockets.iter_mut().enumerate() {
        socket.send(Message::Text(&format!("{number}"))).await.unwrap();
        assert_eq!(socket.receive().await.unwrap().as_text(), Some(number.to_string().as_str()));
    }
    assert_eq!(server.workers.totals().carriers_opened, 1);
    let mut last = sockets.pop().unwrap();
    drop(sockets);
    eventually("the others are gone", || server.workers.totals().websockets_open == 1).await;
    last.send(Message::Text("still here")).await.unwrap();
    assert!(last.receive().await.is_some());
    drop(last);
    eventually("the carrier is gone", || server.workers.totals().carriers_open == 0).await;
}

#[tokio::test]
async fn a_websocket_that_is_not_received_from_does_not_stop_its_siblings() {
    let server = Server::start(1, Limits::default());
    let options = options(&server);
    let carrier = Carrier::connect(&url(&server), &options).await.unwrap();
    let mut deaf = WebSocket::new(carrier.open("/chat", &options).await.unwrap());
    let message = vec![0; 16_384];
    while timeout(Duration::from_millis(300), deaf.send(Message::Binary(&message))).await.is_ok() {}
    let mut sibling = WebSocket::new(carrier.open("/chat", &options).await.unwrap());
    for _ in 0..200 {
        sibling.send(Message::Binary(&message)).await.unwrap();
        assert_eq!(sibling.receive().await.unwrap().as_message().payload().len(), message.len());
    }
}

#[tokio::test]
async fn a_stream_more_than_the_server_allows_waits_for_one_to_end() {
    let limits = Limits { streams_per_carrier_max: 2, ..Limits::default() };
    let server = Server::start(1, limits);
    let options = DialOptions { timeout: Duration::from_millis(500), ..options(&server) };
    let carrier = Carrier::connect(&url(&server), &options).await.unwrap();
    let first = WebSocket::new(carrier.open("/chat", &options).await.unwrap());
    let _second = WebSocket::new(carrier.open("/chat", &options).await.unwrap());
    let error = carrier.open("/chat", &options).await.unwrap_err();
    assert!(matches!(error, DialError::TimedOut(_)), "{error}");
    let patient = DialOptions { timeout: PATIENCE, ..options.clone() };
    let (closed, third) = tokio::join!(first.close(CloseCode::NORMAL, ""), carrier.open("/chat", &patient));
    drop(closed);
    third.unwrap();
}

#[tokio::test]
async fn a_refusal_comes_with_its_status_and_sentence() {
    let server = Server::start(1, Limits::default());
    let options = options(&server);
    let carrier = Carrier::connect(&url(&server), &options).await.unwrap();
    let error = carrier.open("/page", &options).await.unwrap_err();
    // The site answers with a page, whose 200 would say over HTTP/3 that there is a WebSocket.
    let DialError::Refused { status, sentence } = error else { panic!("{error}") };
    assert_eq!((status, sentence.as_str()), (404, "There is no WebSocket here."));
    let elsewhere = DialOptions { trust: Trust::Anybody, ..options };
    let address = format!("wss://127.0.0.1:{}/", server.address.port());
    let mut socket = WebSocket::connect(&address, &elsewhere).await.unwrap();
    socket.send(Message::Text("by address")).await.unwrap();
    assert!(socket.receive().await.is_some());
}

#[tokio::test]
async fn who_is_not_trusted_or_speaks_something_else_is_named() {
    let server = Server::start(1, Limits::default());
    let stranger = Server::start(1, Limits::default());
    let untrusting = DialOptions { trust: options(&stranger).trust, ..options(&server) };
    let error = WebSocket::connect(&url(&server), &untrusting).await.unwrap_err();
    assert!(matches!(error, DialError::Tls(_)), "{error}");

    let (endpoint, _) = other_server(&server, b"hq-interop", quinn::TransportConfig::default());
    let port = endpoint.local_addr().unwrap().port();
    let accept = async { endpoint.accept().await.unwrap().await };
    let options = options(&server);
    let url = format!("wss://localhost:{port}/");
    let (_, connected) = tokio::join!(accept, WebSocket::connect(&url, &options));
    let error = connected.unwrap_err();
    assert!(matches!(error, DialError::VersionRefused(HttpVersion::Http3)), "{error}");
}

#[tokio::test]
async fn a_server_without_extended_connect_offers_no_websockets() {
    let server = Server::start(1, Limits::default());
    let (endpoint, url) = other_server(&server, b"h3", quinn::TransportConfig::default());
    let answer = async {
        let quic = endpoint.accept().await.unwrap().await.unwrap();
        let config = h3::Config { enable_connect_protocol: false, ..h3::Config::default() };
        let mut control = quic.open_uni().await.unwrap();
        control.write_all(&h3::Connection::new(Role::Server, config).control_bytes()).await.unwrap();
        quic.closed().await
    };
    let options = options(&server);
    let (_, connected) = tokio::join!(answer, WebSocket::connect(&url, &options));
    let error = connected.unwrap_err();
    assert!(matches!(error, DialError::NoWebSockets(HttpVersion::Http3)), "{error}");
}

#[tokio::test]
async fn after_a_goaway_there_is_nothing_more_to_open() {
    let server = Server::start(1, Limits::default());
    let options = options(&server);
    let carrier = Carrier::connect(&url(&server), &options).await.unwrap();
    let mut sockets = Vec::new();
    for _ in 0..2 {
        sockets.push(WebSocket::new(carrier.open("/chat", &options).await.unwrap()));
    }
    let forever = Duration::from_secs(600);
    let drain = server.workers.drain(Drain { window: forever, deadline: forever, ..Drain::default() });
    let client = async {
        let error = loop {
            match carrier.open("/chat", &options).await {
                Ok(dialed) => sockets.push(WebSocket::new(dialed)),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, DialError::GoingAway), "{error}");
        sockets[0].send(Message::Text("still here")).await.unwrap();
        assert_eq!(sockets[0].receive().await.unwrap().as_text(), Some("still here"));
    };
    tokio::select! {
        _ = drain => panic!("WebSockets are open"),
        () = client => {}
    }
}

/// Some server with the certificate of ours, and its URL.
fn other_server(
    server: &Server,
    protocol: &[u8],
    transport: quinn::TransportConfig,
) -> (quinn::Endpoint, String) {
    let mut config = server_config(&server.tls, protocol);
    config.transport_config(Arc::new(transport));
    let endpoint = quinn::Endpoint::server(config, "127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("wss://localhost:{}/chat", endpoint.local_addr().unwrap().port());
    (endpoint, url)
}

#[tokio::test]
async fn a_window_of_a_few_bytes_cuts_frames_anywhere_and_loses_nothing() {
    let server = Server::start(1, Limits::default());
    // Credit comes a few bytes at a time, less than the header of a DATA frame.
    let mut transport = quinn::TransportConfig::default();
    transport.stream_receive_window(VarInt::from_u32(16));
    let (endpoint, url) = other_server(&server, b"h3", transport);
    let (message, parts) = (vec![9; 200], 100);
    let serve = async {
        let quic = endpoint.accept().await.unwrap().await.unwrap();
        let mut http = h3::Connection::new(Role::Server, h3::Config::default());
        let mut control = quic.open_uni().await.unwrap();
        control.write_all(&http.control_bytes()).await.unwrap();
        let mut their_control = quic.accept_uni().await.unwrap();
        tokio::spawn(async move { while let Ok(Some(_)) = their_control.read_chunk(100, true).await {} });
        let (mut send, mut receive) = quic.accept_bi().await.unwrap();
        let mut reader = http.accept_request(0).unwrap();
        accept(&mut send, &mut receive, &mut reader).await;
        // Whatever the cuts, what comes out of the frames is the WebSocket's bytes: masked, so only the size is known.
        let expected = parts * (message.len() + 8);
        let (mut taken, mut small) = (0, 0);
        while taken < expected {
            // Some reads are of one byte, so that the window grows by as little.
            small = (small + 1) % 7;
            let size = if small == 0 { 1 } else { 64 };
            let chunk = receive.read_chunk(size, true).await.unwrap().unwrap();
            let mut input = &chunk.bytes[..];
            while let Some(event) = reader.receive(&mut input).unwrap() {
                let RequestEvent::Data(bytes) = event else { panic!("{event:?}") };
                taken += bytes.len();
            }
        }
        assert_eq!(taken, expected);
        send.write_all(&[&h3::data_frame_header(4)[..], b"\x81\x02ok"].concat()).await.unwrap();
        quic.closed().await
    };
    let client = async {
        let mut socket = WebSocket::connect(&url, &options(&server)).await.unwrap();
        for number in 0..parts {
            let send = socket.send(Message::Binary(&message));
            if number % 8 == 0 {
                // A send that is given up while it waits. The message is sent all the same.
                let _ = timeout(Duration::from_millis(1), send).await;
            } else {
                send.await.unwrap();
            }
        }
        assert_eq!(socket.receive().await.unwrap().as_text(), Some("ok"));
    };
    timeout(PATIENCE, Box::pin(async { tokio::join!(serve, client) })).await.unwrap();
}

/// Reads a request for a WebSocket and accepts it.
async fn accept(send: &mut SendStream, receive: &mut RecvStream, reader: &mut RequestStream) {
    loop {
        let chunk = receive.read_chunk(1000, true).await.unwrap().unwrap();
        if let Some(RequestEvent::Request(request)) = reader.receive(&mut &chunk.bytes[..]).unwrap() {
            assert_eq!(request.protocol(), Some("websocket"));
            break;
        }
    }
    let mut head = Vec::new();
    h3::write_response(200, [("server", "other")], u64::MAX, &mut head).unwrap();
    send.write_all(&head).await.unwrap();
}

#[tokio::test]
async fn a_server_that_resets_the_stream_or_breaks_the_rules_ends_the_websocket() {
    let server = Server::start(1, Limits::default());
    for breaks in [false, true] {
        let (endpoint, url) = other_server(&server, b"h3", quinn::TransportConfig::default());
        let serve = async {
            let quic = endpoint.accept().await.unwrap().await.unwrap();
            let mut http = h3::Connection::new(Role::Server, h3::Config::default());
            let mut control = quic.open_uni().await.unwrap();
            control.write_all(&http.control_bytes()).await.unwrap();
            let (mut send, mut receive) = quic.accept_bi().await.unwrap();
            let mut reader = http.accept_request(0).unwrap();
            accept(&mut send, &mut receive, &mut reader).await;
            receive.read_chunk(100, true).await.unwrap().unwrap();
            if breaks {
                send.write_all(b"\x05\x00").await.unwrap();
                assert_eq!(crate::peer::closed(&quic).await, Code::ID_ERROR);
            } else {
                send.reset(code(Code::REQUEST_CANCELLED)).unwrap();
                quic.closed().await;
            }
        };
        let client = async {
            let mut socket = WebSocket::connect(&url, &options(&server)).await.unwrap();
            socket.send(Message::Text("I am here")).await.unwrap();
            assert_eq!(socket.receive().await, None);
            assert_eq!(socket.end(), Some(ws::End::TransportEnded));
        };
        tokio::join!(serve, client);
    }
}
