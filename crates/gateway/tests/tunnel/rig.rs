//! A tunnel with one pool on one worker, and who is behind it.

use gateway::backend::Backend;
use gateway::config::Config;
use gateway::health::Report;
use gateway::routing::{Facts, Refusal, Route, Router};
use gateway::tunnel::session::{self, Call, Desk, Outcome, Record, TunnelFacts};
use gateway::tunnel::upstream::Upstreams;
use net::echo::{Echo, roomy_config, roomy_limits};
use net::{Answer, Limits, Listen, NoEndpoint, Options, Request, Site, Tls, Workers};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use ws::head::RequestHead;

/// How long a test waits for something that must happen. It never decides whether a test passes on a slow machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// What a tunnel has told.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) reports: Mutex<Vec<Report>>,
    pub(crate) records: Mutex<Vec<Record>>,
    pub(crate) open: Mutex<Vec<TunnelFacts>>,
}

impl Told {
    /// Waits for the first record, while the runtime goes on.
    pub(crate) async fn next_record(&self) -> Record {
        soon("a session is over", || !self.records.lock().unwrap().is_empty()).await;
        self.records.lock().unwrap()[0].clone()
    }

    /// Waits for the first record.
    pub(crate) fn record(&self) -> Record {
        eventually("a session is over", || !self.records.lock().unwrap().is_empty());
        self.records.lock().unwrap()[0].clone()
    }
}

/// The same for a test whose client lives in the runtime that waits.
pub(crate) async fn soon(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "it never happened that {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

pub(crate) fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "it never happened that {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

struct Tunnel {
    config: Config,
    router: Arc<Router>,
    upstreams: Rc<Upstreams>,
    told: Arc<Told>,
}

struct Shell(Arc<Told>);

impl Desk for Shell {
    type Pass = ();
    type Row = ();

    fn admit(&self, _: &Route, _: &Facts<'_>) -> Result<(), Refusal> {
        Ok(())
    }

    fn report(&self, _: &Arc<Backend>, report: Report) {
        self.0.reports.lock().unwrap().push(report);
    }

    fn open(&self, facts: &TunnelFacts) {
        self.0.open.lock().unwrap().push(facts.clone());
    }
}

impl Site for Tunnel {
    type Endpoint = NoEndpoint;

    fn respond(&self, request: &Request<'_>) -> Answer<NoEndpoint> {
        let (name, listener) = self.config.listeners.first_key_value().unwrap();
        let call = Call::of(request, name.as_str().into(), Arc::new(listener.clone()));
        let (router, upstreams) = (Arc::clone(&self.router), Rc::clone(&self.upstreams));
        let told = Arc::clone(&self.told);
        Answer::Exchange(Box::new(move |exchange| {
            Box::pin(async move {
                let desk = Rc::new(Shell(Arc::clone(&told)));
                let record = session::serve(exchange, call, router, upstreams, desk).await;
                told.records.lock().unwrap().push(record);
            })
        }))
    }

    fn takes_requests(&self, _: &RequestHead) -> bool {
        true
    }
}

/// A running tunnel.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) told: Arc<Told>,
    pub(crate) tls: Option<Tls>,
    _workers: Workers,
}

/// A configuration with these backends, and more lines for the pool and for the route.
pub(crate) fn config(backends: &[SocketAddr], pool: &str, route: &str) -> Config {
    let backends: Vec<String> = backends.iter().map(|address| format!("\"{address}\"")).collect();
    let text = format!(
        "[listeners.public]\naddress = \"127.0.0.1:1\"\nmode = \"tunnel\"\n\
         [pools.main]\nbackends = [{}]\n{pool}\n\
         [[routes]]\npool = \"main\"\n{route}\n",
        backends.join(", ")
    );
    Config::from_toml(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Starts a tunnel, with TLS and HTTP/3 if asked for.
pub(crate) fn start(config: Config, secure: bool) -> Running {
    let tls = secure.then(|| development("edge"));
    let listen = Listen { address: "127.0.0.1:0".parse().unwrap(), tls: tls.clone(), http3: secure };
    let mut options = Options::new(1, []);
    options.listen = vec![listen];
    options.limits = Limits { streams_per_carrier_max: 1000, ..roomy_limits() };
    let told: Arc<Told> = Arc::default();
    let for_site = Arc::clone(&told);
    let workers = Workers::start(options, move |_| Tunnel {
        router: Arc::new(Router::new(&config, None)),
        config: config.clone(),
        upstreams: Rc::default(),
        told: Arc::clone(&for_site),
    })
    .unwrap();
    Running { address: workers.addresses()[0], told, tls, _workers: workers }
}

/// A certificate for `localhost`, made for one test.
pub(crate) fn development(name: &str) -> Tls {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let directory: PathBuf =
        std::env::temp_dir().join(format!("stoa-tunnel-{name}-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    Tls::development(&directory, &["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap()
}

/// An echo server as a backend.
pub(crate) fn echo(tls: Option<Tls>) -> (Workers, SocketAddr) {
    let mut options = Options::new(1, []);
    options.listen = vec![Listen { address: "127.0.0.1:0".parse().unwrap(), tls, http3: false }];
    options.limits = roomy_limits();
    let workers = Workers::start(options, |_| Echo::new(Arc::new(roomy_config()))).unwrap();
    let address = workers.addresses()[0];
    (workers, address)
}

/// Whether a session was answered by the gateway itself.
pub(crate) fn is_refused(outcome: &Outcome, status: u16) -> bool {
    matches!(outcome, Outcome::Refused(said, _) if *said == status)
}
