//! HTTP/1.1 as a stranger may send it. The names begin with the row of the list of attacks that they stand for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that panics has failed")]

mod rig;

use http::StatusCode;
use net::origin::{self, Allowed};
use net::{Answer, Limits, NoEndpoint, Request, Site};
use rig::{HANDSHAKE, connect, exchange, read_head, read_to_end, small_limits, start, status};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// Echo with an origin check, and a page.
struct Pages(net::echo::Echo);

impl Site for Pages {
    type Endpoint = net::echo::EchoEndpoint;

    fn respond(&self, request: &Request<'_>) -> Answer<Self::Endpoint> {
        if ws::handshake::is_websocket_request(request.head)
            && origin::check(request.head, request.secure, &Allowed::SameOrigin).is_err()
        {
            return Answer::text(StatusCode::FORBIDDEN, "Pages from other origins may not connect.");
        }
        match request.head.path() {
            "/page" => Answer::text(StatusCode::OK, "Hello"),
            "/later" => rig::later(),
            "/never" => rig::never(),
            _ => self.0.respond(request),
        }
    }

    fn takes_post(&self, head: &ws::head::RequestHead) -> bool {
        head.path() == "/later"
    }
}

fn server(limits: Limits) -> (net::Workers, SocketAddr) {
    start(limits, |_| Pages(net::echo::Echo::new(Arc::default())))
}

/// Sends each request on a connection of its own, and checks the status and that the server closes.
fn refuses(expected: &[u16], requests: &[&str]) {
    let (workers, address) = server(small_limits());
    for request in requests {
        let response = exchange(address, request);
        let shown = &request[..request.len().min(200)];
        assert!(expected.contains(&status(&response)), "{shown:?} got {response:?}");
        assert!(response.contains("Connection: close"), "{shown:?} got {response:?}");
        assert_eq!(
            response.matches("HTTP/1.1 ").count(),
            1,
            "one answer, then close: {shown:?} got {response:?}"
        );
    }
    assert_eq!(workers.totals().requests, 0, "the site was not asked");
    assert_eq!(workers.totals().requests_bad, requests.len() as u64);
}

#[test]
fn a01_a_host_that_is_missing_twice_or_odd_is_400() {
    refuses(
        &[400],
        &[
            "GET /page HTTP/1.1\r\n\r\n",
            "GET /page HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
            "GET /page HTTP/1.1\r\nHost: user@a\r\n\r\n",
            "GET /page HTTP/1.1\r\nHost: a/path\r\n\r\n",
        ],
    );
}

#[test]
fn a02_a03_bodies_whose_length_is_doubtful_are_400_or_501() {
    refuses(
        &[400, 501],
        &[
            "GET /page HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "GET /page HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\n",
            "GET /page HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n",
            "GET /page HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
            "GET /page HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\n",
            "GET /page HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551616\r\n\r\n",
            "GET /page HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n",
            "GET /page HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\tchunked\x0b\r\n\r\n",
            "GET /page HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\0\r\n\r\n",
            "GET /page HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n",
            "GET /page HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        ],
    );
}

#[test]
fn a_request_with_a_body_is_413_and_its_body_is_never_a_second_request() {
    refuses(
        &[413],
        &[
            "GET /page HTTP/1.1\r\nHost: a\r\nContent-Length: 32\r\n\r\nGET /page HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n20\r\nGET /page HTTP/1.1\r\nHost: a\r\n\r\n",
        ],
    );
}

#[test]
fn a04_bare_line_ends_folds_and_control_characters_are_400() {
    refuses(
        &[400],
        &[
            "GET /page HTTP/1.1\nHost: a\n\n",
            "GET /page HTTP/1.1\r\nHost: a\n\r\n",
            "GET /page HTTP/1.1\r\nHost: a\rX: b\r\n\r\n",
            "GET /page HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n",
            "GET /page HTTP/1.1\r\nHost: a\r\nX: b\0\r\n\r\n",
            "GET /page HTTP/1.1\r\nHost: a\r\nX: \x07\r\n\r\n",
        ],
    );
}

#[test]
fn a05_what_is_too_long_is_refused_and_the_refusal_arrives() {
    let long = "x".repeat(100_000);
    refuses(&[414], &[&format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n")]);
    refuses(&[431], &[&format!("GET / HTTP/1.1\r\nHost: a\r\nX: {long}\r\n\r\n")]);
    refuses(&[431], &[&format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(10_000))]);
    refuses(&[400, 501], &[&format!("{long} / HTTP/1.1\r\nHost: a\r\n\r\n")]);
}

#[test]
fn a06_methods_and_versions_that_cannot_upgrade_never_get_101() {
    refuses(&[405], &[&HANDSHAKE.replace("GET", "POST").add("\r\n")]);
    let (_workers, address) = server(small_limits());
    let old = exchange(address, HANDSHAKE.replace("HTTP/1.1", "HTTP/1.0").add("\r\n"));
    assert_eq!(status(&old), 400, "{old}");
}

#[test]
fn a07_another_version_is_426_and_names_ours() {
    let (_workers, address) = server(small_limits());
    let response = exchange(address, HANDSHAKE.replace("Version: 13", "Version: 99").add("\r\n"));
    assert_eq!(status(&response), 426);
    assert!(response.to_ascii_lowercase().contains("sec-websocket-version: 13\r\n"), "{response}");
}

#[test]
fn a08_a_key_that_is_missing_twice_or_not_16_bytes_is_400() {
    let (_workers, address) = server(small_limits());
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for other in ["", "Sec-WebSocket-Key: c2hvcnQ=\r\n", "Sec-WebSocket-Key: !!!!\r\n", &key.repeat(2)] {
        let response = exchange(address, HANDSHAKE.replace(key, other).add("\r\n"));
        assert_eq!(status(&response), 400, "{other:?}");
    }
}

#[test]
fn a09_upgrade_without_connection_upgrade_is_not_101() {
    let (_workers, address) = server(small_limits());
    let response =
        exchange(address, HANDSHAKE.replace("Connection: Upgrade", "Connection: close").add("\r\n"));
    assert_eq!(status(&response), 400);
}

#[test]
fn a11_after_a_refused_handshake_nothing_more_is_read_as_a_request() {
    let (workers, address) = server(small_limits());
    let refused = HANDSHAKE.replace("Version: 13", "Version: 99");
    let response = exchange(address, format!("{refused}\r\nGET /page HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_eq!(response.matches("HTTP/1.1 ").count(), 1, "{response}");
    assert_eq!(workers.totals().requests, 1);
}

#[test]
fn a13_a_head_that_takes_too_long_is_408_and_a_silent_socket_is_closed() {
    let (workers, address) = server(small_limits());
    let mut silent = connect(address);
    let mut slow = connect(address);
    slow.write_all(b"GET /page HT").unwrap();
    assert_eq!(status(&String::from_utf8(read_to_end(&mut slow)).unwrap()), 408);
    read_to_end(&mut silent);
    rig::eventually("both are gone", || workers.totals().requesting == 0);
    assert_eq!(workers.totals().requests_late, 2);
}

#[test]
fn a13_one_address_can_hold_only_so_many_sockets_without_a_request() {
    let limits = Limits { pre_auth_connections_per_ip_max: 3, ..Limits::default() };
    let (workers, address) = server(limits);
    let held: Vec<TcpStream> = (0..3).map(|_| connect(address)).collect();
    rig::eventually("three wait", || workers.totals().requesting == 3);
    assert_eq!(read_to_end(&mut connect(address)), b"", "the fourth is closed");
    assert_eq!(workers.totals().refused_address, 1);
    drop(held);
    rig::eventually("the places are given back", || workers.totals().requesting == 0);
    let socket = rig::websocket(address);
    rig::eventually("a WebSocket holds no place", || workers.totals().requesting == 0);
    drop(socket);
}

#[test]
fn a_worker_that_is_full_closes_new_sockets_at_once() {
    let (workers, address) = server(Limits { connections_max: 2, ..Limits::default() });
    let held = (rig::websocket(address), rig::websocket(address));
    assert_eq!(read_to_end(&mut connect(address)), b"");
    assert_eq!(workers.totals().refused_full, 1);
    drop(held);
    rig::eventually("there is room again", || workers.totals().websockets_open == 0);
    rig::websocket(address);
}

#[test]
fn a14_a_head_in_a_thousand_packets_is_refused() {
    let (_workers, address) = server(Limits::default());
    let mut stream = connect(address);
    let head = format!("GET /page HTTP/1.1\r\nHost: a\r\nX: {}", "y".repeat(1000));
    for byte in head.as_bytes() {
        // The server may have refused already, and reset what comes after.
        if stream.write_all(&[*byte]).is_err() {
            break;
        }
        std::thread::yield_now();
    }
    // Bytes may have been read together, then the head is merely incomplete; its end decides.
    let _ = stream.write_all(b"\r\n\r\n");
    let answer = read_head(&mut stream);
    assert!(matches!(status(&answer), 200 | 400), "{answer}");
}

#[test]
fn a15_absurd_extension_and_protocol_lists_are_refused_or_ignored_quickly() {
    let (_workers, address) = server(small_limits());
    let params = "; a".repeat(4000);
    for (name, value) in [
        ("Sec-WebSocket-Extensions", format!("permessage-deflate{params}")),
        ("Sec-WebSocket-Extensions", "constructor; __proto__=1".to_owned()),
        ("Sec-WebSocket-Protocol", format!("a{}b", " ".repeat(32_000))),
        ("Sec-WebSocket-Protocol", "constructor".to_owned()),
    ] {
        let mut stream = connect(address);
        let _ = stream.write_all(format!("{HANDSHAKE}{name}: {value}\r\n\r\n").as_bytes());
        let answer = read_head(&mut stream);
        assert!(matches!(status(&answer), 101 | 400 | 431), "{name}: {answer}");
        assert!(!answer.contains("constructor") && !answer.contains("Sec-WebSocket-Extensions"), "{answer}");
    }
}

#[test]
fn a16_a_page_from_elsewhere_is_403() {
    let (_workers, address) = server(small_limits());
    for headers in [
        "Origin: http://evil.tld\r\n",
        "Origin: null\r\n",
        "Origin: http://localhost.evil.tld\r\n",
        "Cookie: session=1\r\n",
    ] {
        assert_eq!(status(&exchange(address, format!("{HANDSHAKE}{headers}\r\n"))), 403, "{headers}");
    }
    let mut stream = connect(address);
    let headers = "Origin: http://localhost\r\nCookie: session=1\r\n";
    stream.write_all(format!("{HANDSHAKE}{headers}\r\n").as_bytes()).unwrap();
    assert_eq!(status(&read_head(&mut stream)), 101);
}

#[test]
fn a17_an_escaped_line_end_in_the_target_is_400() {
    refuses(
        &[400],
        &[
            "GET /page%0d%0aX:y HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /page?q=%0D%0A HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET http://169.254.169.254/ HTTP/1.1\r\nHost: a\r\n\r\n",
        ],
    );
}

#[test]
fn a18_frames_sent_before_the_101_are_answered_once_after_it() {
    let (workers, address) = server(small_limits());
    let mut stream = connect(address);
    let mut bytes = format!("{HANDSHAKE}\r\n").into_bytes();
    bytes.extend(rig::masked(0x81, b"first"));
    bytes.extend(rig::masked(0x81, b"second"));
    stream.write_all(&bytes).unwrap();
    assert_eq!(status(&read_head(&mut stream)), 101);
    stream.write_all(&rig::masked(0x88, &1000_u16.to_be_bytes())).unwrap();
    assert_eq!(read_to_end(&mut stream), b"\x81\x05first\x81\x06second\x88\x02\x03\xe8");
    assert_eq!(workers.totals().messages_in, 2);
}

#[test]
fn a21_tls_and_garbage_on_a_plain_port_are_refused_at_once() {
    let (_workers, address) =
        server(Limits { linger_timeout: Duration::from_millis(100), ..Limits::default() });
    let start = std::time::Instant::now();
    for garbage in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"\x00\x01\x02\xff\xfe",
        b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58",
    ] {
        let answer = exchange(address, garbage);
        assert!(matches!(status(&answer), 400 | 505), "{answer}");
    }
    let http2 = exchange(address, b"PRI * HTTP/2.0\r\n\r\nno preface");
    assert!(!http2.contains("HTTP/1.1"), "who begins with HTTP/2 is answered in HTTP/2: {http2}");
    assert!(start.elapsed() < Duration::from_secs(8), "not one of them waited for the head timeout of 10 s");
}

#[test]
fn requests_on_one_connection_are_answered_in_order_until_one_says_close() {
    let (workers, address) = server(small_limits());
    let get = "GET /page HTTP/1.1\r\nHost: a\r\n\r\n";
    let head = "HEAD /page HTTP/1.1\r\nHost: a\r\n\r\n";
    let last = "GET /other HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let all = exchange(address, format!("{get}{head}{last}"));
    let parts: Vec<&str> = all.split("HTTP/1.1 200 OK\r\n").collect();
    assert_eq!(parts.len(), 4, "{all}");
    assert!(parts[1].ends_with("\r\n\r\nHello") && !parts[1].contains("Connection"));
    assert!(parts[2].contains("Content-Length: 5\r\n") && parts[2].ends_with("\r\n\r\n"), "HEAD has no body");
    assert!(parts[3].contains("Connection: close\r\n") && parts[1].contains("Date: "));
    assert_eq!(workers.totals().requests, 3);
}

#[test]
fn the_last_of_the_allowed_requests_closes_and_an_idle_connection_is_closed() {
    let (_workers, address) = server(Limits { requests_per_connection_max: 2, ..small_limits() });
    let get = "GET /page HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_eq!(exchange(address, get.repeat(3)).matches("HTTP/1.1 200").count(), 2);
    let once = exchange(address, get);
    assert!(
        !once.contains("Connection: close"),
        "it was closed for being idle, which needs no announcement: {once}"
    );
}

#[test]
fn a_site_without_websockets_needs_no_endpoint() {
    struct Health;
    impl Site for Health {
        type Endpoint = NoEndpoint;
        fn respond(&self, request: &Request<'_>) -> Answer<NoEndpoint> {
            assert!(request.peer.ip().is_loopback() && !request.secure);
            Answer::text(StatusCode::OK, "alive")
        }
    }
    let (_workers, address) = start(small_limits(), |_| Health);
    let mut stream = connect(address);
    stream.write_all(b"GET /health HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("\r\n\r\nalive"), "{answer}");
}

/// `String + &str` as a method, so that requests read from left to right.
trait Add {
    fn add(self, end: &str) -> String;
}

impl Add for String {
    fn add(mut self, end: &str) -> String {
        self.push_str(end);
        self
    }
}

#[test]
fn an_answer_may_come_later_and_those_behind_it_wait() {
    let (workers, address) =
        server(Limits { answer_timeout: Duration::from_millis(50), ..Limits::default() });
    let requests =
        ["/later", "/page", "/never", "/page"].map(|path| format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
    let mut stream = connect(address);
    stream.write_all(requests.concat().as_bytes()).unwrap();
    for (expected, body) in
        [(200, "Later"), (200, "Hello"), (503, "The answer took too long."), (200, "Hello")]
    {
        let head = read_head(&mut stream);
        assert_eq!(status(&head), expected);
        let length =
            head.split_once("Content-Length: ").unwrap().1.split_once('\r').unwrap().0.parse().unwrap();
        let mut text = vec![0; length];
        stream.read_exact(&mut text).unwrap();
        assert!(String::from_utf8(text).unwrap().starts_with(body));
    }
    assert_eq!(workers.totals().requests_late, 1);
}

#[test]
fn a_post_without_a_body_comes_through_where_the_site_takes_it_and_nowhere_else() {
    let (_workers, address) = server(small_limits());
    for (path, lines, expected) in [
        ("/later", "", 200),
        ("/later", "Content-Length: 0\r\n", 200),
        ("/later", "Content-Length: 1\r\n", 413),
        ("/later", "Transfer-Encoding: chunked\r\n", 413),
        ("/page", "", 405),
    ] {
        let request = format!("POST {path} HTTP/1.1\r\nHost: a\r\n{lines}Connection: close\r\n\r\n");
        assert_eq!(status(&exchange(address, request)), expected, "{path} {lines}");
    }
}
