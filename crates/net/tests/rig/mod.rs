//! What the tests of this crate share: a server with small limits, and a client that sends any bytes it likes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that panics has failed")]
#![allow(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod taker;

use net::{Answer, Limits, Options, Site, Worker, Workers};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long a test waits for something that must happen. It never decides whether a test passes on a slow machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Limits so small that a test can wait for them.
pub(crate) fn small_limits() -> Limits {
    Limits {
        tls_handshake_timeout: Duration::from_millis(300),
        request_head_timeout: Duration::from_millis(300),
        keep_alive_timeout: Duration::from_millis(300),
        linger_timeout: Duration::from_millis(300),
        ..Limits::default()
    }
}

/// An answer that another thread gives.
pub(crate) fn later<E>() -> Answer<E> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || sender.send("Later"));
    Answer::Later(Box::pin(async move { http::Response::new(receiver.await.unwrap().into()) }))
}

/// An answer that never comes.
pub(crate) fn never<E>() -> Answer<E> {
    Answer::Later(Box::pin(std::future::pending()))
}

/// One worker on a free port.
pub(crate) fn start<S: Site>(
    limits: Limits,
    make: impl Fn(&Worker) -> S + Send + Sync + 'static,
) -> (Workers, SocketAddr) {
    let mut options = Options::new(1, ["127.0.0.1:0".parse().unwrap()]);
    options.limits = limits;
    let workers = Workers::start(options, make).unwrap();
    let address = workers.addresses()[0];
    (workers, address)
}

/// A plain connection with a read timeout.
pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Everything until the server closes. A reset counts as the end; a wait that is too long fails the test.
pub(crate) fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    let mut buffer = [0; 16 * 1024];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return all,
            Ok(size) => all.extend_from_slice(&buffer[..size]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return all,
            Err(error) => panic!("after {:?}: {error}", String::from_utf8_lossy(&all)),
        }
    }
}

/// Sends bytes on a new connection and gives everything that comes back until the server closes.
pub(crate) fn exchange(address: SocketAddr, bytes: impl AsRef<[u8]>) -> String {
    let mut stream = connect(address);
    // The server may answer and close before it has read all.
    let _ = stream.write_all(bytes.as_ref());
    String::from_utf8_lossy(&read_to_end(&mut stream)).into_owned()
}

/// The status of a response.
pub(crate) fn status(response: &str) -> u16 {
    let status =
        response.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).and_then(|code| code.parse().ok());
    status.unwrap_or_else(|| panic!("not a response: {response:?}"))
}

/// Reads one response head, and nothing behind it.
pub(crate) fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

/// The request of RFC 6455 section 1.3, without its end.
pub(crate) const HANDSHAKE: &str = "GET /chat HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";

/// A socket on which the opening handshake is done.
pub(crate) fn websocket(address: SocketAddr) -> TcpStream {
    let mut stream = connect(address);
    stream.write_all(format!("{HANDSHAKE}\r\n").as_bytes()).unwrap();
    let head = read_head(&mut stream);
    assert_eq!(status(&head), 101);
    assert!(head.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{head}");
    stream
}

/// A client's frame with the mask of RFC 6455 section 5.7. The payload may be longer than a header can say here.
pub(crate) fn masked(first_byte: u8, payload: &[u8]) -> Vec<u8> {
    let key = [0x37, 0xfa, 0x21, 0x3d];
    let mut frame = vec![first_byte];
    match payload.len() {
        short @ 0..=125 => frame.push(0x80 | short as u8),
        medium @ 126..=65_535 => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(medium as u16).to_be_bytes());
        }
        long => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&key);
    frame.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

/// Waits until something is so.
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = std::time::Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}
