//! Why TLS cannot be set up, each time with what to do.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a certificate and key cannot be used. Each says what to do.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read or written.
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The file has no certificate in PEM form.
    NoCertificate(PathBuf),
    /// The file has no private key in PEM form.
    NoKey(PathBuf),
    /// A file has PEM blocks that cannot be read.
    Malformed {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The key does not belong to the certificate.
    KeyMismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// The certificate's time is over.
    Expired(PathBuf),
    /// The certificate's time has not begun.
    NotYetValid(PathBuf),
    /// The file has no certificate of an authority that clients' certificates could be checked with.
    NoAuthority(PathBuf),
    /// No certificate was given.
    NoPair,
    /// rustls cannot use it.
    Unusable(String),
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, error } => {
                write!(f, "cannot use {}: {error}; check the path and its permissions", path.display())
            }
            Self::NoCertificate(path) => write!(
                f,
                "{} has no certificate; it must be a PEM file with the certificate first and its chain after it",
                path.display()
            ),
            Self::NoKey(path) => write!(
                f,
                "{} has no private key; it must be a PEM file with a PKCS#8, PKCS#1 or SEC1 key without a password",
                path.display()
            ),
            Self::Malformed { path, reason } => {
                write!(f, "{} is damaged ({reason}); was it copied completely?", path.display())
            }
            Self::KeyMismatch { certificate, key } => write!(
                f,
                "the key in {} does not belong to the certificate in {}; give the pair that was issued together",
                key.display(),
                certificate.display()
            ),
            Self::Expired(path) => write!(f, "the certificate in {} has expired; renew it", path.display()),
            Self::NotYetValid(path) => write!(
                f,
                "the certificate in {} is not valid yet; check this machine's clock",
                path.display()
            ),
            Self::NoAuthority(path) => write!(
                f,
                "{} has no certificate that clients' certificates could be checked with; it must be a PEM file with the \
                 certificate of the authority that issues them",
                path.display()
            ),
            Self::NoPair => f.write_str("TLS needs at least one certificate and its key"),
            Self::Unusable(reason) => write!(f, "TLS cannot be set up: {reason}"),
        }
    }
}

impl std::error::Error for TlsError {}
