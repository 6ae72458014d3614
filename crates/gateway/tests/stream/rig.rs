//! A gateway of one listener, in the test's own thread.

use gateway::backend::Backend;
use gateway::config::{Config, Listener, Mode, Pool, ProxyFrom, Route};
use gateway::routing::{Refusal, Router};
use gateway::stream::{Desk, Record, StreamFacts, StreamOptions, session};
use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// How long a test may take before it is called hanging.
const TEST_TIMEOUT: Duration = Duration::from_secs(60);

pub(crate) fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        tokio::time::timeout(TEST_TIMEOUT, test).await.expect("the test hangs");
    });
}

/// A backend's name, and whether it could be reached.
pub(crate) type Reached = (String, Result<(), io::ErrorKind>);

/// Lets everybody in, and remembers what it was told.
#[derive(Clone, Default)]
pub(crate) struct Notes {
    pub(crate) reached: Rc<RefCell<Vec<Reached>>>,
    pub(crate) opened: Rc<RefCell<Vec<StreamFacts>>>,
    pub(crate) closed_door: bool,
}

impl Desk for Notes {
    type Visit = ();
    type Row = ();

    fn enter(&self, _client: SocketAddr) -> Result<(), Refusal> {
        if self.closed_door { Err(Refusal::new(429, "closed")) } else { Ok(()) }
    }

    fn reached(&self, backend: &Arc<Backend>, result: Result<Duration, io::ErrorKind>) {
        self.reached.borrow_mut().push((backend.name.clone(), result.map(drop)));
    }

    fn open(&self, opening: &StreamFacts) -> Result<(), Refusal> {
        self.opened.borrow_mut().push(opening.clone());
        Ok(())
    }
}

pub(crate) struct Gateway {
    pub(crate) address: SocketAddr,
    pub(crate) records: mpsc::UnboundedReceiver<Record>,
    pub(crate) notes: Notes,
}

/// A configuration of one listener, `front`, with one pool, `pool`.
pub(crate) fn config(backends: impl IntoIterator<Item = SocketAddr>) -> Config {
    let mut config = Config::default();
    let mut listener = Listener::new(([127, 0, 0, 1], 0).into(), Mode::Stream);
    listener.limits.hello_timeout = Duration::from_millis(200);
    config.listeners.insert("front".into(), listener);
    config.pools.insert("pool".into(), Pool::of(backends));
    config.routes.push(Route::to("pool"));
    config
}

/// The listener believes PROXY headers of all of loopback.
pub(crate) fn believe(config: &mut Config) {
    let timeout = Duration::from_millis(200);
    let proxy = ProxyFrom { from: vec!["127.0.0.0/8".parse().unwrap()], timeout };
    config.listeners.get_mut("front").unwrap().proxy_protocol = Some(proxy);
}

impl Gateway {
    pub(crate) async fn start(config: &Config) -> Self {
        Self::start_with(config, Notes::default()).await
    }

    pub(crate) async fn start_with(config: &Config, notes: Notes) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let router = Arc::new(Router::new(config, None));
        let listener = Arc::new(config.listeners["front"].clone());
        let options = Rc::new(StreamOptions::new("front".into(), listener, &router));
        let (sender, records) = mpsc::unbounded_channel();
        let desk = notes.clone();
        tokio::task::spawn_local(async move {
            loop {
                let (stream, peer) = socket.accept().await.unwrap();
                let (options, router, desk, sender) =
                    (Rc::clone(&options), Arc::clone(&router), desk.clone(), sender.clone());
                tokio::task::spawn_local(async move {
                    let _ = sender.send(session::serve(stream, peer, &options, &router, &desk).await);
                });
            }
        });
        Self { address, records, notes }
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    pub(crate) async fn record(&mut self) -> Record {
        self.records.recv().await.unwrap()
    }
}

/// A backend that does something with each connection.
pub(crate) async fn backend<F: Future<Output = ()> + 'static>(
    serve: impl Fn(TcpStream) -> F + 'static,
) -> SocketAddr {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::task::spawn_local(async move {
        while let Ok((stream, _)) = socket.accept().await {
            tokio::task::spawn_local(serve(stream));
        }
    });
    address
}

/// A backend that sends back what it gets, and its name first.
pub(crate) async fn named_echo(name: &'static str) -> SocketAddr {
    backend(move |mut stream| async move {
        use tokio::io::AsyncWriteExt;
        let (mut reading, mut writing) = stream.split();
        if writing.write_all(name.as_bytes()).await.is_ok() {
            let _ = tokio::io::copy(&mut reading, &mut writing).await;
            let _ = writing.shutdown().await;
        }
    })
    .await
}

/// An address where nobody listens.
pub(crate) async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}
