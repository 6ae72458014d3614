//! A server that has run out of file descriptors. The limit is set for a process of its own: this test starts itself.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that panics has failed")]

mod rig;

use net::Limits;
use net::echo::Echo;
use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

const INNER: &str = "NET_TEST_FEW_FILE_DESCRIPTORS";

#[test]
fn out_of_file_descriptors_the_server_waits_keeps_its_connections_and_recovers() {
    if std::env::var_os(INNER).is_some() {
        return inside();
    }
    let this = std::env::current_exe().unwrap();
    let test = "out_of_file_descriptors_the_server_waits_keeps_its_connections_and_recovers";
    let status = Command::new("sh")
        .args(["-c", "ulimit -n 40 && exec \"$0\" --exact \"$1\" --nocapture"])
        .arg(this)
        .arg(test)
        .env(INNER, "1")
        .status()
        .unwrap();
    assert!(status.success());
}

/// Server and client share 40 file descriptors. All are taken but one, which the client's socket takes.
fn inside() {
    let (workers, address) = rig::start(Limits::default(), |_| Echo::new(Arc::default()));
    let first = rig::websocket(address);
    let mut taken = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        taken.push(file);
    }
    taken.pop();
    let waiting = rig::connect(address);
    rig::eventually("accepting fails", || workers.totals().accept_failures > 0);
    let (start, failures) = (Instant::now(), workers.totals().accept_failures);
    std::thread::park_timeout(Duration::from_millis(300));
    let more = workers.totals().accept_failures - failures;
    let allowed = start.elapsed().as_millis() as u64 / 100 + 2;
    assert!(more <= allowed, "{more} tries where {allowed} are allowed: it spins");
    echoes(&first);

    drop(taken);
    let again = rig::websocket(address);
    echoes(&again);
    echoes(&first);
    drop(waiting);
}

fn echoes(mut stream: &TcpStream) {
    stream.write_all(&rig::masked(0x81, b"Hello")).unwrap();
    let mut echo = [0; 7];
    stream.read_exact(&mut echo).unwrap();
    assert_eq!(&echo, b"\x81\x05Hello");
}
