//! A real node on a loopback port, and clients that speak the protocol over real sockets.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use net::{DialError, DialOptions, HttpVersion, Tls, Trust, WebSocket};
use serde_json::Value;
use server::auth::AuthConfig;
use server::{Config, Node};
use std::future::Future;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// No step of a test waits longer than this.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// What is below the clients of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Carrier {
    pub http: HttpVersion,
    pub tls: bool,
}

impl Carrier {
    /// Each that there is. HTTP/3 has TLS always.
    pub const ALL: [(&str, Self); 5] = [
        ("h1", Self { http: HttpVersion::Http1, tls: false }),
        ("h1+tls", Self { http: HttpVersion::Http1, tls: true }),
        ("h2", Self { http: HttpVersion::Http2, tls: false }),
        ("h2+tls", Self { http: HttpVersion::Http2, tls: true }),
        ("h3", Self { http: HttpVersion::Http3, tls: true }),
    ];

    /// The one that `STOA_TEST_CARRIER` names; HTTP/1.1 without TLS if it names none. CI runs the chat tests with each.
    pub fn of_this_run() -> Self {
        let name = std::env::var("STOA_TEST_CARRIER").unwrap_or_else(|_| "h1".to_owned());
        let named = Self::ALL.iter().find(|(known, _)| *known == name);
        named.unwrap_or_else(|| panic!("STOA_TEST_CARRIER={name}: there is h1, h1+tls, h2, h2+tls, h3")).1
    }

    pub fn url(self, node: &Node) -> String {
        let addresses = node.addresses();
        if self.tls {
            format!("wss://{}/v1/chat", addresses.tls[0])
        } else {
            format!("ws://{}/v1/chat", addresses.plain[0])
        }
    }

    pub fn options(self) -> DialOptions {
        let subprotocols = vec!["stoa.chat.v1".to_owned()];
        DialOptions { subprotocols, http: self.http, trust: Trust::Anybody, ..DialOptions::default() }
    }
}

/// A directory that is removed at the end.
pub struct Directory(pub PathBuf);

impl Directory {
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("stoa-server-test-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub fn config(directory: &Path) -> Config {
    let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
    Config {
        listen: vec![any_port],
        tls_listen: vec![any_port],
        tls: Some(Tls::development(directory, &[]).unwrap()),
        http3: true,
        admin_listen: Some(any_port),
        data: directory.to_owned(),
        workers: 2,
        workers_pinned: false,
        auth: AuthConfig { guests_allowed: true, ..AuthConfig::default() },
        allowed_origins: net::origin::Allowed::SameOrigin,
        query_token_allowed: false,
        limits: chat::hub::HubLimits::default(),
        net_limits: net::Limits::default(),
        store: state::StoreConfig::new(directory.join("stoa.db")),
        websocket: ws::Config::default(),
        classic_root: None,
        play: server::play::PlayConfig::new(matches::Registry::new(), directory.to_owned()),
    }
}

/// Runs a test on a runtime like a worker's.
pub fn run<T>(test: impl Future<Output = T>) -> T {
    let builder = &mut tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().build_local(tokio::runtime::LocalOptions::default()).unwrap();
    runtime
        .block_on(async { tokio::time::timeout(10 * DEADLINE, test).await.expect("the test takes too long") })
}

pub fn url(node: &Node) -> String {
    Carrier::of_this_run().url(node)
}

/// What a browser says of a page of the node's own.
pub fn origin(node: &Node) -> String {
    url(node).replacen("ws", "http", 1).trim_end_matches("/v1/chat").to_owned()
}

pub fn options() -> DialOptions {
    Carrier::of_this_run().options()
}

pub struct Client {
    pub socket: WebSocket,
    pub welcome: Value,
}

impl Client {
    pub async fn connect(node: &Node) -> WebSocket {
        WebSocket::connect(&url(node), &options()).await.unwrap()
    }

    pub async fn connect_with(node: &Node, header: (&str, &str)) -> Result<WebSocket, DialError> {
        let headers = vec![(header.0.to_owned(), header.1.to_owned())];
        WebSocket::connect(&url(node), &DialOptions { headers, ..options() }).await
    }

    pub async fn hello(node: &Node, hello: &str) -> Self {
        let mut socket = Self::connect(node).await;
        say(&mut socket, hello).await;
        let welcome = hear(&mut socket).await.expect("a welcome");
        assert_eq!(welcome["t"], "welcome", "{welcome}");
        Self { socket, welcome }
    }

    /// A guest in a room.
    pub async fn guest(node: &Node, name: &str, room: &str) -> Self {
        let mut client = Self::hello(node, &format!(r#"{{"t":"hello","name":"{name}"}}"#)).await;
        client.say(&format!(r#"{{"t":"join","id":"j","room":"{room}"}}"#)).await;
        client.until("joined").await;
        client
    }

    pub async fn say(&mut self, text: &str) {
        say(&mut self.socket, text).await;
    }

    pub async fn send(&mut self, room: &str, id: &str, body: &str) {
        self.say(&format!(r#"{{"t":"send","id":"{id}","room":"{room}","body":"{body}"}}"#)).await;
    }

    /// The next message of that type; others are passed over.
    pub async fn until(&mut self, t: &str) -> Value {
        loop {
            let message = hear(&mut self.socket).await;
            let message =
                message.unwrap_or_else(|| panic!("closed while waiting for {t}: {:?}", self.socket.end()));
            if message["t"] == t {
                return message;
            }
        }
    }
}

pub async fn say(socket: &mut WebSocket, text: &str) {
    socket.send(ws::Message::Text(text)).await.unwrap();
}

pub async fn hear(socket: &mut WebSocket) -> Option<Value> {
    let message = tokio::time::timeout(DEADLINE, socket.receive()).await.expect("nothing came in time")?;
    Some(serde_json::from_str(message.as_text().unwrap()).unwrap())
}

/// The close code with which the server ended the connection.
pub async fn close_code(socket: &mut WebSocket) -> u16 {
    while tokio::time::timeout(DEADLINE, socket.receive()).await.expect("not closed in time").is_some() {}
    socket.end().map_or(1005, |end| end.code().get())
}

/// A plain HTTP request, as bytes; the whole answer, as text.
pub async fn http(address: SocketAddr, request: String) -> String {
    let exchange = move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    };
    tokio::task::spawn_blocking(exchange).await.unwrap()
}

pub async fn get(address: SocketAddr, target: &str) -> String {
    http(address, format!("GET {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")).await
}
