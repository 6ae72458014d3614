//! Writes the secrets of connections to a file, so that Wireshark can show what is inside. Only for debugging.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A file that gets the secrets of each connection, in the format of `SSLKEYLOGFILE`. Whoever reads it reads everything
/// that the connections carry, so this shouts into the log when it is opened.
#[derive(Clone)]
pub struct KeyLog(Arc<Inner>);

struct Inner {
    path: PathBuf,
    file: Mutex<File>,
    has_failed: AtomicBool,
}

impl KeyLog {
    /// Appends to this file. A new one can be read by its owner only.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened for writing.
    pub fn append_to(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        tracing::warn!(
            path = %path.display(),
            "INSECURE: the keys of all TLS connections are written to a file. Whoever reads it can read all traffic"
        );
        let has_failed = AtomicBool::new(false);
        Ok(Self(Arc::new(Inner { path: path.to_owned(), file: Mutex::new(file), has_failed })))
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// For a configuration of rustls.
    pub(crate) fn to_rustls(&self) -> Arc<dyn rustls::KeyLog> {
        Arc::new(self.clone())
    }
}

impl rustls::KeyLog for KeyLog {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let mut line = String::with_capacity(label.len() + 2 * (client_random.len() + secret.len()) + 3);
        line.push_str(label);
        for bytes in [client_random, secret] {
            line.push(' ');
            line.extend(bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(hex_digit));
        }
        line.push('\n');
        let mut file = self.0.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = file.write_all(line.as_bytes())
            && !self.0.has_failed.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(path = %self.0.path.display(), %error, "cannot write to the key log");
        }
    }
}

fn hex_digit(value: u8) -> char {
    char::from_digit(u32::from(value), 16).unwrap_or('0')
}

impl fmt::Debug for KeyLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyLog").field(&self.0.path).finish()
    }
}
