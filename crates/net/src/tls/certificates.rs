//! Certificates and keys from files: reading, checking, and choosing one for a client.

use super::config::provider;
use super::der;
use super::error::TlsError;
use super::options::PemPair;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, RootCertStore};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// Certificates for one name, in the order given. More than one if they have keys of different kinds. Never empty.
pub(super) type Group = Arc<[Arc<CertifiedKey>]>;

/// All certificates of a listener, by the names that they are for.
#[derive(Debug)]
pub(super) struct Certificates {
    default: Group,
    exact: BTreeMap<Box<str>, Group>,
    /// Without the `*.` in front.
    wildcard: BTreeMap<Box<str>, Group>,
    /// When the first of them expires, in seconds since 1970.
    pub(super) expires: Option<i64>,
}

impl Certificates {
    /// Reads all pairs. One that cannot be used is an error, whatever the others are.
    pub(super) fn read(pairs: &[PemPair]) -> Result<Self, TlsError> {
        let provider = provider();
        let mut exact: BTreeMap<Box<str>, Vec<Arc<CertifiedKey>>> = BTreeMap::new();
        let mut wildcard = exact.clone();
        let mut first = None;
        let mut expires = None;
        for pair in pairs {
            let key = Arc::new(read_pair(pair, &provider)?);
            first.get_or_insert_with(|| Arc::clone(&key));
            expires = key.cert.first().and_then(|der| der::not_after(der)).into_iter().chain(expires).min();
            for name in dns_names(&pair.certificate, &key)? {
                let (index, name) = match name.strip_prefix("*.") {
                    Some(parent) => (&mut wildcard, parent.into()),
                    None => (&mut exact, name.into()),
                };
                index.entry(name).or_default().push(Arc::clone(&key));
            }
        }
        let shared = |index: BTreeMap<Box<str>, Vec<_>>| {
            index.into_iter().map(|(name, keys)| (name, Group::from(keys))).collect::<BTreeMap<_, _>>()
        };
        let default = Group::from(vec![first.ok_or(TlsError::NoPair)?]);
        Ok(Self { default, exact: shared(exact), wildcard: shared(wildcard), expires })
    }

    /// Those for a name in lower case: an exact one before a wildcard, which stands for one label (RFC 9525 section 6.3).
    pub(super) fn of_name(&self, name: &str) -> Option<&Group> {
        let parent = || name.split_once('.').and_then(|(_, parent)| self.wildcard.get(parent));
        self.exact.get(name).or_else(parent)
    }

    /// Those for what a client asked for: the first pair if it asked for nothing, or for a name that nobody has.
    pub(super) fn of_client(&self, server_name: Option<&str>) -> &Group {
        server_name.and_then(|name| self.of_name(name)).unwrap_or(&self.default)
    }
}

/// Chooses for rustls.
#[derive(Debug)]
pub(super) struct Chooser {
    pub(super) certificates: Arc<Certificates>,
    pub(super) refuse_unknown_names: bool,
}

impl Chooser {
    /// Whether a client that asks for this name, in lower case, is to be refused.
    fn refuses(&self, name: Option<&str>) -> bool {
        self.refuse_unknown_names && name.is_some_and(|name| self.certificates.of_name(name).is_none())
    }
}

impl ResolvesServerCert for Chooser {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().map(str::to_ascii_lowercase);
        if self.refuses(name.as_deref()) {
            return None;
        }
        let group = self.certificates.of_client(name.as_deref());
        let usable = |key: &&Arc<CertifiedKey>| key.key.choose_scheme(hello.signature_schemes()).is_some();
        group.iter().find(usable).or_else(|| group.first()).cloned()
    }
}

/// Chooses for one connection, and remembers what the client asked for.
#[derive(Debug)]
pub(super) struct Choice {
    chooser: Chooser,
    server_name: OnceLock<Option<Box<str>>>,
}

impl Choice {
    pub(super) fn among(certificates: Arc<Certificates>, refuse_unknown_names: bool) -> Arc<Self> {
        let chooser = Chooser { certificates, refuse_unknown_names };
        Arc::new(Self { chooser, server_name: OnceLock::new() })
    }

    /// The name that the client asked for, in lower case.
    pub(super) fn server_name(&self) -> Option<&str> {
        self.server_name.get().and_then(Option::as_deref)
    }

    /// Whether the client asked for a name that nobody has, where that is refused.
    pub(super) fn is_refused(&self) -> bool {
        self.chooser.refuses(self.server_name())
    }
}

impl ResolvesServerCert for Choice {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // A client that has to greet twice (RFC 8446 section 4.1.2) must ask for the same name.
        self.server_name.get_or_init(|| hello.server_name().map(|name| name.to_ascii_lowercase().into()));
        self.chooser.resolve(hello)
    }
}

/// Reads a certificate chain and its key, and checks that they belong together and are in time.
pub(super) fn read_pair(pair: &PemPair, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let chain = read_chain(&pair.certificate)?;
    let secret = read_key(&pair.key)?;
    check_dates(&pair.certificate, &chain)?;
    CertifiedKey::from_der(chain, secret, provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            TlsError::KeyMismatch { certificate: pair.certificate.clone(), key: pair.key.clone() }
        }
        error => TlsError::Unusable(error.to_string()),
    })
}

/// Reads all certificates of a PEM file.
pub(crate) fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = std::fs::read(path).map_err(|error| TlsError::File { path: path.to_owned(), error })?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match chain {
        Ok(chain) if chain.is_empty() => Err(TlsError::NoCertificate(path.to_owned())),
        Ok(chain) => Ok(chain),
        Err(error) => Err(TlsError::Malformed { path: path.to_owned(), reason: error.to_string() }),
    }
}

/// Reads the private key of a PEM file.
pub(crate) fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    use rustls::pki_types::pem::Error;
    let text = std::fs::read(path).map_err(|error| TlsError::File { path: path.to_owned(), error })?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
        Error::NoItemsFound => TlsError::NoKey(path.to_owned()),
        error => TlsError::Malformed { path: path.to_owned(), reason: error.to_string() },
    })
}

/// The DNS names in a certificate, in lower case.
fn dns_names(path: &Path, key: &CertifiedKey) -> Result<Vec<String>, TlsError> {
    let first = key.cert.first().ok_or_else(|| TlsError::NoCertificate(path.to_owned()))?;
    let parsed = webpki::EndEntityCert::try_from(first)
        .map_err(|error| TlsError::Malformed { path: path.to_owned(), reason: error.to_string() })?;
    Ok(parsed.valid_dns_names().map(str::to_ascii_lowercase).collect())
}

/// Checks the dates of the first certificate. The verifier looks at them before it looks for a trusted root, so without
/// any root a certificate that is in time is refused for being unknown, and one that is not, for its dates.
fn check_dates(path: &Path, chain: &[CertificateDer<'static>]) -> Result<(), TlsError> {
    let Some(first) = chain.first() else { return Err(TlsError::NoCertificate(path.to_owned())) };
    let parsed = ParsedCertificate::try_from(first)
        .map_err(|error| TlsError::Malformed { path: path.to_owned(), reason: error.to_string() })?;
    let result = rustls::client::verify_server_cert_signed_by_trust_anchor(
        &parsed,
        &RootCertStore::empty(),
        &[],
        UnixTime::now(),
        provider().signature_verification_algorithms.all,
    );
    match result {
        Err(rustls::Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        )) => Err(TlsError::Expired(path.to_owned())),
        Err(rustls::Error::InvalidCertificate(
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
        )) => Err(TlsError::NotYetValid(path.to_owned())),
        _ => Ok(()),
    }
}
