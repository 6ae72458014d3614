//! HTTP/2 over TLS: ALPN chooses it, the name of the handshake binds it, compression works on it as anywhere.

use crate::raw::{END_STREAM, GET, HEADERS, Raw};
use crate::rig;
use net::echo::Echo;
use net::{DialOptions, HttpVersion, Limits, Listen, Options, Tls, Trust, WebSocket, Workers};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use ws::{CloseCode, Message};

/// A server with a development certificate, in a directory that is gone after the test.
struct Served {
    directory: PathBuf,
    tls: Tls,
    workers: Workers,
}

impl Served {
    fn new(name: &str, config: ws::Config, limits: Limits) -> Self {
        let directory = std::env::temp_dir().join(format!("net-http2-{}-{name}", std::process::id()));
        let tls = Tls::development(&directory, &["other.localhost".to_owned()]).unwrap();
        let mut options = Options::new(1, []);
        let address = "127.0.0.1:0".parse().unwrap();
        options.listen = vec![Listen { address, tls: Some(tls.clone()), http3: false }];
        options.limits = limits;
        let config = Arc::new(config);
        let workers = Workers::start(options, move |_| Echo::new(Arc::clone(&config))).unwrap();
        Self { directory, tls, workers }
    }

    fn address(&self) -> SocketAddr {
        self.workers.addresses()[0]
    }

    /// A TLS session in which the client offers one protocol.
    fn session(&self, alpn: &[u8]) -> StreamOwned<ClientConnection, std::net::TcpStream> {
        let mut roots = RootCertStore::empty();
        let pem = std::fs::read(self.tls.certificate_path()).unwrap();
        roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&pem).flatten());
        let mut config =
            ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(roots)
                .with_no_client_auth();
        config.alpn_protocols = vec![alpn.to_vec()];
        let name = ServerName::try_from("localhost").unwrap();
        let client = ClientConnection::new(Arc::new(config), name).unwrap();
        StreamOwned::new(client, rig::connect(self.address()))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

#[test]
fn t13_a_carrier_serves_the_names_of_its_handshake_and_no_others() {
    let served = Served::new("names", ws::Config::default(), Limits::default());
    let mut peer = Raw::on(Box::new(served.session(b"h2")), &[]);
    for (authority, expected) in [("localhost", 200), ("localhost:8443", 200), ("elsewhere.example", 421)] {
        let fields: Vec<_> = GET
            .iter()
            .map(|&(name, value)| (name, if name == ":authority" { authority } else { value }))
            .collect();
        let stream = peer.request(END_STREAM, &fields);
        let answer = peer.read_until(|frame| frame.stream == stream && frame.kind == HEADERS);
        assert_eq!(answer.status(), expected, "{authority}");
    }
    let stream = peer.websocket();
    peer.echo(stream, "over TLS");
}

#[test]
fn a_client_that_agreed_on_http2_and_says_nothing_is_not_waited_for() {
    let served = Served::new("silent", ws::Config::default(), rig::small_limits());
    let mut session = served.session(b"h2");
    while session.conn.is_handshaking() {
        session.conn.complete_io(&mut session.sock).unwrap();
    }
    rig::eventually("it is gone", || {
        let totals = served.workers.totals();
        totals.requests_late == 1 && totals.requesting == 0
    });
}

#[test]
fn a_client_that_agreed_on_http1_may_not_change_its_mind() {
    use std::io::{Read, Write};
    let served = Served::new("mind", ws::Config::default(), rig::small_limits());
    let mut session = served.session(b"http/1.1");
    session.write_all(crate::raw::PREFACE).unwrap();
    let mut answer = Vec::new();
    let _ = session.read_to_end(&mut answer);
    assert_eq!(rig::status(&String::from_utf8_lossy(&answer)), 505);
}

#[tokio::test]
async fn z1_compression_is_agreed_on_and_used() {
    let config = ws::Config {
        compression: ws::deflate::Policy::with_mode(ws::deflate::Mode::NoTakeover),
        ..ws::Config::default()
    };
    let served = Served::new("compression", config.clone(), Limits::default());
    let options = DialOptions {
        http: HttpVersion::Http2,
        trust: Trust::PemFile(served.tls.certificate_path().to_owned()),
        config: Arc::new(config),
        ..DialOptions::default()
    };
    let url = format!("wss://localhost:{}/", served.address().port());
    let dialed = net::dial(&url, &options).await.unwrap();
    let agreed = dialed.facts.fields.iter().find(|(name, _)| name == "sec-websocket-extensions");
    assert!(agreed.unwrap().1.contains("permessage-deflate"), "{agreed:?}");
    let mut socket = WebSocket::new(dialed);
    let text = "Hello, Hello, Hello! ".repeat(5000);
    socket.send(Message::Text(&text)).await.unwrap();
    assert_eq!(socket.receive().await, Some(text.as_str().into()));
    socket.close(CloseCode::NORMAL, "").await;
    let totals = served.workers.totals();
    let size = text.len() as u64;
    assert!(totals.bytes_in < size / 10 && totals.bytes_out < size / 10, "{totals:?}");
}
