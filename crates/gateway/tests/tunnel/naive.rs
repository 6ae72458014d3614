//! A backend that believes everything, and writes down each byte that it gets.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What it has seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) bytes: Arc<Mutex<Vec<u8>>>,
    pub(crate) connections: Arc<AtomicU32>,
}

impl Seen {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap()).into_owned()
    }

    pub(crate) fn count(&self) -> u32 {
        self.connections.load(Ordering::SeqCst)
    }
}

/// Serves each connection with `behave`, on a thread of its own, which gets the head that was read.
pub(crate) fn start(
    behave: impl Fn(&mut TcpStream, &str, &Seen) + Send + Sync + 'static,
) -> (SocketAddr, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Seen::default();
    let (shared, behave) = (seen.clone(), Arc::new(behave));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            shared.connections.fetch_add(1, Ordering::SeqCst);
            let (seen, behave) = (shared.clone(), Arc::clone(&behave));
            std::thread::spawn(move || {
                let _ = stream.set_read_timeout(Some(Duration::from_secs(30)));
                while let Some(head) = read_head(&mut stream, &seen) {
                    behave(&mut stream, &head, &seen);
                }
            });
        }
    });
    (address, seen)
}

/// Reads up to the end of a head, and writes down all that came.
pub(crate) fn read_head(stream: &mut TcpStream, seen: &Seen) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0; 1];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
        seen.bytes.lock().unwrap().push(byte[0]);
    }
    String::from_utf8(head).ok()
}

/// The 101 that belongs to a handshake.
pub(crate) fn switching(head: &str) -> String {
    let key = head
        .lines()
        .find_map(|line| {
            line.split_once(": ").filter(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"))
        })
        .map_or("", |(_, key)| key);
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n\r\n",
        ws::handshake::accept_of(key)
    )
}

/// Sends bytes to the tunnel on a new connection, and gives what comes back until it closes.
pub(crate) fn ask(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let _ = stream.write_all(bytes);
    let mut all = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(size) => all.extend_from_slice(&buffer[..size]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
            Err(error) => panic!("{error} after {:?}", String::from_utf8_lossy(&all)),
        }
    }
    String::from_utf8_lossy(&all).into_owned()
}

/// The status of the first answer in what came back.
pub(crate) fn status(answer: &str) -> u16 {
    answer
        .get(9..12)
        .and_then(|status| status.parse().ok())
        .unwrap_or_else(|| panic!("no answer: {answer:?}"))
}

/// A proper handshake.
pub(crate) const HANDSHAKE: &str = "GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                                    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
