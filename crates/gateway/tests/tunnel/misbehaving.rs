//! Backends that are silent, that vanish, that never end: documented answers, and nobody else notices.

use crate::naive::{self, HANDSHAKE, ask, status, switching};
use crate::rig::{Running, config, echo, eventually, start};
use gateway::config::{Config, ListenerLimits};
use gateway::health::Report;
use gateway::tunnel::frames::Cause;
use gateway::tunnel::session::Outcome;
use net::{DialOptions, WebSocket};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;
use ws::Message;

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
const QUICK: &str = "timeouts = { response = \"300ms\", idle = \"400ms\" }";

/// An address where nobody listens.
fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn open(tunnel: &Running) -> TcpStream {
    let mut client = TcpStream::connect(tunnel.address).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    client.write_all(format!("{HANDSHAKE}\r\n").as_bytes()).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
    client
}

fn rest(mut client: TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    let _ = client.read_to_end(&mut all);
    all
}

#[test]
fn g_a_backend_that_accepts_and_says_nothing_is_a_504() {
    let (backend, _) = naive::start(|_, _, _| std::thread::sleep(Duration::from_secs(60)));
    let tunnel = start(config(&[backend], "", QUICK), false);
    assert_eq!(status(&ask(tunnel.address, GET)), 504);
    assert_eq!(status(&ask(tunnel.address, format!("{HANDSHAKE}\r\n").as_bytes())), 504);
    assert_eq!(*tunnel.told.reports.lock().unwrap(), [Report::ConnectFailed; 2]);
}

#[tokio::test]
async fn a_backend_that_cannot_be_reached_is_passed_over() {
    let (_echo, good) = echo(None);
    let tunnel = start(config(&[nobody(), good], "", ""), false);
    let url = format!("ws://{}/", tunnel.address);
    for _ in 0..4 {
        let mut socket = WebSocket::connect(&url, &DialOptions::default()).await.unwrap();
        socket.send(Message::Text("hello")).await.unwrap();
        assert!(socket.receive().await.is_some());
    }
    let tries: Vec<u32> = tunnel.told.open.lock().unwrap().iter().map(|facts| facts.tries).collect();
    assert!(tries.contains(&2), "{tries:?}");
}

#[test]
fn if_nobody_can_be_reached_the_answer_is_502() {
    let tunnel = start(config(&[nobody()], "", ""), false);
    assert_eq!(status(&ask(tunnel.address, GET)), 502);
}

#[test]
fn a_handshake_that_was_not_answered_is_tried_elsewhere_and_a_post_is_not() {
    let (rude, _) = naive::start(|stream, _, _| drop(stream.shutdown(std::net::Shutdown::Both)));
    let (good, _) = naive::start(|stream, head, _| {
        let _ = match head.starts_with("POST") {
            true => stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
            false => stream.write_all(switching(head).as_bytes()),
        };
    });
    let tunnel = start(config(&[rude, good], "", ""), false);
    drop((open(&tunnel), open(&tunnel)));
    let post = b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi";
    let statuses: Vec<u16> = (0..2).map(|_| status(&ask(tunnel.address, post))).collect();
    assert!(statuses.contains(&502) && statuses.contains(&200), "{statuses:?}");
}

#[test]
fn a_backend_that_vanishes_between_messages_is_told_of_with_1014() {
    let (backend, _) = naive::start(|stream, head, _| {
        stream.write_all(switching(head).as_bytes()).unwrap();
        stream.write_all(b"\x81\x02hi").unwrap();
        let _ = stream.shutdown(std::net::Shutdown::Both);
    });
    let tunnel = start(config(&[backend], "", ""), false);
    let came = rest(open(&tunnel));
    assert_eq!(came, b"\x81\x02hi\x88\x18\x03\xf6The backend went away.");
    let Outcome::Ended { cause, .. } = tunnel.told.record().outcome else { panic!("not ended") };
    assert_eq!(cause, Some(Cause::BackendGone));
    assert!(tunnel.told.reports.lock().unwrap().contains(&Report::Closed(1006)));
}

#[test]
fn a_backend_that_vanishes_in_the_middle_of_a_frame_cuts_the_client() {
    let (backend, _) = naive::start(|stream, head, _| {
        stream.write_all(switching(head).as_bytes()).unwrap();
        stream.write_all(b"\x81\x7dhalf").unwrap();
        let _ = stream.shutdown(std::net::Shutdown::Both);
    });
    let tunnel = start(config(&[backend], "", ""), false);
    assert_eq!(rest(open(&tunnel)), b"\x81\x7dhalf");
}

#[test]
fn a_response_that_stands_still_is_cut_so_that_the_client_notices() {
    let (backend, _) = naive::start(|stream, _, _| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome").unwrap();
        std::thread::sleep(Duration::from_secs(60));
    });
    let tunnel = start(config(&[backend], "", QUICK), false);
    let answer = ask(tunnel.address, GET);
    assert!(
        answer.ends_with("some") && answer.to_ascii_lowercase().contains("content-length: 100"),
        "{answer}"
    );
    let outcome = tunnel.told.record().outcome;
    assert_eq!(outcome, Outcome::Responded { status: 200, is_complete: false });
}

#[test]
fn nonsense_instead_of_an_answer_is_a_502() {
    for nonsense in [
        &b"SSH-2.0-OpenSSH\r\n\r\n"[..],
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
        b"HTTP/1.1 200 OK\nX: a\n\n",
    ] {
        let (backend, _) = naive::start(move |stream, _, _| drop(stream.write_all(nonsense)));
        let tunnel = start(config(&[backend], "", QUICK), false);
        assert_eq!(status(&ask(tunnel.address, GET)), 502, "{}", String::from_utf8_lossy(nonsense));
    }
    // A head without end is bounded.
    let (backend, _) = naive::start(|stream, _, _| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
        while stream.write_all(b"X-Long: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n").is_ok() {}
    });
    let tunnel = start(config(&[backend], "", ""), false);
    assert_eq!(status(&ask(tunnel.address, GET)), 502);
}

#[test]
fn a_message_over_the_limit_of_the_route_is_closed_with_1009() {
    let (backend, _) = naive::start(|stream, head, _| {
        stream.write_all(switching(head).as_bytes()).unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let tunnel = start(config(&[backend], "", "limits = { message_bytes_max = 100 }"), false);
    let mut client = open(&tunnel);
    client.write_all(&[0x82, 0x80 | 126, 0, 200, 1, 2, 3, 4]).unwrap();
    let mut close = [0; 4];
    client.read_exact(&mut close).unwrap();
    assert_eq!(close, [0x88, 27, 0x03, 0xf1]);
    drop(client);
    eventually("the session is over", || !tunnel.told.records.lock().unwrap().is_empty());
}

fn limits(config: &mut Config) -> &mut ListenerLimits {
    &mut config.listeners.values_mut().next().unwrap().limits
}

#[test]
fn a_body_longer_than_the_listener_takes_is_a_413() {
    let (backend, seen) = naive::start(|stream, _, _| drop(stream.read_to_end(&mut Vec::new())));
    let mut config = config(&[backend], "", "");
    limits(&mut config).body_bytes_max = 10;
    let tunnel = start(config, false);
    let head = "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n";
    let long = format!("{head}Content-Length: 11\r\n\r\n12345678901");
    assert_eq!(status(&ask(tunnel.address, long.as_bytes())), 413);
    assert_eq!(seen.count(), 0);
    let long = format!("{head}Transfer-Encoding: chunked\r\n\r\n6\r\n123456\r\n5\r\n78901\r\n0\r\n\r\n");
    assert_eq!(status(&ask(tunnel.address, long.as_bytes())), 413);
    assert!(tunnel.told.reports.lock().unwrap().is_empty());
}

/// Breaks a connection, so that the other end sees a reset.
fn break_off(client: TcpStream) {
    socket2::SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
}

#[test]
fn a_backend_that_takes_nothing_of_a_body_is_a_504() {
    for framing in ["Content-Length: 33554432", "Transfer-Encoding: chunked"] {
        let (backend, _) = naive::start(|_, _, _| std::thread::sleep(Duration::from_secs(60)));
        let mut config = config(&[backend], "", QUICK);
        limits(&mut config).body_bytes_max = 0;
        let tunnel = start(config, false);
        let client = TcpStream::connect(tunnel.address).unwrap();
        let mut sender = client.try_clone().unwrap();
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{framing}\r\n\r\n");
        let sending = std::thread::spawn(move || {
            let _ = sender.write_all(head.as_bytes());
            // 32 MiB are more than all kernels on the way keep. As chunks they are 512 of 64 KiB.
            let mut piece = vec![b'x'; 65_536];
            if head.contains("chunked") {
                piece = [b"10000\r\n", &piece[..], b"\r\n"].concat();
            }
            // The gateway stops reading at some time, and closes.
            while sender.write_all(&piece).is_ok() {}
        });
        let answer = String::from_utf8_lossy(&rest(client)).into_owned();
        assert_eq!(status(&answer), 504, "{framing}");
        sending.join().unwrap();
        assert_eq!(*tunnel.told.reports.lock().unwrap(), [Report::ConnectFailed]);
    }
}

#[test]
fn t1_a_client_that_takes_its_request_back_lets_the_backend_go() {
    let handshake = format!("{HANDSHAKE}\r\n");
    let stream = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome";
    for (request, answer) in [(handshake.as_bytes(), &b""[..]), (GET, b""), (GET, stream)] {
        let (sent, was_let_go) = std::sync::mpsc::channel();
        let sent = std::sync::Mutex::new(sent);
        let (backend, seen) = naive::start(move |stream, _, _| {
            stream.write_all(answer).unwrap();
            // No deadline of the gateway's is as short as this test's patience.
            let _ = sent.lock().unwrap().send(stream.read(&mut [0]).is_ok_and(|size| size == 0));
        });
        let patient = "timeouts = { response = \"200s\", idle = \"200s\" }";
        let tunnel = start(config(&[backend], "", patient), false);
        let mut client = TcpStream::connect(tunnel.address).unwrap();
        client.write_all(request).unwrap();
        eventually("the backend has the request", || seen.text().ends_with("\r\n\r\n"));
        if !answer.is_empty() {
            client.read_exact(&mut [0; 12]).unwrap();
        }
        break_off(client);
        assert_eq!(was_let_go.recv_timeout(crate::rig::PATIENCE), Ok(true));
        assert!(!tunnel.told.reports.lock().unwrap().contains(&Report::ConnectFailed));
    }
}

#[test]
fn what_http2_cannot_say_is_a_400_and_no_fault_of_the_backend() {
    let (_echo, backend) = echo(None);
    let tunnel = start(config(&[backend], "http = \"h2\"", ""), false);
    for request in ["GET /< HTTP/1.1\r\nHost: a\r\n", "GET / HTTP/1.1\r\nHost: a%41\r\n"] {
        let request = format!("{request}Connection: close\r\n\r\n");
        assert_eq!(status(&ask(tunnel.address, request.as_bytes())), 400, "{request}");
    }
    assert!(tunnel.told.reports.lock().unwrap().is_empty());
}
