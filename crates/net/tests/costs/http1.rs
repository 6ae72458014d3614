//! HTTP/1.1. A message: no allocation when plain, and two for each wake-up over TLS, however many messages it has. An idle
//! connection: about 1 KiB plain, and less than 3.5 KiB over TLS, beside the keys that aws-lc keeps for itself (about 2 KiB).

use crate::counting::{Notes, Seen};
use crate::rig;
use net::{Limits, Listen, Options, Tls, Workers};
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

fn server(tls: Option<Tls>) -> (Workers, SocketAddr, Arc<Seen>) {
    let mut options = Options::new(1, []);
    options.listen.push(Listen { address: "127.0.0.1:0".parse().unwrap(), tls, http3: false });
    options.limits = Limits::default();
    let notes = Notes::default();
    let seen = Arc::clone(&notes.seen);
    let workers = Workers::start(options, move |_| notes.clone()).unwrap();
    let address = workers.addresses()[0];
    (workers, address, seen)
}

/// Opens a WebSocket.
fn open(stream: &mut (impl Read + Write)) {
    write!(stream, "{}\r\n", rig::HANDSHAKE).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
}

/// Sends a small message and waits for its echo.
fn echo(stream: &mut (impl Read + Write)) {
    stream.write_all(&rig::masked(0x82, b"hello")).unwrap();
    stream.read_exact(&mut [0; 7]).unwrap();
}

/// Sends so many messages of so many bytes in one write, waits for their echoes, again and again; gives how much the server
/// allocated per round, on average of many.
fn allocations_per_round(stream: &mut (impl Read + Write), seen: &Seen, messages: usize, size: usize) -> f64 {
    const ROUNDS: u32 = 500;
    open(stream);
    let frames = rig::masked(0x82, &vec![7; size]).repeat(messages);
    let header = if size < 126 { 2 } else { 4 };
    let mut echoes = vec![0; messages * (header + size)];
    let mut round = || {
        stream.write_all(&frames).unwrap();
        stream.flush().unwrap();
        stream.read_exact(&mut echoes).unwrap();
    };
    // Buffers grow at first.
    (0..50).for_each(|_| round());
    let before = seen.allocations();
    (0..ROUNDS).for_each(|_| round());
    let after = seen.allocations();
    (after - before) as f64 / f64::from(ROUNDS)
}

#[test]
fn a_message_costs_no_allocation_on_a_plain_connection() {
    let (_workers, address, seen) = server(None);
    for (messages, size) in [(1, 32), (16, 32), (1, 16_384)] {
        let per_round = allocations_per_round(&mut rig::connect(address), &seen, messages, size);
        assert_eq!(per_round, 0.0, "{messages} messages of {size} bytes");
    }
}

/// Clients' configurations of TLS 1.3 and 1.2, and a server that they trust.
fn secure() -> (Tls, [Arc<ClientConfig>; 2]) {
    let directory = std::env::temp_dir().join(format!(
        "net-allocations-{}-{:?}",
        std::process::id(),
        std::thread::current().id()
    ));
    let tls = Tls::development(&directory, &[]).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(tls.certificate_path()).unwrap()).unwrap();
    let _ = std::fs::remove_dir_all(&directory);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let configs = [&rustls::version::TLS13, &rustls::version::TLS12].map(|version| {
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder.with_protocol_versions(&[version]).unwrap();
        Arc::new(builder.with_root_certificates(roots.clone()).with_no_client_auth())
    });
    (tls, configs)
}

fn connect(config: &Arc<ClientConfig>, address: SocketAddr) -> StreamOwned<ClientConnection, TcpStream> {
    let name = ServerName::try_from("localhost").unwrap();
    StreamOwned::new(ClientConnection::new(Arc::clone(config), name).unwrap(), rig::connect(address))
}

#[test]
fn a_wake_up_costs_two_allocations_over_tls_however_many_messages_it_has() {
    let (tls, configs) = secure();
    let (_workers, address, seen) = server(Some(tls));
    for config in configs {
        // One record that comes and one that goes, which rustls makes and frees. A message of 16 KiB and its header take two
        // records each way, and the part of a record that came with the one before is kept.
        for (messages, size, at_most) in [(1, 32, 2.0), (16, 32, 2.0), (1, 16_384, 6.0)] {
            let per_round = allocations_per_round(&mut connect(&config, address), &seen, messages, size);
            assert!(per_round <= at_most, "{messages} messages of {size} bytes: {per_round}");
        }
    }
}

/// How many bytes the server holds for each of many connections that have opened and do nothing.
fn bytes_per_idle_connection<S: Read + Write>(seen: &Seen, connect: impl Fn() -> S) -> i64 {
    const CONNECTIONS: usize = 200;
    let mut first = connect();
    open(&mut first);
    // Lists and tables of the worker grow in steps; they are as large as they will be before it is counted.
    let mut idle = Vec::new();
    let mut held = [0; 2];
    for held in &mut held {
        for _ in 0..CONNECTIONS {
            let mut stream = connect();
            open(&mut stream);
            idle.push(stream);
        }
        (0..2).for_each(|_| echo(&mut first));
        *held = seen.held_bytes();
    }
    (held[1] - held[0]) / CONNECTIONS as i64
}

#[test]
fn an_idle_connection_holds_about_1_kib_and_less_than_3_and_a_half_over_tls() {
    let (_workers, address, seen) = server(None);
    let plain = bytes_per_idle_connection(&seen, || rig::connect(address));
    let (tls, configs) = secure();
    let (_workers, address, seen) = server(Some(tls));
    let over_tls = configs.map(|config| bytes_per_idle_connection(&seen, || connect(&config, address)));
    println!("{plain} bytes plain, {over_tls:?} over TLS 1.3 and 1.2");
    // Futures of a build without optimization are a little larger than those that serve.
    assert!(plain < 1100, "{plain}");
    assert!(over_tls.iter().all(|bytes| *bytes < 3584), "{over_tls:?}");
}
