//! What both roles have in common on a connection of HTTP/3: our control stream, and the peer's unidirectional streams.

use super::stream::code;
use h3::{Code, Scope, UniEvent, UniStream};
use quinn::{Connection, ConnectionError, ReadError, RecvStream, SendStream, WriteError};
use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// How much of a unidirectional stream is taken at a time.
const CHUNK_BYTES: usize = 4096;

/// A QUIC connection, and HTTP/3 on it.
pub(crate) struct Session {
    pub(crate) quic: Connection,
    http: Mutex<h3::Connection>,
    /// The peer has said something on its control stream.
    news: Notify,
}

impl Session {
    /// HTTP/3 on a connection that stands, in one of its roles.
    pub(crate) fn new(quic: Connection, role: h3::Role, field_section_bytes_max: u32) -> Arc<Self> {
        // Names of GREASE need not be secret. Without randomness they are left out.
        let mut seed = [0; 8];
        let grease = getrandom::fill(&mut seed).is_ok().then(|| u64::from_ne_bytes(seed));
        let config = h3::Config { field_section_bytes_max, enable_connect_protocol: true, grease };
        Arc::new(Self { quic, http: Mutex::new(h3::Connection::new(role, config)), news: Notify::new() })
    }

    /// The state of HTTP/3. Never held while waiting.
    pub(crate) fn http(&self) -> MutexGuard<'_, h3::Connection> {
        self.http.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens our control stream and says on it what comes first. Keep it: its end would be an error (RFC 9114
    /// section 6.2.1).
    pub(crate) async fn open_control(&self) -> Result<SendStream, ConnectionError> {
        let mut control = self.quic.open_uni().await?;
        let bytes = self.http().control_bytes();
        match control.write_all(&bytes).await {
            Err(WriteError::ConnectionLost(error)) => Err(error),
            // Whoever looks whether the peer has stopped it, will see it.
            Ok(()) | Err(_) => Ok(control),
        }
    }

    /// Waits until the peer's SETTINGS have come.
    pub(crate) async fn settings_known(&self) -> Result<(), ConnectionError> {
        loop {
            let mut news = pin!(self.news.notified());
            news.as_mut().enable();
            if self.http().peer_settings().is_some() {
                return Ok(());
            }
            tokio::select! {
                () = news => {}
                error = self.quic.closed() => return Err(error),
            }
        }
    }

    /// The peer broke HTTP/3, or QPACK, in a way that ends the connection.
    pub(crate) fn close(&self, why: Code, reason: &str) {
        self.quic.close(code(why), reason.as_bytes());
    }

    /// Reads one of the peer's unidirectional streams until it ends, or is of no use. `charge` hears how many bytes it costs.
    /// An error ends the connection, and is for whoever counts.
    pub(crate) async fn read_unidirectional(
        &self,
        stream: RecvStream,
        charge: impl Fn(usize),
    ) -> Result<(), h3::Error> {
        let result = self.read_until_end(stream, charge).await;
        if let Err(error) = &result {
            self.close(error.code, error.reason);
        }
        result
    }

    async fn read_until_end(&self, mut stream: RecvStream, charge: impl Fn(usize)) -> Result<(), h3::Error> {
        let mut reader = UniStream::new();
        loop {
            let chunk = match stream.read_chunk(CHUNK_BYTES, true).await {
                Ok(Some(chunk)) => chunk,
                Ok(None) | Err(ReadError::Reset(_)) => return self.http().close_uni(&reader),
                // The connection is over.
                Err(_) => return Ok(()),
            };
            charge(chunk.bytes.len());
            let mut input = &chunk.bytes[..];
            loop {
                // The lock is not held in the body: `while let` would keep it.
                let event = self.http().receive_uni(&mut reader, &mut input)?;
                match event {
                    None => break,
                    Some(UniEvent::Unknown) => {
                        let _ = stream.stop(code(Code::STREAM_CREATION_ERROR));
                        return Ok(());
                    }
                    Some(UniEvent::Settings(_) | UniEvent::GoAway(_)) => self.news.notify_waiters(),
                }
            }
        }
    }

    /// Reads all unidirectional streams of the peer until the connection is over.
    pub(crate) async fn read_all_unidirectional(self: Arc<Self>) {
        while let Ok(stream) = self.quic.accept_uni().await {
            let session = Arc::clone(&self);
            tokio::spawn(async move { session.read_unidirectional(stream, |_| {}).await });
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("peer", &self.quic.remote_address()).finish_non_exhaustive()
    }
}

/// Ends one request on both sides. It fails for a side that has ended, and then there is nothing to do.
pub(crate) fn abandon(send: &mut SendStream, receive: &mut RecvStream, why: Code) {
    let _ = send.reset(code(why));
    let _ = receive.stop(code(why));
}

/// Whether an error is only about its own stream.
pub(crate) fn is_of_stream(error: &h3::Error) -> bool {
    error.scope == Scope::Stream
}
