//! A QUIC connection to a server: which of its addresses answers first.
//!
//! UDP does not say that nobody is there. A name with an address that leads nowhere (often the one of IPv6) would cost the
//! whole deadline, so the addresses race, each with a head start before the next (RFC 8305 section 5).

use super::client::broken;
use super::listen::transport;
use crate::dial::{DialError, DialOptions, HttpVersion};
use crate::limits::QuicLimits;
use quinn::{ClientConfig, Connection, ConnectionError, Endpoint, VarInt};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// How long an address has for itself before the next one is tried as well (RFC 8305 section 8).
const HEAD_START: Duration = Duration::from_millis(250);

/// Addresses of one name that are tried.
const ADDRESSES_MAX: usize = 8;

/// How QUIC says that nothing was agreed on in ALPN: alerts of TLS are its codes from 0x100 (RFC 9001 section 4.8).
const NO_APPLICATION_PROTOCOL: u64 = 0x100 + 120;

/// Connects to the first of a name's addresses that answers. There is no deadline here.
pub(super) async fn connect(
    host: &str,
    port: u16,
    options: &DialOptions,
    limits: &QuicLimits,
) -> Result<Connection, DialError> {
    let crypto = options.tls.quic_config(&options.trust).map_err(DialError::Trust)?;
    let mut config = ClientConfig::new(crypto);
    let mut transport = transport(limits, 0);
    // A WebSocket that is not read stops at the window of its stream. They are ours, so there are not too many.
    transport.receive_window(VarInt::MAX);
    config.transport_config(Arc::new(transport));
    let failed = |error| DialError::Connect { address: format!("{host}:{port}"), error };
    let addresses = tokio::net::lookup_host((host, port)).await.map_err(failed)?;
    race(addresses.take(ADDRESSES_MAX), host, &config).await.map_err(|error| match error {
        DialError::Broken(error) => failed(error),
        error => error,
    })
}

/// [`DialError::Broken`] has the error of the address that failed last.
async fn race(
    mut addresses: impl Iterator<Item = SocketAddr>,
    name: &str,
    config: &ClientConfig,
) -> Result<Connection, DialError> {
    let name: Arc<str> = name.into();
    let mut attempts = JoinSet::new();
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    loop {
        let next = addresses.next();
        let is_last = next.is_none();
        if let Some(address) = next {
            attempts.spawn(attempt(address, Arc::clone(&name), config.clone()));
        }
        tokio::select! {
            ended = attempts.join_next() => match ended {
                Some(Ok(Ok(connection))) => return Ok(connection),
                Some(Ok(Err(DialError::Broken(error)))) => last = error,
                // Somebody answered, and another address will not answer better.
                Some(Ok(Err(error))) => return Err(error),
                Some(Err(error)) => last = io::Error::other(error),
                None if is_last => return Err(DialError::Broken(last)),
                None => {}
            },
            () = tokio::time::sleep(HEAD_START), if !is_last => {}
        }
    }
}

/// Tries one address. [`DialError::Broken`] says that another may be better.
async fn attempt(address: SocketAddr, name: Arc<str>, config: ClientConfig) -> Result<Connection, DialError> {
    let local: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    // A socket for each connection: a server spreads connections over its cores by address and port.
    let endpoint = Endpoint::client(local).map_err(DialError::Broken)?;
    let connecting = endpoint
        .connect_with(config, address, &name)
        .map_err(|error| DialError::Broken(io::Error::new(io::ErrorKind::InvalidInput, error)))?;
    connecting.await.map_err(|error| {
        let code = match &error {
            ConnectionError::TransportError(cause) => u64::from(cause.code),
            ConnectionError::ConnectionClosed(close) => u64::from(close.error_code),
            _ => 0,
        };
        match code {
            NO_APPLICATION_PROTOCOL => DialError::VersionRefused(HttpVersion::Http3),
            0x100..=0x1ff => DialError::Tls(io::Error::new(io::ErrorKind::InvalidData, error)),
            _ => broken(error),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::echo::Echo;
    use crate::{Listen, Options, Tls, Trust, Workers};

    /// An echo server, and what a client needs that trusts it.
    fn server(name: &str) -> (Workers, SocketAddr, ClientConfig) {
        let directory = std::env::temp_dir().join(format!("net-connect-{}-{name}", std::process::id()));
        let tls = Some(Tls::development(&directory, &[]).unwrap());
        let _ = std::fs::remove_dir_all(&directory);
        let mut options = Options::new(1, []);
        options.listen.push(Listen { address: "127.0.0.1:0".parse().unwrap(), tls, http3: true });
        let workers = Workers::start(options, |_| Echo::new(Arc::default())).unwrap();
        let address = workers.addresses()[0];
        let options = DialOptions { trust: Trust::Anybody, ..DialOptions::default() };
        (workers, address, ClientConfig::new(options.tls.quic_config(&options.trust).unwrap()))
    }

    #[tokio::test]
    async fn an_address_that_is_silent_only_has_a_head_start() {
        let (_workers, address, config) = server("silent");
        let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let addresses = [silent.local_addr().unwrap(), address];
        let connection = race(addresses.into_iter(), "localhost", &config).await.unwrap();
        assert_eq!(connection.remote_address(), address);
    }

    #[tokio::test]
    async fn an_address_that_cannot_be_used_is_passed_over() {
        let (_workers, address, config) = server("unusable");
        // Port 0 is nowhere.
        let addresses = ["127.0.0.1:0".parse().unwrap(), address];
        let connection = race(addresses.into_iter(), "localhost", &config).await.unwrap();
        assert_eq!(connection.remote_address(), address);
        let error = race(addresses.into_iter().take(1), "localhost", &config).await.unwrap_err();
        assert!(matches!(error, DialError::Broken(_)), "{error}");
        let error = race(std::iter::empty(), "localhost", &config).await.unwrap_err();
        assert!(error.to_string().contains("no address"), "{error}");
    }
}
