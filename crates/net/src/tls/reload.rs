//! Changing certificates while running: on demand, and when the files change.

use super::config::Configs;
use super::error::TlsError;
use super::{Tls, TlsOptions};
use std::os::unix::fs::MetadataExt;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How often certificates were read again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reloads {
    /// Times that the files were good and are used for new connections since.
    pub done: u64,
    /// Times that something was wrong with a file and everything stayed as it was.
    pub refused: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    done: AtomicU64,
    refused: AtomicU64,
}

/// What tells that a file is another one, or has other content: device and inode, size, time of the last change.
/// None if the file cannot be looked at.
pub(super) type Stamp = Option<(u64, u64, u64, i64, i64)>;

impl Tls {
    /// Reads the files again and, if all are good, uses them for new connections, over TCP and QUIC. If one is not,
    /// everything stays as it was. Connections that are open are not touched in either case, and clients may resume them.
    ///
    /// # Errors
    ///
    /// See [`TlsError`]. The old certificates stay in use.
    pub fn reload(&self) -> Result<(), TlsError> {
        let shared = &self.0;
        *shared.files.lock().unwrap_or_else(PoisonError::into_inner) = look(&shared.options);
        match Configs::read(&shared.options, &shared.resumption) {
            Ok(configs) => {
                *shared.configs.write().unwrap_or_else(PoisonError::into_inner) = configs;
                shared.counts.done.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            Err(error) => {
                shared.counts.refused.fetch_add(1, Ordering::Relaxed);
                Err(error)
            }
        }
    }

    /// How often certificates were read again.
    pub fn reloads(&self) -> Reloads {
        let counts = &self.0.counts;
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Reloads { done: read(&counts.done), refused: read(&counts.refused) }
    }

    /// Looks at the files every `interval` and [reloads](Self::reload) when they have changed, with a line in the log for
    /// each time. Never ends.
    ///
    /// It waits until two looks see the same, because a tool that renews a certificate writes several files one after the
    /// other. A change that was refused is not tried again until the next one. Needs a tokio runtime; does a few system
    /// calls on its thread, so leave it off the workers.
    pub async fn watch(&self, interval: Duration) {
        let mut last = self.files_read();
        loop {
            tokio::time::sleep(interval).await;
            let now = look(&self.0.options);
            if now == last && now != self.files_read() {
                match self.reload() {
                    Ok(()) => {
                        tracing::info!("the certificate files have changed and are used for new connections")
                    }
                    Err(error) => {
                        tracing::warn!(%error, "the certificate files have changed, but the old ones stay")
                    }
                }
            }
            last = now;
        }
    }

    /// What the files were when they were last read, whether they were good or not.
    fn files_read(&self) -> Vec<Stamp> {
        self.0.files.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Looks at all files without reading them. Always before they are read, so that no change falls between.
pub(super) fn look(options: &TlsOptions) -> Vec<Stamp> {
    let stamp = |path| {
        let meta = std::fs::metadata(path).ok()?;
        Some((meta.dev(), meta.ino(), meta.size(), meta.mtime(), meta.mtime_nsec()))
    };
    options.files().map(stamp).collect()
}
