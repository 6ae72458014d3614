//! The smuggling set, against a backend that believes everything: nothing reaches it that should not.

use crate::naive::{self, HANDSHAKE, ask, status, switching};
use crate::rig::{config, eventually, is_refused, start};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

fn closing(request: &str) -> String {
    format!("{request}Connection: close\r\n\r\n")
}

#[test]
fn a_request_that_breaks_a_rule_opens_no_connection_to_the_backend() {
    let (backend, seen) = naive::start(|stream, _, _| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    });
    let tunnel = start(config(&[backend], "", ""), false);
    let get = "GET / HTTP/1.1\r\nHost: a\r\n";
    let handshake = |from: &str, to: &str| format!("{}\r\n", HANDSHAKE.replace(from, to));
    let bad = [
        (426, handshake("Version: 13", "Version: 1337")),
        (400, handshake("Upgrade: websocket", "Upgrade: h2c")),
        (400, handshake("Upgrade: websocket", "Upgrade: websocket, h2c")),
        (400, handshake("dGhlIHNhbXBsZSBub25jZQ==", "bm90IDE2IGJ5dGVz")),
        (405, handshake("GET", "POST")),
        (400, format!("{HANDSHAKE}Content-Length: 5\r\n\r\nhello")),
        (400, format!("{HANDSHAKE}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")),
        (
            400,
            format!(
                "{get}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n"
            ),
        ),
        (400, format!("{get}Connection: Cookie\r\nCookie: a=1\r\n\r\n")),
        (400, format!("{get}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")),
        (400, format!("{get}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello")),
        (400, format!("{get}Content-Length: +5\r\n\r\nhello")),
        (400, format!("{get}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n")),
        (400, format!("{get}X: a\r\n folded\r\n\r\n")),
        (400, format!("{get}X: a\nY: b\r\n\r\n")),
        (400, format!("{get}Host: b\r\n\r\n")),
        (400, "GET /a/../admin HTTP/1.1\r\nHost: a\r\n\r\n".to_owned()),
        (400, "GET /a%2f..%2fadmin HTTP/1.1\r\nHost: a\r\n\r\n".to_owned()),
        (400, "GET //admin HTTP/1.1\r\nHost: a\r\n\r\n".to_owned()),
        (400, "GET /%0d%0aX:%20y HTTP/1.1\r\nHost: a\r\n\r\n".to_owned()),
        (400, "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n".to_owned()),
        (405, "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned()),
    ];
    for (expected, request) in bad {
        let answer = ask(tunnel.address, closing_if_kept(&request).as_bytes());
        assert_eq!(status(&answer), expected, "{request}\n{answer}");
    }
    assert_eq!((seen.count(), seen.text()), (0, String::new()));
}

/// A refused request keeps the connection in some cases; the test wants it closed.
fn closing_if_kept(request: &str) -> String {
    if request.contains("Connection:") {
        // What follows is one more request, which says close.
        format!("{request}GET /%2e HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    } else {
        request.replacen("Host: a\r\n", "Host: a\r\nConnection: close\r\n", 1)
    }
}

#[test]
fn no_byte_of_a_client_goes_to_a_backend_that_has_not_agreed() {
    // It answers with a status of its own, and believes that it speaks with the client now.
    let (backend, seen) = naive::start(|stream, _, _| {
        let _ = stream.write_all(b"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\n\r\nno");
    });
    let tunnel = start(config(&[backend], "", ""), false);
    let secret = "GET /internal HTTP/1.1\r\nHost: b\r\n\r\n";
    let answer = ask(tunnel.address, format!("{HANDSHAKE}\r\n{secret}").as_bytes());
    assert_eq!(status(&answer), 426);
    assert_eq!(answer.matches("HTTP/1.1").count(), 1, "one answer, and then the connection is closed");
    assert!(!seen.text().contains("/internal"), "{}", seen.text());
}

#[test]
fn a_wrong_accept_a_wrong_protocol_and_a_101_that_nobody_asked_for_are_502() {
    let wrong = [
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
            .to_owned(),
        "HTTP/1.1 101 Switching Protocols\r\n\r\n".to_owned(),
    ];
    for answer in wrong {
        let (backend, seen) = naive::start(move |stream, _, _| drop(stream.write_all(answer.as_bytes())));
        let tunnel = start(config(&[backend], "", ""), false);
        assert_eq!(status(&ask(tunnel.address, format!("{HANDSHAKE}\r\nearly frames").as_bytes())), 502);
        assert_eq!(status(&ask(tunnel.address, closing("GET / HTTP/1.1\r\nHost: a\r\n").as_bytes())), 502);
        assert!(!seen.text().contains("early"), "{}", seen.text());
    }
}

#[test]
fn the_key_is_ours_and_frames_follow_once_the_backend_agreed() {
    let (backend, seen) = naive::start(|stream, head, seen| {
        std::thread::sleep(Duration::from_millis(50));
        seen.bytes.lock().unwrap().extend_from_slice(b"<agreed>");
        stream.write_all(switching(head).as_bytes()).unwrap();
        let mut frame = [0; 6];
        stream.read_exact(&mut frame).unwrap();
        seen.bytes.lock().unwrap().extend_from_slice(&frame);
        // The server's end of a WebSocket.
        stream.write_all(b"\x88\x02\x03\xe8").unwrap();
        let _ = stream.shutdown(std::net::Shutdown::Both);
    });
    let tunnel = start(config(&[backend], "", ""), false);
    let mut client = TcpStream::connect(tunnel.address).unwrap();
    client.write_all(format!("{HANDSHAKE}X-Forwarded-For: 10.0.0.1\r\n\r\n").as_bytes()).unwrap();
    client.write_all(b"\x81\x80\x01\x02\x03\x04").unwrap();
    eventually("the frame arrived", || seen.bytes.lock().unwrap().ends_with(b"\x81\x80\x01\x02\x03\x04"));
    let text = seen.text();
    assert!(text.contains("<agreed>\u{fffd}\u{fffd}\u{1}") || text.contains("<agreed>"), "{text}");
    assert!(!text.contains("dGhlIHNhbXBsZSBub25jZQ=="), "the client's key stays here");
    assert!(text.contains("X-Forwarded-For: 127.0.0.1\r\n") && !text.contains("10.0.0.1"), "{text}");
    let mut answer = Vec::new();
    let _ = client.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    // The accept is that of the client's key.
    assert!(
        answer.to_ascii_lowercase().contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="),
        "{answer}"
    );
}

#[test]
fn a_body_never_shares_a_connection_with_another_request() {
    // It reads no bodies at all, and takes whatever comes for a request.
    let (backend, seen) = naive::start(|stream, _, _| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    });
    let tunnel = start(config(&[backend], "", ""), false);
    let get = closing("GET /one HTTP/1.1\r\nHost: a\r\n");
    for _ in 0..3 {
        assert_eq!(status(&ask(tunnel.address, get.as_bytes())), 200);
    }
    assert_eq!(seen.count(), 1, "requests without a body share a connection");
    let inner = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    let post = format!(
        "POST /two HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{inner}",
        inner.len()
    );
    assert_eq!(status(&ask(tunnel.address, post.as_bytes())), 200);
    assert_eq!(seen.count(), 2);
    let answer = ask(tunnel.address, get.as_bytes());
    assert_eq!((status(&answer), seen.count()), (200, 2), "{answer}");
    eventually("all are recorded", || tunnel.told.records.lock().unwrap().len() == 5);
    assert!(!is_refused(&tunnel.told.record().outcome, 400));
}
