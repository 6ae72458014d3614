//! Clients that break HTTP/3: each gets its error, and nobody else notices.

use crate::peer::{Server, closed, code, eventually};
use crate::rig;
use h3::{Code, Request};
use net::Limits;

/// What comes on a stream of a client, and the error that it makes.
type Case = (&'static [u8], Code);

/// Says something on a new unidirectional stream of a connection that has a control stream already.
async fn on_unidirectional(server: &Server, (bytes, error): Case) {
    let peer = server.peer().await;
    let mut stream = peer.quic.open_uni().await.unwrap();
    stream.write_all(bytes).await.unwrap();
    assert_eq!(peer.closed().await, error, "{bytes:x?}");
}

#[tokio::test]
async fn q12_a_unidirectional_stream_that_must_not_be_ends_the_connection() {
    let server = Server::start(1, Limits::default());
    let cases: [Case; 4] = [
        (b"\x00\x04\x00", Code::STREAM_CREATION_ERROR),
        (b"\x01\x00", Code::STREAM_CREATION_ERROR),
        // QPACK: a capacity for a dynamic table, and an acknowledgement of a section that used none.
        (b"\x02\x3f\x45", Code::QPACK_ENCODER_STREAM_ERROR),
        (b"\x03\x80", Code::QPACK_DECODER_STREAM_ERROR),
    ];
    let number = cases.len() as u64;
    for case in cases {
        on_unidirectional(&server, case).await;
    }
    eventually("each is counted", || server.workers.totals().http3_violations == number).await;
}

#[tokio::test]
async fn q12_a_control_stream_that_breaks_its_rules_ends_the_connection() {
    let server = Server::start(1, Limits::default());
    let cases: [Case; 6] = [
        // DATA first; a setting twice; a setting of HTTP/2; SETTINGS twice; HEADERS; a push that was never promised.
        (b"\x00\x00\x01x", Code::MISSING_SETTINGS),
        (b"\x00\x04\x04\x06\x20\x06\x20", Code::SETTINGS_ERROR),
        (b"\x00\x04\x02\x02\x00", Code::SETTINGS_ERROR),
        (b"\x00\x04\x00\x04\x00", Code::FRAME_UNEXPECTED),
        (b"\x00\x04\x00\x01\x00", Code::FRAME_UNEXPECTED),
        (b"\x00\x04\x00\x03\x01\x00", Code::ID_ERROR),
    ];
    for (bytes, error) in cases {
        let (_endpoint, quic) = server.quic().await;
        let mut control = quic.open_uni().await.unwrap();
        control.write_all(bytes).await.unwrap();
        assert_eq!(closed(&quic).await, error, "{bytes:x?}");
    }
}

#[tokio::test]
async fn q12_the_end_of_a_critical_stream_ends_the_connection() {
    let server = Server::start(1, Limits::default());
    let mut peer = server.peer().await;
    peer.control.finish().unwrap();
    assert_eq!(peer.closed().await, Code::CLOSED_CRITICAL_STREAM);

    let mut peer = server.peer().await;
    // A reset that overtakes the stream's type would make it a stream of no kind.
    for _ in 0..2 {
        peer.fetch("GET", "/page").await;
    }
    peer.control.reset(code(Code::NO_ERROR)).unwrap();
    assert_eq!(peer.closed().await, Code::CLOSED_CRITICAL_STREAM);

    // The server's own control stream, stopped by the client.
    let (_endpoint, quic) = server.quic().await;
    quic.accept_uni().await.unwrap().stop(code(Code::NO_ERROR)).unwrap();
    assert_eq!(closed(&quic).await, Code::CLOSED_CRITICAL_STREAM);
}

#[tokio::test]
async fn q12_a_request_stream_that_breaks_its_rules_ends_the_connection() {
    let server = Server::start(1, Limits::default());
    let cases: [Case; 5] = [
        // DATA before HEADERS; frames of HTTP/2, of the control stream, a promise; a section of the dynamic table.
        (b"\x00\x01x", Code::FRAME_UNEXPECTED),
        (b"\x06\x00", Code::FRAME_UNEXPECTED),
        (b"\x04\x00", Code::FRAME_UNEXPECTED),
        (b"\x05\x02\x00\x00", Code::FRAME_UNEXPECTED),
        (b"\x01\x03\x02\x00\x80", Code::QPACK_DECOMPRESSION_FAILED),
    ];
    for (bytes, error) in cases {
        let peer = server.peer().await;
        let (mut send, _receive) = peer.quic.open_bi().await.unwrap();
        send.write_all(bytes).await.unwrap();
        assert_eq!(peer.closed().await, error, "{bytes:x?}");
    }
}

#[tokio::test]
async fn q12_what_must_be_ignored_is_ignored() {
    let server = Server::start(1, Limits::default());
    let mut peer = server.peer().await;
    let mut stream = peer.websocket().await;
    for number in 0..100_u64 {
        // A stream of an unknown type is stopped, so that it costs nobody anything.
        let mut unknown = peer.quic.open_uni().await.unwrap();
        let kind = h3::grease_identifier(number);
        unknown.write_all(&[0x80, 0, (kind >> 8) as u8, kind as u8]).await.unwrap();
        let stopped = unknown.stopped().await.unwrap();
        assert_eq!(stopped, Some(code(Code::STREAM_CREATION_ERROR)));
        let mut frame = Vec::new();
        h3::write_grease_frame(number, &mut frame);
        peer.control.write_all(&frame).await.unwrap();
        stream.send.write_all(&frame).await.unwrap();
        stream.echo("between them").await;
    }
    assert_eq!(server.workers.totals().http3_violations, 0);
}

#[tokio::test]
async fn q12_headers_on_a_websocket_end_the_connection() {
    let server = Server::start(1, Limits::default());
    let peer = server.peer().await;
    let mut stream = peer.websocket().await;
    stream.send.write_all(b"\x01\x02\x00\x00").await.unwrap();
    assert_eq!(peer.closed().await, Code::FRAME_UNEXPECTED);
    eventually("the WebSocket is gone", || server.workers.totals().websockets_open == 0).await;
}

#[tokio::test]
async fn q12_a_frame_that_the_end_cuts_ends_the_connection() {
    let server = Server::start(1, Limits::default());
    let peer = server.peer().await;
    let mut stream = peer.websocket().await;
    stream.send.write_all(b"\x00\x05half").await.unwrap();
    stream.send.finish().unwrap();
    assert_eq!(peer.closed().await, Code::FRAME_ERROR);
}

#[tokio::test]
async fn q12_a_malformed_request_costs_its_stream_alone() {
    let server = Server::start(1, Limits::default());
    let peer = server.peer().await;
    let mut sibling = peer.websocket().await;
    let cases: [Case; 4] = [
        // No pseudo-header field at all; `:path` with no `:method`; an upper-case name; a stream without a request.
        (b"\x01\x02\x00\x00", Code::MESSAGE_ERROR),
        (b"\x01\x03\x00\x00\xc1", Code::MESSAGE_ERROR),
        (b"\x01\x08\x00\x00\xd1\xd7\xc1\x21X\x00", Code::MESSAGE_ERROR),
        (b"", Code::REQUEST_INCOMPLETE),
    ];
    for (bytes, error) in cases {
        let (mut send, mut receive) = peer.quic.open_bi().await.unwrap();
        send.write_all(bytes).await.unwrap();
        send.finish().unwrap();
        match receive.read_chunk(100, true).await {
            Err(quinn::ReadError::Reset(why)) => assert_eq!(why, code(error), "{bytes:x?}"),
            other => panic!("{bytes:x?}: {other:?}"),
        }
        sibling.echo("I live").await;
    }
}

#[tokio::test]
async fn q7_a_field_section_above_the_limit_gets_431_and_its_connection_lives() {
    let server = Server::start(1, Limits::default());
    let peer = server.peer().await;
    // Announced as a frame that is too long: nothing of it is kept.
    let (mut send, mut receive) = peer.quic.open_bi().await.unwrap();
    send.write_all(b"\x01\x80\x00\x40\x01").await.unwrap();
    let answer = receive.read_chunk(1000, true).await.unwrap().unwrap();
    assert_eq!(answer.bytes[0], 1, "HEADERS");
    // Small on the wire and large when decoded: 1,000 times a name of the static table that counts 32 bytes and more.
    let mut bomb = b"\x01\x44\x02\x00\x00".to_vec();
    bomb.extend(std::iter::repeat_n(0xd1, 0x402 - 2));
    let (mut send, mut receive) = peer.quic.open_bi().await.unwrap();
    send.write_all(&bomb).await.unwrap();
    let answer = receive.read_chunk(1000, true).await.unwrap().unwrap();
    assert_eq!(answer.bytes[0], 1, "HEADERS");
    peer.websocket().await.echo("I live").await;
    assert_eq!(server.workers.totals().requests_bad, 2);
}

#[tokio::test]
async fn q13_a_reset_websocket_ends_and_its_siblings_live() {
    let server = Server::start(1, Limits::default());
    let peer = server.peer().await;
    let mut sibling = peer.websocket().await;
    for _ in 0..20 {
        let mut stream = peer.websocket().await;
        stream.send.reset(code(Code::REQUEST_CANCELLED)).unwrap();
        assert_eq!(stream.reset().await, Code::REQUEST_CANCELLED, "its other side is reset as well");
        sibling.echo("I live").await;
    }
    eventually("they are gone", || server.workers.totals().websockets_open == 1).await;
}

#[tokio::test]
async fn q13_a_websocket_whose_client_stops_listening_ends_with_the_next_message() {
    let server = Server::start(1, Limits::default());
    let peer = server.peer().await;
    let mut sibling = peer.websocket().await;
    let mut stream = peer.websocket().await;
    stream.receive.stop(code(Code::REQUEST_CANCELLED)).unwrap();
    stream.data(&rig::masked(0x81, b"anybody there?")).await;
    eventually("it is gone", || server.workers.totals().websockets_open == 1).await;
    sibling.echo("I live").await;
}

#[tokio::test]
async fn t10_handshakes_that_are_none_are_refused_on_their_stream() {
    let server = Server::start(1, Limits::default());
    let peer = server.peer().await;
    let websocket = Request::websocket("localhost", "/chat");
    let version = ("sec-websocket-version", "13");
    let unknown = Request { protocol: Some("carrier-pigeon"), ..websocket };
    for (request, fields, status) in [
        (&unknown, vec![version], 501),
        (&websocket, vec![], 400),
        (&websocket, vec![("sec-websocket-version", "8")], 400),
        (&websocket, vec![version, ("content-length", "5")], 400),
        (&Request::https("POST", "localhost", "/"), vec![], 405),
        (&Request::https("GET", "localhost", "/"), vec![("content-length", "5")], 413),
    ] {
        let mut stream = peer.ask(request, &fields).await;
        assert_eq!(stream.response().await.status(), status, "{request:?} {fields:?}");
    }
    let plain = Request { scheme: None, path: None, protocol: None, ..websocket };
    let mut stream = peer.ask(&plain, &[]).await;
    assert_eq!(stream.response().await.status(), 501, "a tunnel to anywhere");
    peer.websocket().await.echo("I live").await;
}

#[tokio::test]
async fn a_request_that_does_not_arrive_is_given_up() {
    let server = Server::start(1, rig::small_limits());
    let peer = server.peer().await;
    let (mut send, mut receive) = peer.quic.open_bi().await.unwrap();
    send.write_all(b"\x01\x10\x00").await.unwrap();
    let answer = receive.read_chunk(1000, true).await.unwrap().unwrap();
    assert_eq!(answer.bytes[0], 1, "HEADERS");
    assert_eq!(server.workers.totals().requests_late, 1);
}
