//! WebSockets on the worker that they belong to: sockets move there with everything that was read, streams of HTTP/2 and
//! HTTP/3 stay where their carrier is.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that panics has failed")]

mod rig;

use net::{
    Answer, DialOptions, Drain, Drained, Endpoint, HttpVersion, Limits, Listen, Options, Outgoing, Request,
    Site, Tls, Totals, Trust, WebSocket, Workers,
};
use rig::{HANDSHAKE, connect, eventually, masked, read_head, read_to_end, status};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;
use ws::handshake::{ServerOffer, accept};
use ws::{CloseCode, Message};

/// Tells on which worker it is, then echoes.
struct Placed(u16);

impl Endpoint for Placed {
    fn on_open(&mut self, out: &mut Outgoing<'_>) {
        out.send(Message::Text(&self.0.to_string())).unwrap();
    }

    fn on_message(&mut self, message: Message<'_>, out: &mut Outgoing<'_>) {
        out.send(message).unwrap();
    }

    fn on_drain(&mut self, out: &mut Outgoing<'_>) {
        out.send(Message::Text("bye")).unwrap();
    }
}

/// Opens a WebSocket on the worker whose number is the path.
struct Places;

impl Site for Places {
    type Endpoint = Placed;

    fn respond(&self, request: &Request<'_>) -> Answer<Placed> {
        let worker = request.head.path()[1..].parse().unwrap_or(0);
        match accept(request.head, &ServerOffer::default()) {
            Ok(accepted) => Answer::UpgradeOn {
                worker,
                accepted,
                endpoint: Box::new(|worker, _| Placed(worker)),
                config: Arc::default(),
                unsent_bytes_max: Some(16 * 1024),
            },
            Err(refusal) => Answer::refused(&refusal),
        }
    }
}

fn serve(workers: u16, limits: Limits, tls: Option<Tls>) -> (Workers, SocketAddr) {
    let http3 = tls.is_some();
    let mut options = Options::new(workers, []);
    options.listen.push(Listen { address: "127.0.0.1:0".parse().unwrap(), tls, http3 });
    options.limits = limits;
    let workers = Workers::start(options, |_| Places).unwrap();
    let address = workers.addresses()[0];
    (workers, address)
}

fn plain(workers: u16, limits: Limits) -> (Workers, SocketAddr) {
    serve(workers, limits, None)
}

/// A request for a WebSocket on that worker.
fn request(worker: u16) -> String {
    format!("{}\r\n", HANDSHAKE.replace("/chat", &format!("/{worker}")))
}

/// Reads one short text message of a server.
fn text(stream: &mut impl Read) -> String {
    let mut head = [0; 2];
    stream.read_exact(&mut head).unwrap();
    assert_eq!(head[0], 0x81, "{head:?}");
    let mut payload = vec![0; usize::from(head[1])];
    stream.read_exact(&mut payload).unwrap();
    String::from_utf8(payload).unwrap()
}

/// A WebSocket on that worker, which has said so.
fn open(address: SocketAddr, worker: u16) -> TcpStream {
    let mut stream = connect(address);
    stream.write_all(request(worker).as_bytes()).unwrap();
    assert_eq!(status(&read_head(&mut stream)), 101);
    assert_eq!(text(&mut stream), worker.to_string());
    stream
}

/// Opens WebSockets on both workers, until one had to move in each direction.
fn open_until_some_moved(workers: &Workers, address: SocketAddr) -> Vec<TcpStream> {
    let mut sockets = Vec::new();
    let moved = || workers.counters().iter().all(|counters| counters.handed_over.get() > 0);
    while !moved() {
        sockets.push(open(address, sockets.len() as u16 % 2));
        assert!(sockets.len() < 1000, "nothing moves");
    }
    sockets
}

/// The totals, without what they count beside places.
fn places(totals: Totals) -> [u64; 4] {
    [totals.websockets_open, totals.requesting, totals.hand_overs_refused, totals.requests_bad]
}

#[test]
fn a_websocket_lives_on_the_worker_that_it_belongs_to_and_every_place_is_given_back() {
    let (workers, address) = plain(2, Limits::default());
    let mut sockets = open_until_some_moved(&workers, address);
    let count = sockets.len() as u64;
    eventually("nobody is at the door", || places(workers.totals()) == [count, 0, 0, 0]);
    let open: Vec<u64> = workers.counters().iter().map(|c| c.websockets_open.get()).collect();
    assert_eq!(open, [count.div_ceil(2), count / 2], "each is where it belongs");
    for socket in &mut sockets {
        socket.write_all(&masked(0x81, b"still there?")).unwrap();
        assert_eq!(text(socket), "still there?");
    }
    drop(sockets);
    eventually("all are gone", || places(workers.totals()) == [0; 4]);
    assert_eq!(workers.totals().websockets_opened, count);
}

#[test]
fn what_was_pipelined_behind_the_handshake_arrives_in_order_after_the_move() {
    let (workers, address) = plain(2, Limits::default());
    let moved = || workers.totals().handed_over;
    while moved() < 4 {
        for worker in [0, 1] {
            let mut stream = connect(address);
            let mut bytes = request(worker).into_bytes();
            (0..100).for_each(|n| bytes.extend(masked(0x81, format!("early {n}").as_bytes())));
            // The last frame comes in two pieces, so that the first is half read when the socket moves.
            let last = masked(0x81, b"cut in the middle");
            bytes.extend(&last[..9]);
            stream.write_all(&bytes).unwrap();
            assert_eq!(status(&read_head(&mut stream)), 101);
            assert_eq!(text(&mut stream), worker.to_string());
            (0..100).for_each(|n| assert_eq!(text(&mut stream), format!("early {n}")));
            stream.write_all(&last[9..]).unwrap();
            assert_eq!(text(&mut stream), "cut in the middle");
        }
    }
}

#[test]
fn a_worker_that_has_no_room_or_is_late_or_full_refuses_before_the_upgrade() {
    let no_room = Limits { hand_overs_waiting_max: 0, ..Limits::default() };
    let late = Limits { hand_over_timeout: Duration::ZERO, ..Limits::default() };
    for (limits, why) in [(no_room, "no room"), (late, "late")] {
        let (workers, address) = plain(2, limits);
        let mut refused = 0;
        let mut opened = 0;
        while refused == 0 || opened == 0 {
            let mut stream = connect(address);
            stream.write_all(request(1).as_bytes()).unwrap();
            let head = read_head(&mut stream);
            match status(&head) {
                101 => opened += 1,
                503 => {
                    assert!(head.to_lowercase().contains("retry-after: 2\r\n"), "{why}: {head}");
                    assert!(read_to_end(&mut stream).starts_with(b"The worker"), "{why}");
                    refused += 1;
                }
                other => panic!("{why}: {other}"),
            }
            assert!(refused + opened < 1000, "{why}");
        }
        let totals = workers.totals();
        assert_eq!(totals.hand_overs_refused, refused, "{why}");
        // The last of them may have its answer before it is counted.
        let is_counted = || workers.totals().websockets_opened == opened;
        eventually("no endpoint was made for those that were refused", is_counted);
        eventually("every place is given back", || {
            let totals = workers.totals();
            (totals.websockets_open, totals.requesting) == (0, 0)
        });
    }
}

#[test]
fn seats_are_counted_where_the_websocket_is() {
    let (workers, address) = plain(2, Limits { websockets_per_ip_max: 2, ..Limits::default() });
    let first = [open(address, 1), open(address, 1)];
    // From worker 0 it has to move, and finds no seat there. On worker 1 it finds none at once.
    while workers.counters()[0].handed_over.get() < 3 {
        let mut stream = connect(address);
        stream.write_all(request(1).as_bytes()).unwrap();
        assert_eq!(status(&read_head(&mut stream)), 429);
    }
    assert_eq!(workers.totals().websockets_opened, 2);
    drop(first);
    eventually("the seats are free", || workers.totals().websockets_open == 0);
    drop([open(address, 1), open(address, 1)]);
}

#[test]
fn a_worker_that_is_dead_gets_nothing() {
    struct Fragile;
    impl Site for Fragile {
        type Endpoint = Placed;
        fn respond(&self, request: &Request<'_>) -> Answer<Placed> {
            Places.respond(request)
        }
    }
    let options = Options::new(2, ["127.0.0.1:0".parse().unwrap()]);
    let make = |worker: &net::Worker| {
        assert_eq!(worker.index, 0, "worker 1 ends here, on purpose");
        Fragile
    };
    let workers = Workers::start(options, make).unwrap();
    eventually("worker 1 is dead", || !workers.are_running());
    let address = workers.addresses()[0];
    let mut stream = connect(address);
    stream.write_all(request(1).as_bytes()).unwrap();
    assert_eq!(status(&read_head(&mut stream)), 503);
    drop(open(address, 0));
}

#[test]
fn a_drain_finds_websockets_that_have_moved_and_asks_each_once() {
    let (workers, address) = plain(2, Limits::default());
    let sockets = open_until_some_moved(&workers, address);
    let count = sockets.len() as u64;
    let leaving: Vec<_> = sockets
        .into_iter()
        .map(|mut socket| {
            std::thread::spawn(move || {
                assert_eq!(text(&mut socket), "bye");
                socket.write_all(&masked(0x88, &1012_u16.to_be_bytes())).unwrap();
                read_to_end(&mut socket)
            })
        })
        .collect();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let drain = Drain { window: Duration::from_millis(50), ..Drain::default() };
    let drained = runtime.block_on(workers.drain(drain));
    assert_eq!(drained, Drained { asked: count, cut: 0, requests_left: 0 });
    for socket in leaving {
        assert_eq!(socket.join().unwrap()[..4], [0x88, 9, 0x03, 0xf4], "1012 and \"restart\"");
    }
    assert_eq!(places(workers.totals()), [0; 4]);
}

/// A directory for a development certificate, gone after the test.
struct Directory(std::path::PathBuf);

impl Directory {
    fn new(name: &str) -> (Self, Tls) {
        let path = std::env::temp_dir().join(format!("net-hand-over-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        let tls = Tls::development(&path, &[]).unwrap();
        (Self(path), tls)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn the_state_of_tls_moves_along() {
    let (_directory, tls) = Directory::new("tls");
    let (workers, address) = serve(2, Limits::default(), Some(tls));
    let options = DialOptions { trust: Trust::Anybody, ..DialOptions::default() };
    let big = "x".repeat(300_000);
    while workers.totals().handed_over < 4 {
        for worker in [0, 1] {
            let url = format!("wss://{address}/{worker}");
            let mut socket = WebSocket::connect(&url, &options).await.unwrap();
            assert_eq!(socket.receive().await.unwrap().as_text(), Some(&*worker.to_string()));
            for body in ["one", &big, "three"] {
                socket.send(Message::Text(body)).await.unwrap();
            }
            for body in ["one", &big, "three"] {
                assert_eq!(socket.receive().await.unwrap().as_text(), Some(body));
            }
            socket.close(CloseCode::NORMAL, "").await;
        }
    }
    eventually("all are gone", || places(workers.totals()) == [0; 4]);
}

#[test]
fn records_that_came_with_the_handshake_move_along() {
    use rustls::{ClientConfig, ClientConnection, StreamOwned};
    let (_directory, tls) = Directory::new("records");
    let mut roots = rustls::RootCertStore::empty();
    let pem = std::fs::read(tls.certificate_path()).unwrap();
    let certificates =
        <rustls::pki_types::CertificateDer<'_> as rustls::pki_types::pem::PemObject>::pem_slice_iter(&pem);
    certificates.for_each(|certificate| roots.add(certificate.unwrap()).unwrap());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(builder.with_root_certificates(roots).with_no_client_auth());
    let (workers, address) = serve(2, Limits::default(), Some(tls));
    while workers.totals().handed_over < 4 {
        for worker in [0, 1] {
            let session =
                ClientConnection::new(Arc::clone(&config), "localhost".try_into().unwrap()).unwrap();
            let mut stream = StreamOwned::new(session, connect(address));
            let host = request(worker);
            stream.conn.complete_io(&mut stream.sock).unwrap();
            // Several records, which leave in one write, the last of them cut.
            stream.conn.writer().write_all(host.as_bytes()).unwrap();
            let mut wire = Vec::new();
            stream.conn.write_tls(&mut wire).unwrap();
            for n in 0..50 {
                stream.conn.writer().write_all(&masked(0x81, format!("early {n}").as_bytes())).unwrap();
                while stream.conn.wants_write() {
                    stream.conn.write_tls(&mut wire).unwrap();
                }
            }
            let (now, later) = wire.split_at(wire.len() - 7);
            stream.sock.write_all(now).unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            assert_eq!(status(&String::from_utf8(head).unwrap()), 101);
            assert_eq!(text(&mut stream), worker.to_string());
            stream.sock.write_all(later).unwrap();
            (0..50).for_each(|n| assert_eq!(text(&mut stream), format!("early {n}")));
        }
    }
}

#[tokio::test]
async fn a_stream_of_a_carrier_stays_where_the_carrier_is_and_is_told_where_that_is() {
    let (_directory, tls) = Directory::new("carriers");
    let (workers, address) = serve(2, Limits::default(), Some(tls));
    for http in [HttpVersion::Http2, HttpVersion::Http3] {
        let options = DialOptions { trust: Trust::Anybody, http, ..DialOptions::default() };
        for worker in [0_u16, 1] {
            let url = format!("wss://{address}/{worker}");
            let mut socket = WebSocket::connect(&url, &options).await.unwrap();
            let here: usize = socket.receive().await.unwrap().as_text().unwrap().parse().unwrap();
            assert_eq!(workers.counters()[here].websockets_open.get(), 1, "{http:?}");
            socket.close(CloseCode::NORMAL, "").await;
            // The client's carrier runs on this thread, so it must not be blocked.
            while workers.totals().websockets_open > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }
    assert_eq!(workers.totals().handed_over, 0);
}

/// Sends as long as there is room.
struct Flooding(net::Wake);

impl Endpoint for Flooding {
    fn on_message(&mut self, _: Message<'_>, _: &mut Outgoing<'_>) {}

    fn on_writable(&mut self, out: &mut Outgoing<'_>) {
        while out.room() > 1024 {
            out.send(Message::Binary(&[7; 1000])).unwrap();
        }
        self.0.wake();
    }
}

/// Floods, with as many bytes in the kernel as the path says; 0 for its default.
struct Floods;

impl Site for Floods {
    type Endpoint = Flooding;

    fn respond(&self, request: &Request<'_>) -> Answer<Flooding> {
        let unsent_bytes_max: u32 = request.head.path()[1..].parse().unwrap();
        let accepted = accept(request.head, &ServerOffer::default()).unwrap();
        Answer::UpgradeOn {
            worker: 0,
            accepted,
            endpoint: Box::new(|_, wake| Flooding(wake)),
            config: Arc::default(),
            unsent_bytes_max: (unsent_bytes_max > 0).then_some(unsent_bytes_max),
        }
    }
}

/// How many bytes are written to a peer that reads nothing.
fn written_to_a_sleeper(unsent_bytes_max: u32) -> u64 {
    let workers = Workers::start(Options::new(1, ["127.0.0.1:0".parse().unwrap()]), |_| Floods).unwrap();
    let address = workers.addresses()[0];
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(16 * 1024).unwrap();
    socket.connect(&address.into()).unwrap();
    let mut stream = TcpStream::from(socket);
    let request = HANDSHAKE.replace("/chat", &format!("/{unsent_bytes_max}"));
    stream.write_all(format!("{request}\r\n").as_bytes()).unwrap();
    let (mut before, mut quiet) = (0, 0);
    eventually("the kernel takes no more", || {
        let now = workers.totals().bytes_out;
        quiet = if now > 0 && now == before { quiet + 1 } else { 0 };
        before = now;
        quiet == 50
    });
    before
}

#[test]
fn what_waits_in_the_kernel_can_be_kept_small() {
    let (little, much) = (written_to_a_sleeper(16 * 1024), written_to_a_sleeper(0));
    assert!(little < 256 * 1024, "{little} bytes wait");
    assert!(much > 4 * little, "by default {much} bytes wait, and {little} if that is asked for");
}
