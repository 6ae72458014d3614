//! Requests of HTTP/1.1 that a site takes over, as literal bytes. The names begin with the row of the list of attacks that
//! they stand for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that panics has failed")]

mod rig;

use net::{Limits, Workers};
use rig::taker::{Seen, Taker};
use rig::{HANDSHAKE, connect, eventually, exchange, read_head, read_to_end, small_limits, start, status};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

fn server(limits: Limits) -> (Workers, SocketAddr, Arc<Seen>) {
    let seen = Arc::<Seen>::default();
    let taker = Taker(Arc::clone(&seen));
    let (workers, address) = start(limits, move |_| taker.clone());
    (workers, address, seen)
}

/// Reads one response with a length.
fn read_response(stream: &mut TcpStream) -> (String, String) {
    let head = read_head(stream);
    let length = head.to_lowercase().split_once("content-length: ").and_then(|(_, rest)| {
        let (length, _) = rest.split_once("\r\n")?;
        length.parse().ok()
    });
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).unwrap();
    (head, String::from_utf8(body).unwrap())
}

/// Asserts one answer with this status, and that the connection closes after it. Gives the answer.
#[track_caller]
fn closes_with(address: SocketAddr, expected: u16, request: &str) -> String {
    let response = exchange(address, request);
    assert_eq!(status(&response), expected, "{request:?} got {response:?}");
    assert!(response.contains("Connection: close"), "{response:?}");
    assert_eq!(response.matches("HTTP/1.1 ").count(), 1, "one answer, then close: {response:?}");
    response
}

#[test]
fn bodies_of_both_kinds_arrive_whole_and_the_next_request_follows_on_the_same_connection() {
    let (workers, address, seen) = server(Limits::default());
    let mut stream = connect(address);
    for (request, size) in [
        ("POST /whole HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nHello", "5 bytes"),
        (
            "PUT /whole HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nHello\r\n1;x=y\r\n!\r\n0\r\n\r\n",
            "6 bytes",
        ),
        ("DELETE /whole HTTP/1.1\r\nHost: a\r\n\r\n", "0 bytes"),
        ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", ""),
        ("PATCH /whole HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", "0 bytes"),
    ] {
        stream.write_all(request.as_bytes()).unwrap();
        let (head, body) = read_response(&mut stream);
        assert_eq!((status(&head), body.as_str()), (200, size), "{request:?}");
        assert!(!head.contains("Connection") && head.contains("Date: "), "{head}");
    }
    assert_eq!((seen.bytes.load(Ordering::SeqCst), workers.totals().requests), (11, 5));
}

#[test]
fn requests_with_bodies_that_come_at_once_are_answered_in_order_and_cut_where_they_end() {
    let (_workers, address, _) = server(Limits::default());
    let one = "POST /whole HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
    let other = "POST /whole HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nX-Sum: 7\r\n\r\n";
    let last = "GET /whole HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let all = [one, other, one, last].concat();
    let whole = exchange(address, &all);
    let bodies: Vec<&str> = ["3 bytes", "2 bytes", "3 bytes", "0 bytes"].to_vec();
    let mut rest = whole.as_str();
    for body in bodies {
        let at = rest.find(body).unwrap_or_else(|| panic!("no {body:?} in {whole:?}"));
        rest = &rest[at + body.len()..];
    }
    assert!(rest.is_empty() && whole.matches("HTTP/1.1 200").count() == 4, "{whole:?}");
    assert_eq!(whole.matches("x-sum: 7").count(), 1, "{whole:?}");
    // However the bytes are cut.
    let mut stream = connect(address);
    for byte in all.as_bytes() {
        stream.write_all(&[*byte]).unwrap();
    }
    let again = String::from_utf8(read_to_end(&mut stream)).unwrap();
    assert_eq!(again.matches("HTTP/1.1 200").count(), 4, "{again:?}");
}

#[test]
fn a02_a_chunk_that_is_written_oddly_is_400_and_nothing_behind_it_is_a_request() {
    let (workers, address, seen) = server(small_limits());
    let behind = "GET /whole HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut broken = 0;
    for body in [
        "5 \r\nHello\r\n0\r\n\r\n",
        "0x5\r\nHello",
        "5\nHello",
        "5;a\nb\r\nHello\r\n",
        "5\r\nHello!\r\n",
        "-1\r\n",
        "\r\n",
    ] {
        let request =
            format!("POST /whole HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{body}{behind}");
        closes_with(address, 400, &request);
        broken += 1;
    }
    let trailer =
        "POST /whole HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 5\r\n\r\n";
    closes_with(address, 400, &format!("{trailer}{behind}"));
    let long = format!("0\r\nx: {}\r\n\r\n", "y".repeat(9000));
    closes_with(
        address,
        431,
        &format!("POST /whole HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{long}{behind}"),
    );
    assert_eq!((seen.broken.load(Ordering::SeqCst), workers.totals().requests), (broken + 2, broken + 2));
}

#[test]
fn a02_a03_doubtful_lengths_are_refused_before_the_site_is_asked() {
    let (workers, address, _) = server(small_limits());
    for lengths in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Content-Length: 5\r\nContent-Length: 5",
        "Content-Length: +5",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding: \x0bchunked",
    ] {
        closes_with(address, 400, &format!("POST /whole HTTP/1.1\r\nHost: a\r\n{lengths}\r\n\r\nHello"));
    }
    closes_with(
        address,
        400,
        "POST /whole HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    );
    closes_with(
        address,
        501,
        "POST /whole HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    );
    closes_with(address, 400, "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(workers.totals().requests, 0);
}

#[test]
fn a_body_that_nobody_reads_closes_the_connection_and_is_never_a_request() {
    let (workers, address, _) = server(small_limits());
    let hidden = "GET /whole HTTP/1.1\r\nHost: a\r\n\r\n";
    let length = hidden.len();
    let by_length = format!("POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{hidden}");
    assert!(closes_with(address, 200, &by_length).ends_with("early"));
    let chunked = format!(
        "POST /early HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n{hidden}\r\n0\r\n\r\n"
    );
    closes_with(address, 200, &chunked);
    // The site answers without taking it over.
    closes_with(address, 200, &by_length.replace("/early", "/facts"));
    assert_eq!(workers.totals().requests, 3);
}

#[test]
fn a_client_that_asks_before_it_sends_is_told_to_go_on_when_the_site_wants_the_body() {
    let (_workers, address, _) = server(Limits::default());
    let head = |path: &str| {
        format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
    };
    let mut stream = connect(address);
    stream.write_all(head("/whole").as_bytes()).unwrap();
    assert_eq!(read_head(&mut stream), "HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"Hello").unwrap();
    assert_eq!(read_response(&mut stream).1, "5 bytes");
    // Who has sent it already needs no invitation.
    stream.write_all(format!("{}Hello", head("/whole")).as_bytes()).unwrap();
    assert_eq!(status(&read_response(&mut stream).0), 200);
    // And who is not wanted gets none: the answer comes, and the connection closes.
    stream.write_all(head("/early").as_bytes()).unwrap();
    let rest = String::from_utf8(read_to_end(&mut stream)).unwrap();
    assert!(
        rest.starts_with("HTTP/1.1 200") && rest.contains("Connection: close") && rest.ends_with("early"),
        "{rest}"
    );
}

#[test]
fn a_body_of_unknown_length_is_chunked_or_ends_with_the_connection() {
    let (_workers, address, _) = server(Limits::default());
    let mut stream = connect(address);
    let request = "POST /echo HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\r\n";
    stream.write_all(format!("{request}2\r\nab\r\n0\r\nX-Sum: 7\r\n\r\n").as_bytes()).unwrap();
    let head = read_head(&mut stream);
    assert!(head.contains("Transfer-Encoding: chunked\r\n") && head.contains("x-method: POST\r\n"), "{head}");
    let mut body = [0; "2\r\nab\r\n0\r\nx-sum: 7\r\n\r\n".len()];
    stream.read_exact(&mut body).unwrap();
    assert_eq!(&body, b"2\r\nab\r\n0\r\nx-sum: 7\r\n\r\n");
    // Trailers only go where they are asked for.
    let request = request.replace("TE: trailers\r\n", "");
    stream.write_all(format!("{request}2\r\nab\r\n0\r\nX-Sum: 7\r\n\r\n").as_bytes()).unwrap();
    read_head(&mut stream);
    let mut body = [0; "2\r\nab\r\n0\r\n\r\n".len()];
    stream.read_exact(&mut body).unwrap();
    assert_eq!(&body, b"2\r\nab\r\n0\r\n\r\n");
    let old =
        exchange(address, "POST /echo HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nab");
    assert!(
        old.ends_with("\r\n\r\nab") && old.contains("Connection: close") && !old.contains("chunked"),
        "{old}"
    );
}

#[test]
fn an_old_client_that_wants_to_stay_may_when_the_length_is_known() {
    let (_workers, address, _) = server(Limits::default());
    let mut stream = connect(address);
    for _ in 0..2 {
        stream.write_all(b"GET /whole HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").unwrap();
        let (head, body) = read_response(&mut stream);
        assert!(head.contains("Connection: keep-alive\r\n") && body == "0 bytes", "{head}");
    }
}

#[test]
fn head_and_204_have_no_body() {
    let (_workers, address, _) = server(Limits::default());
    let mut stream = connect(address);
    stream.write_all(b"HEAD /whole HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let head = read_head(&mut stream);
    assert!(head.contains("Content-Length: 7\r\n"), "{head}");
    stream.write_all(b"GET /empty HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let head = read_head(&mut stream);
    assert!(status(&head) == 204 && !head.contains("Content-Length") && !head.contains("chunked"), "{head}");
    stream.write_all(b"GET /whole HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert_eq!(read_response(&mut stream).1, "0 bytes", "nothing stood between the answers");
}

#[test]
fn hints_come_before_the_answer_and_not_to_old_clients() {
    let (_workers, address, _) = server(Limits::default());
    let mut stream = connect(address);
    stream.write_all(b"GET /hints HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert_eq!(read_head(&mut stream), "HTTP/1.1 103 Early Hints\r\nlink: </a>; rel=preload\r\n\r\n");
    assert_eq!(read_response(&mut stream).1, "hinted");
    assert!(exchange(address, "GET /hints HTTP/1.0\r\n\r\n").starts_with("HTTP/1.1 200"));
}

#[test]
fn an_answer_that_is_cut_looks_cut_and_one_that_is_missing_is_500() {
    let (_workers, address, _) = server(small_limits());
    let cut = exchange(address, "GET /cut HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(cut.contains("Content-Length: 10\r\n") && cut.ends_with("\r\n\r\nHello"), "{cut}");
    closes_with(address, 500, "GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n");
}

#[test]
fn a_websocket_is_bytes_both_ways_until_both_ends_have_ended() {
    let (workers, address, _) = server(small_limits());
    let mut stream = connect(address);
    let handshake = HANDSHAKE.replace("/chat", "/websocket");
    // Frames before the 101 (row A18) are there once after it.
    stream.write_all(format!("{handshake}\r\nearly").as_bytes()).unwrap();
    let head = read_head(&mut stream);
    assert_eq!(
        head,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nsec-websocket-protocol: chat\r\n\r\n"
    );
    let mut bytes = [0; 5];
    stream.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"early");
    stream.write_all(b"later").unwrap();
    stream.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"later");
    let totals = workers.totals();
    assert_eq!((totals.websockets_open, totals.websockets_opened, totals.requesting), (1, 1, 0));
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_to_end(&mut stream), b"bye", "a half that is closed does not close the other");
    eventually("it is gone", || workers.totals().websockets_open == 0);
}

#[test]
fn a06_a08_a09_what_is_no_handshake_is_never_101() {
    let (workers, address, _) = server(small_limits());
    let handshake = HANDSHAKE.replace("/chat", "/websocket");
    let body = format!("{}Content-Length: 5\r\n\r\nHello", handshake.replace("GET", "POST"));
    for request in [
        format!("{handshake}Content-Length: 5\r\n\r\nHello"),
        format!("{}\r\n", handshake.replace("HTTP/1.1", "HTTP/1.0")),
        format!("{}\r\n", handshake.replace("Connection: Upgrade\r\n", "")),
        format!("{}\r\n", handshake.replace("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZQ==")),
        format!("{}\r\n", handshake.replace("Version: 13", "Version: 12")),
        "GET /websocket HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        body,
    ] {
        // The site of this test does not look, and tries to accept.
        let response = exchange(address, format!("{request}GET /whole HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert!(response.starts_with("HTTP/1.1 500"), "{request:?} got {response:?}");
        assert_eq!(response.matches("HTTP/1.1 ").count(), 1, "{response:?}");
    }
    assert_eq!(workers.totals().websockets_opened, 0);
}

#[test]
fn a11_a_handshake_that_is_refused_closes_and_what_stands_behind_it_is_no_request() {
    let (workers, address, _) = server(small_limits());
    let handshake = HANDSHAKE.replace("/chat", "/early");
    closes_with(address, 200, &format!("{handshake}\r\nGET /whole HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_eq!(workers.totals().requests, 1);
}

#[test]
fn seats_are_limited_for_websockets_that_a_site_takes_over() {
    let (workers, address, _) = server(Limits { websockets_per_ip_max: 1, ..small_limits() });
    let handshake = format!("{}\r\n", HANDSHAKE.replace("/chat", "/websocket"));
    let mut first = connect(address);
    first.write_all(handshake.as_bytes()).unwrap();
    assert_eq!(status(&read_head(&mut first)), 101);
    assert_eq!(status(&exchange(address, &handshake)), 429);
    drop(first);
    eventually("its seat is free", || workers.totals().websockets_open == 0);
    let mut next = connect(address);
    next.write_all(handshake.as_bytes()).unwrap();
    assert_eq!(status(&read_head(&mut next)), 101);
}

#[test]
fn a13_a_body_that_trickles_or_stops_is_408() {
    let limits = Limits {
        body_bytes_per_second_min: 1000,
        body_grace: Duration::from_millis(100),
        body_piece_timeout: Duration::from_millis(300),
        ..small_limits()
    };
    let (workers, address, seen) = server(limits);
    let mut stream = connect(address);
    stream.write_all(b"POST /whole HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n").unwrap();
    let mut trickle = stream.try_clone().unwrap();
    let feeder = std::thread::spawn(move || {
        // It is cut long before.
        for _ in 0..2000 {
            if trickle.write_all(b"x").is_err() {
                return;
            }
            std::thread::park_timeout(Duration::from_millis(10));
        }
    });
    let answer = String::from_utf8(read_to_end(&mut stream)).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("Connection: close"), "{answer:?}");
    drop(stream);
    feeder.join().unwrap();
    closes_with(address, 408, "POST /whole HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nHe");
    assert_eq!((seen.broken.load(Ordering::SeqCst), workers.totals().requests_late), (2, 2));
}

#[test]
fn a_body_that_is_too_long_is_413_at_once_if_it_says_so_and_else_when_it_is() {
    let (workers, address, _) = server(Limits { request_body_bytes_max: 10, ..small_limits() });
    closes_with(address, 413, "POST /whole HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n");
    assert_eq!(workers.totals().requests, 0);
    closes_with(
        address,
        413,
        "POST /whole HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nHello World\r\n",
    );
    let fits = "POST /whole HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\nConnection: close\r\n\r\n0123456789";
    assert!(exchange(address, fits).ends_with("10 bytes"));
}

#[test]
fn a_site_that_takes_nothing_makes_the_client_wait_and_the_server_keep_little() {
    let (_workers, address, _) = server(Limits::default());
    let mut stream = connect(address);
    stream.set_nonblocking(true).unwrap();
    let _ = stream.write(b"POST /deaf HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n").unwrap();
    let (mut sent, mut silent_rounds) = (0, 0);
    // What the kernel keeps on both sides, and nothing of ours.
    while silent_rounds < 20 {
        match stream.write(&[0; 64 * 1024]) {
            Ok(size) => (sent, silent_rounds) = (sent + size, 0),
            Err(_) => {
                silent_rounds += 1;
                std::thread::park_timeout(Duration::from_millis(10));
            }
        }
        assert!(sent < 64 << 20, "it is read by somebody");
    }
}

#[test]
fn a_client_that_goes_away_is_noticed_and_one_that_takes_nothing_is_cut() {
    let (workers, address, seen) =
        server(Limits { write_timeout: Duration::from_millis(200), ..small_limits() });
    let mut stream = connect(address);
    stream.write_all(b"GET /flood HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    eventually("it is cut", || seen.unsent.load(Ordering::SeqCst) == 1);
    assert!(seen.bytes.load(Ordering::SeqCst) < 64 << 20);
    let waiting = connect(address);
    (&waiting).write_all(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    eventually("it is asked", || workers.totals().requests == 2);
    // A reset, not an end: the client may still want the answer after an end.
    socket2::SockRef::from(&waiting).set_linger(Some(Duration::ZERO)).unwrap();
    drop(waiting);
    eventually("it is noticed", || seen.gone.load(Ordering::SeqCst) == 1);
}

#[test]
fn requests_of_one_connection_have_one_number_and_others_another() {
    let (_workers, address, _) = server(Limits::default());
    let ask = |stream: &mut TcpStream| {
        stream.write_all(b"GET /facts HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        let body = read_response(stream).1;
        let number = body.strip_prefix("- None false ").unwrap_or_else(|| panic!("{body}"));
        number.parse::<u64>().unwrap()
    };
    let [mut one, mut other] = [connect(address), connect(address)];
    let numbers = [ask(&mut one), ask(&mut other), ask(&mut one)];
    assert!(numbers[0] == numbers[2] && numbers[0] != numbers[1], "{numbers:?}");
}
