//! The TLS flags that servers share, and what keeps certificates fresh while a server runs.

use crate::failure::Failure;
use crate::terminal::say;
use clap::{Args, ValueEnum};
use net::{Alpn, ClientAuthority, KeyLog, PemPair, Tls, TlsOptions};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// How often the files of certificates are looked at. A change is used after two to three looks.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// What the log and standard error say at each start with a key log, and again on the readiness page.
const SHOUT: &str =
    "INSECURE: the keys of all TLS connections are written to a file. Whoever reads it can read all traffic";

/// Where TLS is spoken, and with what.
#[derive(Args, Debug, Clone)]
#[command(next_help_heading = "TLS")]
pub(crate) struct TlsArgs {
    /// Address for TLS (https://, wss://): HTTP/1.1 and HTTP/2 on TCP, HTTP/3 on the same port of UDP; may be given several
    /// times
    #[arg(long, value_name = "ADDR")]
    pub tls_listen: Vec<SocketAddr>,
    /// PEM file with a certificate, and its chain after it; may be given several times, for several names
    #[arg(long, value_name = "FILE", requires = "tls_key", conflicts_with = "tls_self_signed")]
    pub tls_cert: Vec<PathBuf>,
    /// PEM file with the private key of the certificate in the same place of the order
    #[arg(long, value_name = "FILE", requires = "tls_cert", conflicts_with = "tls_self_signed")]
    pub tls_key: Vec<PathBuf>,
    /// Make a certificate for this machine; for development, browsers warn of it
    #[arg(long)]
    pub tls_self_signed: bool,
    /// Refuse clients that ask for a name which no certificate has, instead of showing them the first
    #[arg(long)]
    pub tls_refuse_unknown_names: bool,
    /// Ask clients for a certificate that an authority in this PEM file has issued
    #[arg(long, value_name = "FILE")]
    pub tls_client_ca: Option<PathBuf>,
    /// Whether clients must have one
    #[arg(long, value_name = "WHETHER", value_enum, default_value_t = ClientCertificates::Required)]
    pub tls_client_certificates: ClientCertificates,
    /// HTTP versions on the TLS addresses
    #[arg(long, value_name = "VERSIONS", value_delimiter = ',', default_values_t = [1, 2, 3], value_parser = clap::value_parser!(u8).range(1..=3))]
    pub http: Vec<u8>,
    /// Append the secrets of all TLS connections to a file, so that Wireshark can read them; for debugging only
    #[arg(long, value_name = "FILE")]
    pub insecure_key_log: Option<PathBuf>,
}

/// Whether clients must show a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ClientCertificates {
    /// Without one, nobody comes in.
    Required,
    /// One that is shown must be good.
    Optional,
}

impl TlsArgs {
    /// Reads the certificates, or makes one in `directory`. None if no TLS is asked for.
    pub(crate) fn load(&self, directory: &Path) -> Result<Option<Tls>, Failure> {
        if self.tls_listen.is_empty() {
            let given = [!self.tls_cert.is_empty(), self.tls_self_signed, self.tls_client_ca.is_some()];
            if given.contains(&true) || self.insecure_key_log.is_some() {
                return Err(Failure::wrong(
                    "a certificate or a key log is of no use without --tls-listen ADDR",
                ));
            }
            return Ok(None);
        }
        let mut options = match self.pairs()? {
            pairs if !pairs.is_empty() => TlsOptions::new(pairs),
            _ if self.tls_self_signed => TlsOptions::development(directory, &[]).map_err(Failure::failed)?,
            _ => {
                return Err(Failure::wrong(
                    "--tls-listen needs --tls-cert and --tls-key, or --tls-self-signed for development",
                ));
            }
        };
        options.refuse_unknown_names = self.tls_refuse_unknown_names;
        options.protocols = self.protocols()?;
        options.client_authority = self.tls_client_ca.clone().map(|file| ClientAuthority {
            file,
            required: self.tls_client_certificates == ClientCertificates::Required,
        });
        options.key_log = self.insecure_key_log.as_deref().map(key_log).transpose()?;
        Tls::new(options).map(Some).map_err(Failure::failed)
    }

    /// Whether HTTP/3 is served beside the others.
    pub(crate) fn http3(&self) -> bool {
        self.http.contains(&3)
    }

    fn pairs(&self) -> Result<Vec<PemPair>, Failure> {
        if self.tls_cert.len() != self.tls_key.len() {
            return Err(Failure::wrong(format!(
                "there are {} --tls-cert and {} --tls-key: give one key for each certificate, in the same order",
                self.tls_cert.len(),
                self.tls_key.len()
            )));
        }
        let pairs = self.tls_cert.iter().cloned().zip(self.tls_key.iter().cloned());
        Ok(pairs.map(|(certificate, key)| PemPair { certificate, key }).collect())
    }

    /// What is spoken over TCP, the newest first.
    fn protocols(&self) -> Result<Vec<Alpn>, Failure> {
        let known = [(2, Alpn::Http2), (1, Alpn::Http1)];
        let protocols: Vec<Alpn> =
            known.iter().filter(|(version, _)| self.http.contains(version)).map(|&(_, alpn)| alpn).collect();
        if protocols.is_empty() {
            return Err(Failure::wrong("--http needs 1 or 2 as well: a client finds HTTP/3 by one of them"));
        }
        Ok(protocols)
    }
}

/// Opens a key log, and shouts.
pub(crate) fn key_log(path: &Path) -> Result<KeyLog, Failure> {
    let log = KeyLog::append_to(path).map_err(|error| {
        Failure::failed(format!("cannot write the key log {}: {error}; choose another file", path.display()))
    })?;
    say(&format!("{SHOUT}: {}", path.display()));
    Ok(log)
}

/// Reads certificates again at each SIGHUP and whenever their files change. Never ends.
pub(crate) async fn keep_fresh(tls: Option<&Tls>) -> Result<std::convert::Infallible, Failure> {
    let mut hangup = signal(SignalKind::hangup()).map_err(Failure::failed)?;
    let watch = async {
        match tls {
            Some(tls) => tls.watch(LOOK_INTERVAL).await,
            None => std::future::pending().await,
        }
    };
    let mut watch = std::pin::pin!(watch);
    loop {
        tokio::select! {
            () = &mut watch => {}
            _ = hangup.recv() => match tls.map(Tls::reload) {
                Some(Ok(())) => say("the certificates were read again and are used for new connections"),
                Some(Err(error)) => say(&format!("the certificates stay as they were: {error}")),
                None => say("there is no certificate to read again"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Cli, Command};
    use clap::Parser;

    fn load(flags: &str) -> Result<Option<Tls>, String> {
        let words = format!("stoa echo {flags}");
        let cli = Cli::try_parse_from(words.split_whitespace()).map_err(|e| e.to_string())?;
        let Command::Echo(args) = cli.command else { panic!("not echo") };
        args.tls.load(Path::new("/no/such/directory")).map_err(|failure| match failure {
            Failure::Wrong(why) | Failure::Failed(why) => why,
            Failure::Usage(error) => error.to_string(),
        })
    }

    #[test]
    fn tls_that_cannot_work_is_refused_with_a_sentence_that_helps() {
        let listen = "--tls-listen 127.0.0.1:0";
        for (flags, word) in [
            ("--tls-cert a --tls-key b".to_owned(), "without --tls-listen"),
            ("--insecure-key-log keys".to_owned(), "without --tls-listen"),
            (listen.to_owned(), "needs --tls-cert and --tls-key"),
            (format!("{listen} --tls-cert a --tls-key b --tls-cert c"), "2 --tls-cert and 1 --tls-key"),
            (format!("{listen} --tls-cert /no/a --tls-key /no/b"), "/no/a"),
            (format!("{listen} --tls-cert a --tls-key b --http 3"), "needs 1 or 2"),
            (format!("{listen} --http 4"), "--http"),
            (format!("{listen} --tls-cert a --tls-key b --insecure-key-log /no/keys"), "/no/keys"),
            (format!("{listen} --tls-client-certificates maybe"), "optional"),
        ] {
            let why = load(&flags).unwrap_err();
            assert!(why.contains(word), "{flags}: {why}");
        }
        assert!(load("").unwrap().is_none());
    }
}
