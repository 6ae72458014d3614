//! A19: what stands in a query is never written to a log.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that panics has failed")]

mod rig;

use net::echo::Echo;
use rig::{HANDSHAKE, exchange, small_limits, start};
use std::io;
use std::sync::{Arc, Mutex};
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[test]
fn a19_a_token_in_the_query_is_in_no_log_line() {
    let log = Log::default();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone()).finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    tracing::info!("the log is on");

    let (_workers, address) = start(small_limits(), |_| Echo::new(Arc::default()));
    let with_token = HANDSHAKE.replace("/chat", "/chat?token=SECRET");
    let requests = [
        "GET /?token=SECRET HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".to_owned(),
        "GET /?token=SECRET HTTP/1.1\r\n\r\n".to_owned(),
        "POST /?token=SECRET HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc".to_owned(),
        "GET /?token=SECRET&cut".to_owned(),
        format!("{}\r\n", with_token.replace("Version: 13", "Version: 99")),
        format!("{with_token}\r\n\u{1}\u{1}"),
    ];
    for request in &requests {
        let answer = exchange(address, request);
        assert!(!answer.contains("SECRET"), "nor in an answer: {answer}");
    }
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("the log is on") && !log.contains("SECRET"), "{log}");
}
