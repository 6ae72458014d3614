//! A client on a real socket: the lab's state machine, driven by one task.

use lab::client::{Client, ClientConfig, Output};
use lab::history::{Entry, EventSeen, What};
use lab::random::Random;
use net::{DialOptions, WebSocket};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use ws::{CloseCode, Message};

/// Messages that each client has under way at any time.
const IN_FLIGHT: usize = 4;

/// A page: the room's head, and the events.
type Page = (u64, Vec<EventSeen>);

/// What all devices share.
pub(crate) struct Crew {
    url: String,
    origin: Instant,
    /// The histories of all devices, in the order of real time: they all run on one thread.
    pub(crate) entries: RefCell<Vec<Entry>>,
    pub(crate) crashes: RefCell<Vec<Duration>>,
    /// Whether devices send as fast as they can.
    pub(crate) sending: Cell<bool>,
}

pub(crate) struct Device {
    pub(crate) index: u32,
    pub(crate) client: RefCell<Client>,
    crew: Rc<Crew>,
    /// Somebody else has used the client.
    nudge: Notify,
    pages: RefCell<BTreeMap<String, Page>>,
    said: Cell<u64>,
}

impl Crew {
    pub(crate) fn new(url: String) -> Rc<Self> {
        Rc::new(Self {
            url,
            origin: Instant::now(),
            entries: RefCell::default(),
            crashes: RefCell::default(),
            sending: Cell::new(false),
        })
    }

    pub(crate) fn now(&self) -> Duration {
        self.origin.elapsed()
    }
}

impl Device {
    /// A guest of its own, who connects and stays for as long as the test runs.
    pub(crate) fn start(index: u32, crew: &Rc<Crew>) -> Rc<Self> {
        let config = ClientConfig {
            backoff_first: Duration::from_millis(20),
            backoff_max: Duration::from_millis(300),
            ..ClientConfig::default()
        };
        let client = Client::new(index, &format!("Guest {index}"), None, config, Random::new(index.into()));
        let device = Rc::new(Self {
            index,
            client: RefCell::new(client),
            crew: Rc::clone(crew),
            nudge: Notify::new(),
            pages: RefCell::default(),
            said: Cell::new(0),
        });
        tokio::task::spawn_local(Rc::clone(&device).live());
        device
    }

    /// Uses the client from outside of its task.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut Client, Duration) -> T) -> T {
        let result = act(&mut self.client.borrow_mut(), self.crew.now());
        self.keep_history();
        self.nudge.notify_one();
        result
    }

    /// The answer to a request for history, if it has come.
    pub(crate) fn page(&self, request: &str) -> Option<Page> {
        self.pages.borrow_mut().remove(request)
    }

    async fn live(self: Rc<Self>) {
        let options = DialOptions {
            subprotocols: vec![chat::protocol::SUBPROTOCOL.to_owned()],
            timeout: Duration::from_secs(5),
            ..DialOptions::default()
        };
        loop {
            let code = match WebSocket::connect(&self.crew.url, &options).await {
                Ok(socket) => self.converse(socket).await,
                Err(_) => 1006,
            };
            self.client.borrow_mut().closed(self.crew.now(), code);
            self.keep_history();
            tokio::time::sleep(self.pause()).await;
        }
    }

    /// How long the client wants to wait before it reconnects.
    fn pause(&self) -> Duration {
        let mut client = self.client.borrow_mut();
        while let Some(output) = client.poll_output() {
            match output {
                Output::Reconnect { after } => return after.min(Duration::from_secs(1)),
                Output::Stopped { code } => panic!("the server sent client {} away with {code}", self.index),
                Output::Text(_) | Output::Close => {}
            }
        }
        unreachable!("a client that lost its connection reconnects or stops")
    }

    /// One connection, from its opening to its end; returns the close code.
    async fn converse(&self, mut socket: WebSocket) -> u16 {
        self.client.borrow_mut().opened(self.crew.now());
        loop {
            self.keep_busy();
            self.keep_history();
            // The borrow ends before anything is awaited.
            let output = self.client.borrow_mut().poll_output();
            match output {
                Some(Output::Text(text)) => {
                    // It fails when the connection has ended; the end is told below.
                    let _ = socket.send(Message::Text(&text)).await;
                    continue;
                }
                Some(Output::Close) => return socket.close(CloseCode::NORMAL, "").await.code().get(),
                Some(Output::Reconnect { .. } | Output::Stopped { .. }) | None => {}
            }
            let due = self.client.borrow().poll_timeout().unwrap_or(Duration::MAX);
            let wait = due.saturating_sub(self.crew.now()).min(Duration::from_millis(100));
            tokio::select! {
                message = socket.receive() => match message {
                    Some(message) => {
                        self.client.borrow_mut().receive(self.crew.now(), message.as_text().unwrap_or_default());
                    }
                    None => return socket.end().map_or(1006, |end| end.code().get()),
                },
                () = self.nudge.notified() => {}
                () = tokio::time::sleep(wait) => self.client.borrow_mut().handle_timeout(self.crew.now()),
            }
        }
    }

    /// Sends until enough is under way, as long as the test wants it.
    fn keep_busy(&self) {
        let mut client = self.client.borrow_mut();
        while self.crew.sending.get() && client.is_ready() && client.outbox_len() < IN_FLIGHT {
            let rooms: Vec<String> = client.receiving().map(str::to_owned).collect();
            if rooms.is_empty() {
                return;
            }
            let said = self.said.get();
            self.said.set(said + 1);
            let room = &rooms[said as usize % rooms.len()];
            client.send(self.crew.now(), room, &format!("{said} of {}", self.index));
        }
    }

    fn keep_history(&self) {
        for entry in self.client.borrow_mut().take_history() {
            if let What::Paged { id, head, events, .. } = &entry.what {
                self.pages.borrow_mut().insert(id.clone(), (*head, events.clone()));
            }
            self.crew.entries.borrow_mut().push(entry);
        }
    }
}
