//! Listeners of the configuration as sockets of the workers: opened, closed and inherited by name.

use crate::config::{Change, Config, Listener, Mode};
use net::{
    Alpn, ClientAuthority, Descriptors, Listen, NewListener, PemPair, Tls, TlsError, TlsOptions, Workers,
};
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Sockets that a process before this one listened on, by the names of their listeners.
pub type Inherited = BTreeMap<String, Descriptors>;

/// Names and configurations of listeners, by mark.
pub(crate) type Named = BTreeMap<u32, (Arc<str>, Arc<Listener>)>;

/// Why a listener does not work. The sentence says what to do.
#[derive(Debug)]
pub enum ListenError {
    /// Its certificates.
    Tls(String, TlsError),
    /// Its address.
    Socket(String, io::Error),
    /// Other files of certificates for HTTP/3, whose connections belong to the sockets that have the old ones.
    Http3Tls(String),
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tls(name, error) => write!(f, "listeners.{name}.tls: {error}"),
            Self::Socket(name, error) => write!(
                f,
                "listeners.{name}: {error}. Is another server running there? Choose another address, or end it"
            ),
            Self::Http3Tls(name) => write!(
                f,
                "listeners.{name}.tls: with HTTP/3 the names of the files cannot change while running. Put the new \
                 certificate into the old files, or use `stoa gateway upgrade`"
            ),
        }
    }
}

impl std::error::Error for ListenError {}

/// What listens, by name.
#[derive(Debug)]
pub(crate) struct Listening {
    /// Where certificates for development are kept.
    data: PathBuf,
    next_mark: u32,
    open: BTreeMap<String, Open>,
}

#[derive(Debug)]
struct Open {
    mark: u32,
    /// With its real port.
    address: SocketAddr,
    tls: Option<Tls>,
    listener: Arc<Listener>,
}

impl Listening {
    pub(crate) fn new(data: &Path) -> Self {
        Self { data: data.to_owned(), next_mark: 1, open: BTreeMap::new() }
    }

    /// Opens everything of a first configuration. Before each listener takes anybody, `tell` gets all of them.
    pub(crate) async fn open_all(
        &mut self,
        workers: &Workers,
        config: &Config,
        mut inherited: Inherited,
        tell: impl FnOnce(Named),
    ) -> Result<(), ListenError> {
        let marks = self.next_mark..;
        let place = |(name, listener): (&String, &Listener)| -> (Arc<str>, Arc<Listener>) {
            (name.as_str().into(), Arc::new(listener.clone()))
        };
        tell(marks.zip(config.listeners.iter().map(place)).collect());
        for (name, listener) in &config.listeners {
            let descriptors = inherited.remove(name).unwrap_or_default();
            let open = self.open(workers, name, listener, descriptors).await?;
            self.open.insert(name.clone(), open);
        }
        Ok(())
    }

    /// Reads the certificates of a configuration, without using them, so that a wrong one is found before anything changes.
    pub(crate) fn check(&self, config: &Config) -> Result<(), ListenError> {
        for (name, listener) in &config.listeners {
            self.tls(name, listener)?;
        }
        Ok(())
    }

    /// Does what a reload does to sockets: opens what is new, and says which marks are to be closed afterwards. If one cannot
    /// be opened, those that were opened are closed again and everything is as before.
    pub(crate) async fn change(
        &mut self,
        workers: &Workers,
        config: &Config,
        change: &Change,
    ) -> Result<Vec<u32>, ListenError> {
        let tls_changed = self.tls_changed(config, change)?;
        let new_sockets = change.listeners.added.iter().chain(&change.sockets);
        let mut opened = BTreeMap::new();
        let mut failed = None;
        for name in new_sockets.chain(&tls_changed) {
            let Some(listener) = config.listeners.get(name) else { continue };
            let inherited = self.kept_socket(workers, name, listener);
            match self.open(workers, name, listener, inherited).await {
                Ok(open) => drop(opened.insert(name.clone(), open)),
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        if let Some(error) = failed {
            for open in opened.values() {
                workers.unlisten(open.mark).await;
            }
            return Err(error);
        }
        let mut gone = Vec::new();
        for name in &change.listeners.removed {
            gone.extend(self.open.remove(name).map(|open| open.mark));
        }
        for (name, open) in opened {
            gone.extend(self.open.insert(name, open).map(|old| old.mark));
        }
        for (name, open) in &mut self.open {
            if let Some(listener) = config.listeners.get(name) {
                open.listener = Arc::new(listener.clone());
            }
        }
        Ok(gone)
    }

    /// Listeners that stay where they are with other files of certificates. They go on with the same sockets of TCP.
    fn tls_changed(&self, config: &Config, change: &Change) -> Result<Vec<String>, ListenError> {
        let mut names = Vec::new();
        for name in change.listeners.changed.iter().filter(|name| !change.sockets.contains(name)) {
            let (Some(open), Some(new)) = (self.open.get(name), config.listeners.get(name)) else { continue };
            let old = &open.listener;
            if (&old.tls, old.http2) == (&new.tls, new.http2) {
                continue;
            }
            if new.http3 {
                return Err(ListenError::Http3Tls(name.clone()));
            }
            names.push(name.clone());
        }
        Ok(names)
    }

    /// A listener that changes its kind but not its address goes on with the same sockets.
    fn kept_socket(&self, workers: &Workers, name: &str, listener: &Listener) -> Descriptors {
        let old = self.open.get(name).filter(|open| open.listener.address == listener.address);
        let Some(old) = old else { return Descriptors::default() };
        let all = workers.descriptors().unwrap_or_default();
        let mine = all.into_iter().find(|(mark, ..)| *mark == old.mark);
        // QUIC connections belong to the sockets of UDP that they began on, so those are not shared within a process.
        mine.map(|(.., descriptors)| Descriptors { udp: Vec::new(), ..descriptors }).unwrap_or_default()
    }

    async fn open(
        &mut self,
        workers: &Workers,
        name: &str,
        listener: &Listener,
        inherited: Descriptors,
    ) -> Result<Open, ListenError> {
        let tls = self.tls(name, listener)?;
        let mark = self.next_mark;
        self.next_mark += 1;
        let raw = listener.mode == Mode::Stream;
        let http3 = listener.http3 && tls.is_some();
        let listen = Listen { address: listener.address, tls: tls.clone(), http3 };
        let address = workers
            .listen(NewListener { mark, listen, raw, inherited })
            .await
            .map_err(|error| ListenError::Socket(name.to_owned(), error))?;
        Ok(Open { mark, address, tls, listener: Arc::new(listener.clone()) })
    }

    fn tls(&self, name: &str, listener: &Listener) -> Result<Option<Tls>, ListenError> {
        let Some(tls) = listener.tls.as_ref().filter(|_| listener.mode == Mode::Tunnel) else {
            return Ok(None);
        };
        let wrong = |error| ListenError::Tls(name.to_owned(), error);
        let mut options = if tls.self_signed {
            TlsOptions::development(&self.data, &[]).map_err(wrong)?
        } else {
            let pair = |files: &crate::config::PemFiles| PemPair {
                certificate: files.certificate.clone(),
                key: files.key.clone(),
            };
            TlsOptions::new(tls.certificates.iter().map(pair).collect())
        };
        options.refuse_unknown_names = tls.refuse_unknown_names;
        if !listener.http2 {
            options.protocols = vec![Alpn::Http1];
        }
        options.client_authority = tls.client_ca.clone().map(|file| ClientAuthority { file, required: true });
        Tls::new(options).map(Some).map_err(wrong)
    }

    /// Listeners by their marks.
    pub(crate) fn named(&self) -> Named {
        let named = |(name, open): (&String, &Open)| -> (u32, (Arc<str>, Arc<Listener>)) {
            (open.mark, (name.as_str().into(), Arc::clone(&open.listener)))
        };
        self.open.iter().map(named).collect()
    }

    /// Names and addresses, with real ports.
    pub(crate) fn addresses(&self) -> Vec<(String, SocketAddr)> {
        self.open.iter().map(|(name, open)| (name.clone(), open.address)).collect()
    }

    /// The certificates in use, by listener.
    pub(crate) fn certificates(&self) -> Vec<(String, Tls)> {
        let tls = |(name, open): (&String, &Open)| Some((name.clone(), open.tls.clone()?));
        self.open.iter().filter_map(tls).collect()
    }

    /// All marks.
    pub(crate) fn marks(&self) -> Vec<u32> {
        self.open.values().map(|open| open.mark).collect()
    }

    /// The sockets, for another process.
    pub(crate) fn descriptors(&self, workers: &Workers) -> io::Result<Inherited> {
        let mut all: BTreeMap<u32, Descriptors> =
            workers.descriptors()?.into_iter().map(|(mark, _, descriptors)| (mark, descriptors)).collect();
        let mine = |(name, open): (&String, &Open)| Some((name.clone(), all.remove(&open.mark)?));
        Ok(self.open.iter().filter_map(mine).collect())
    }
}
