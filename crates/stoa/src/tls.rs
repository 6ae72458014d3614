//! The TLS flags that servers share.

use crate::failure::Failure;
use clap::Args;
use net::Tls;
use std::path::{Path, PathBuf};

/// Certificate and key.
#[derive(Args, Debug, Clone)]
pub(crate) struct TlsArgs {
    /// Address for TLS (https://, wss://); may be given several times
    #[arg(long, value_name = "ADDR")]
    pub tls_listen: Vec<std::net::SocketAddr>,
    /// PEM file with the certificate, and its chain after it
    #[arg(long, value_name = "FILE", requires = "tls_key", conflicts_with = "tls_self_signed")]
    pub tls_cert: Option<PathBuf>,
    /// PEM file with the certificate's private key
    #[arg(long, value_name = "FILE", requires = "tls_cert", conflicts_with = "tls_self_signed")]
    pub tls_key: Option<PathBuf>,
    /// Make a certificate for this machine; for development, browsers warn of it
    #[arg(long)]
    pub tls_self_signed: bool,
}

impl TlsArgs {
    /// Reads the certificate, or makes one in `directory`. None if no TLS is asked for.
    pub(crate) fn load(&self, directory: &Path) -> Result<Option<Tls>, Failure> {
        if self.tls_listen.is_empty() {
            if self.tls_cert.is_some() || self.tls_self_signed {
                return Err(Failure::wrong("a certificate is of no use without --tls-listen ADDR"));
            }
            return Ok(None);
        }
        let tls = match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => Tls::from_pem_files(certificate, key),
            _ if self.tls_self_signed => Tls::development(directory, &[]),
            _ => {
                return Err(Failure::wrong(
                    "--tls-listen needs --tls-cert and --tls-key, or --tls-self-signed for development",
                ));
            }
        };
        tls.map(Some).map_err(Failure::failed)
    }
}
