//! A node with a game that counts, and players who speak the protocol over real sockets.

use crate::counting::Counting;
use crate::support::{self, Carrier, DEADLINE, Directory};
use matches::Registry;
use matches::wire::{ClientMessage, Hello, Input, ServerMessage, SnapshotHeader};
use net::{DialError, DialOptions, OwnedMessage, WebSocket};
use serde_json::Value;
use server::play::PlayConfig;
use server::{Config, Node};
use std::time::Duration;

/// A match of the game `short` has so many ticks.
pub const SHORT_TICKS: u32 = 20;

/// How long to wait after "come back later".
const PAUSE: Duration = Duration::from_millis(100);

/// A node with two workers.
pub fn node(directory: &Directory, change: impl FnOnce(&mut Config)) -> Node {
    let games = Registry::new().with::<Counting<0>>().with::<Counting<SHORT_TICKS>>();
    let play = PlayConfig {
        default_game: "endless".into(),
        places: 8,
        bots: 0,
        ..PlayConfig::new(games, directory.0.clone())
    };
    let mut config = Config { play, ..support::config(&directory.0) };
    change(&mut config);
    Node::start(config).unwrap()
}

/// A request without a body: the status, and the whole answer.
pub async fn ask(node: &Node, method: &str, target: &str, headers: &str) -> (u16, String) {
    let address = node.addresses().plain[0];
    let request =
        format!("{method} {target} HTTP/1.1\r\nHost: {address}\r\n{headers}Connection: close\r\n\r\n");
    let answer = support::http(address, request).await;
    let status = answer.get(9..12).and_then(|status| status.parse().ok());
    (status.unwrap_or_else(|| panic!("not an answer: {answer}")), answer)
}

/// The body of an answer, which is JSON.
pub fn body(answer: &str) -> Value {
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap_or_else(|_| panic!("{answer}"))
}

/// A new match; its id. A machine that does other things beside this test may have no time for one at first.
pub async fn create(node: &Node, query: &str) -> String {
    let create = async {
        loop {
            let (status, answer) = ask(node, "POST", &format!("/v1/matches?{query}"), "").await;
            if status != 503 {
                assert_eq!(status, 201, "{answer}");
                return body(&answer)["id"].as_str().unwrap().to_owned();
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    tokio::time::timeout(3 * DEADLINE, create).await.expect("the node never has time for a match")
}

/// One line of the metrics page.
pub async fn metric(node: &Node, name: &str) -> f64 {
    let page = support::get(node.addresses().admin.unwrap(), "/metrics").await;
    let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in {page}")).parse().unwrap()
}

/// Waits until a number of the metrics page is this.
pub async fn until_metric(node: &Node, name: &str, wanted: f64) {
    let wait = async {
        while metric(node, name).await != wanted {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(DEADLINE, wait).await.is_ok(), "{name} does not become {wanted}");
}

pub fn options(carrier: Carrier) -> DialOptions {
    DialOptions { subprotocols: vec!["stoa.match.v1".to_owned()], ..carrier.options() }
}

pub async fn dial(carrier: Carrier, node: &Node, id: &str) -> Result<WebSocket, DialError> {
    let url = carrier.url(node).replace("/v1/chat", &format!("/v1/match/{id}"));
    WebSocket::connect(&url, &options(carrier)).await
}

/// Somebody in a match.
pub struct Player {
    pub socket: WebSocket,
    pub slot: u8,
    pub secret: [u8; 16],
    pub is_return: bool,
    /// The tick that the server told last.
    pub tick: u32,
    /// Whether that was in a snapshot. The first one may show the tick that `welcome` told.
    has_snapshot: bool,
    header: Option<SnapshotHeader>,
}

impl Player {
    /// Joins a match, as often as it takes: while the machine does other things, the node may let in nobody for a moment.
    pub async fn join(carrier: Carrier, node: &Node, id: &str, hello: Hello<'_>) -> Self {
        let join = async {
            loop {
                let mut socket = dial(carrier, node, id).await.unwrap();
                say(&mut socket, &ClientMessage::Hello(hello)).await;
                match hear(&mut socket).await {
                    Some(welcome) => return (socket, welcome),
                    None => assert_eq!(socket.end().map(|end| end.code().get()), Some(1013)),
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        let (socket, welcome) = tokio::time::timeout(3 * DEADLINE, join).await.expect("nobody is let in");
        let ServerMessage::Welcome(welcome) = ServerMessage::read(&welcome).unwrap() else {
            panic!("{welcome:?}")
        };
        assert_eq!((welcome.id, welcome.introduction), (id, &b"counting"[..]));
        let (slot, secret, is_return, tick) =
            (welcome.slot, *welcome.resume, welcome.is_return, welcome.tick);
        Self { socket, slot, secret, is_return, tick, has_snapshot: false, header: None }
    }

    /// The next snapshot; the header, the sum, and how many play.
    pub async fn snapshot(&mut self) -> (SnapshotHeader, u32, u8) {
        loop {
            let message = hear(&mut self.socket).await;
            let message = message.unwrap_or_else(|| panic!("closed: {:?}", self.socket.end()));
            if let ServerMessage::Snapshot(change, body) = ServerMessage::read(&message).unwrap() {
                let header = change.after(self.header.as_ref()).unwrap();
                self.header = Some(header);
                let least = self.tick + u32::from(self.has_snapshot);
                assert!(header.tick >= least, "ticks go forward: {} after {}", header.tick, self.tick);
                self.has_snapshot = true;
                self.tick = header.tick;
                return (header, u32::from_le_bytes(body[..4].try_into().unwrap()), body[4]);
            }
        }
    }

    /// Adds something, two ticks from the latest that was seen.
    pub async fn add(&mut self, what: u8) {
        let (acknowledged, view, first) = (self.tick, self.tick * 8, self.tick + 2);
        let input = Input { acknowledged, view, first, count: 1, commands: &[what] };
        say(&mut self.socket, &ClientMessage::Input(input)).await;
    }

    /// Adds `what` once and takes snapshots, acknowledging each, until the sum is `wanted`.
    pub async fn add_until(&mut self, what: u8, wanted: u32) {
        self.snapshot().await;
        self.add(what).await;
        for _ in 0..300 {
            let (header, sum, _) = self.snapshot().await;
            assert!(sum <= wanted, "counted twice");
            if sum == wanted {
                assert!(header.applied > 0);
                return;
            }
            self.acknowledge().await;
        }
        panic!("the sum does not become {wanted}");
    }

    /// Says which snapshot was seen last.
    pub async fn acknowledge(&mut self) {
        let input = Input { acknowledged: self.tick, view: 0, first: 0, count: 0, commands: &[] };
        say(&mut self.socket, &ClientMessage::Input(input)).await;
    }
}

pub fn hello(name: &str) -> Hello<'_> {
    Hello { name, ..Hello::default() }
}

pub async fn say(socket: &mut WebSocket, message: &ClientMessage<'_>) {
    socket.send(ws::Message::Binary(&message.to_bytes())).await.unwrap();
}

/// The next message; none if the connection is closed.
pub async fn hear(socket: &mut WebSocket) -> Option<Vec<u8>> {
    let message = tokio::time::timeout(DEADLINE, socket.receive()).await.expect("nothing came in time")?;
    let OwnedMessage::Binary(bytes) = message else { panic!("a text: {message:?}") };
    Some(bytes)
}
