//! Taking a server out of service.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that panics has failed")]

mod rig;

use net::echo::Echo;
use net::{Answer, Drain, Drained, Endpoint, Limits, Outgoing, Request, Site, Workers};
use rig::{connect, read_to_end, small_limits, start, status, websocket};
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};
use ws::{CloseCode, Message};

/// Says `bye` when it is drained.
struct Polite;

impl Endpoint for Polite {
    fn on_message(&mut self, _: Message<'_>, _: &mut Outgoing<'_>) {}
    fn on_drain(&mut self, out: &mut Outgoing<'_>) {
        out.send(Message::Text("bye")).unwrap();
    }
}

struct PoliteSite;

impl Site for PoliteSite {
    type Endpoint = Polite;
    fn respond(&self, request: &Request<'_>) -> Answer<Polite> {
        match ws::handshake::accept(request.head, &ws::handshake::ServerOffer::default()) {
            Ok(accepted) => {
                Answer::Upgrade { accepted, endpoint: Box::new(|_| Polite), config: Arc::default() }
            }
            Err(refusal) => Answer::refused(&refusal),
        }
    }
}

/// Starts a drain on a thread of its own.
fn drain(workers: Workers, drain: Drain) -> std::thread::JoinHandle<Drained> {
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(workers.drain(drain))
    })
}

/// Reads until the server closes its side, answering its Close frame.
fn leave(mut stream: TcpStream) -> Vec<u8> {
    let mut first = [0; 16];
    let size = std::io::Read::read(&mut stream, &mut first).unwrap();
    let _ = stream.write_all(&rig::masked(0x88, &1012_u16.to_be_bytes()));
    let mut all = first[..size].to_vec();
    all.extend(read_to_end(&mut stream));
    all
}

#[test]
fn everybody_hears_a_goodbye_and_a_close_code_spread_over_the_window() {
    let (workers, address) = start(Limits::default(), |_| PoliteSite);
    let sockets: Vec<TcpStream> = (0..20).map(|_| websocket(address)).collect();
    let window = Duration::from_millis(400);
    let began = Instant::now();
    let draining = drain(
        workers,
        Drain { window, code: CloseCode::SERVICE_RESTART, reason: "up".to_owned(), ..Drain::default() },
    );
    let leaving: Vec<_> = sockets
        .into_iter()
        .map(|socket| {
            std::thread::spawn(move || {
                let all = leave(socket);
                assert_eq!(all, b"\x81\x03bye\x88\x04\x03\xf4up");
                began.elapsed()
            })
        })
        .collect();
    let last = leaving.into_iter().map(|thread| thread.join().unwrap()).max().unwrap();
    assert_eq!(draining.join().unwrap(), Drained { asked: 20, cut: 0, requests_left: 0 });
    assert!(last >= window * 19 / 20, "the last of twenty hears it at the end of the window: {last:?}");
}

#[test]
fn who_does_not_answer_is_cut_at_the_deadline() {
    let (workers, address) = start(Limits::default(), |_| Echo::new(Arc::default()));
    let mut deaf = websocket(address);
    let options = Drain { window: Duration::ZERO, deadline: Duration::from_millis(100), ..Drain::default() };
    assert_eq!(drain(workers, options).join().unwrap(), Drained { asked: 1, cut: 1, requests_left: 0 });
    let heard = read_to_end(&mut deaf);
    assert_eq!(&heard[..4], b"\x88\x09\x03\xf4");
}

#[test]
fn a_request_under_way_is_answered_idle_connections_are_closed_and_new_ones_refused() {
    let (workers, address) =
        start(Limits { keep_alive_timeout: rig::PATIENCE, ..small_limits() }, |_| Echo::new(Arc::default()));
    let mut idle = connect(address);
    idle.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    rig::eventually("the first request is answered", || workers.totals().requests == 1);
    let mut half = connect(address);
    half.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    rig::eventually("both are here", || workers.totals().requesting == 2);

    let draining = drain(workers, Drain { deadline: rig::PATIENCE, ..Drain::default() });
    assert!(String::from_utf8(read_to_end(&mut idle)).unwrap().ends_with("Open a WebSocket.\n"));
    rig::eventually("new connections are refused", || refused(address));
    half.write_all(b"Host: a\r\n\r\n").unwrap();
    let answer = String::from_utf8(read_to_end(&mut half)).unwrap();
    assert_eq!(status(&answer), 200);
    assert!(answer.contains("Connection: close\r\n"), "{answer}");
    drop((idle, half));
    assert_eq!(draining.join().unwrap(), Drained::default());
}

#[test]
fn dropping_the_workers_ends_everything_at_once_even_a_drain() {
    let (workers, address) = start(Limits::default(), |_| Echo::new(Arc::default()));
    let mut socket = websocket(address);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let began = Instant::now();
    runtime.block_on(async {
        let long = Drain { window: rig::PATIENCE, deadline: 2 * rig::PATIENCE, ..Drain::default() };
        assert!(tokio::time::timeout(Duration::from_millis(50), workers.drain(long)).await.is_err());
    });
    drop(workers);
    read_to_end(&mut socket);
    assert!(began.elapsed() < rig::PATIENCE, "it did not wait for the drain");
}

fn refused(address: SocketAddr) -> bool {
    TcpStream::connect(address).is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused)
}
