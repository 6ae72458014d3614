//! Rows S4, S6 and S7 over QUIC, where the same rules hold.

use crate::place::{Authority, Directory, self_signed};
use crate::rig::small_limits;
use net::{
    Alpn, ClientAuthority, ClientTls, DialOptions, HttpVersion, Listen, Options, PemPair, Tls, TlsOptions,
    Trust, WebSocket, Workers, echo::Echo,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One worker that echoes over all versions of HTTP, and its port.
fn server(tls: &Tls) -> (Workers, u16) {
    let mut options = Options::new(1, []);
    let address = "127.0.0.1:0".parse().unwrap();
    options.listen.push(Listen { address, tls: Some(tls.clone()), http3: true });
    options.limits = small_limits();
    let workers = Workers::start(options, |_| Echo::new(Arc::default())).unwrap();
    let port = workers.addresses()[0].port();
    (workers, port)
}

fn trusting(file: &Path, http: HttpVersion) -> DialOptions {
    DialOptions { http, trust: Trust::PemFile(file.to_owned()), ..DialOptions::default() }
}

/// Opens a WebSocket and says hello. The end of a handshake that the server refuses in the last moment shows only then.
async fn hello(port: u16, options: &DialOptions) -> Result<(), String> {
    let url = format!("wss://localhost:{port}/");
    let mut socket = WebSocket::connect(&url, options).await.map_err(|error| error.to_string())?;
    socket.send(ws::Message::Text("hello")).await.map_err(|error| error.to_string())?;
    socket.receive().await.map(drop).ok_or_else(|| format!("{:?}", socket.end()))
}

#[tokio::test]
async fn s6_a_reload_reaches_handshakes_of_quic_and_leaves_what_is_open() {
    let directory = Directory::new("quic-reload");
    let old = self_signed(2000, 4000);
    let (certificate, key) = directory.pair("server", &old);
    let trusted = directory.file("old.pem", &old.certificate);
    let tls = Tls::from_pem_files(&certificate, &key).unwrap();
    let (_workers, port) = server(&tls);
    let url = format!("wss://localhost:{port}/");
    let mut open = WebSocket::connect(&url, &trusting(&trusted, HttpVersion::Http3)).await.unwrap();

    directory.file("server.pem", "");
    assert!(tls.reload().is_err());
    hello(port, &trusting(&trusted, HttpVersion::Http3)).await.unwrap();

    directory.pair("server", &self_signed(2001, 4000));
    tls.reload().unwrap();
    hello(port, &trusting(&certificate, HttpVersion::Http3)).await.unwrap();
    assert!(
        hello(port, &trusting(&trusted, HttpVersion::Http3)).await.is_err(),
        "the old one is not shown any more"
    );
    open.send(ws::Message::Text("still there")).await.unwrap();
    assert!(open.receive().await.is_some(), "what was open goes on");
}

#[tokio::test]
async fn s7_every_version_of_http_asks_for_the_clients_certificate() {
    let directory = Directory::new("quic-clients");
    let players = Authority::new("Players");
    let own = self_signed(2000, 4000);
    let (certificate, key) = directory.pair("server", &own);
    let mut options = TlsOptions::new(vec![PemPair { certificate: certificate.clone(), key }]);
    let file = directory.file("players.pem", &players.pem());
    options.client_authority = Some(ClientAuthority { file, required: true });
    let (_workers, port) = server(&Tls::new(options).unwrap());
    let shown = |name: &str, by: &Authority| {
        let (certificate, key) = directory.pair(name, &by.issue(&["ann.test"], |_| {}));
        ClientTls::default().with_certificate(PemPair { certificate, key })
    };
    let (ann, eve) = (shown("ann", &players), shown("eve", &Authority::new("Strangers")));
    for http in [HttpVersion::Http1, HttpVersion::Http2, HttpVersion::Http3] {
        let options = |tls: &ClientTls| DialOptions { tls: tls.clone(), ..trusting(&certificate, http) };
        assert_eq!(hello(port, &options(&ann)).await, Ok(()), "{http}");
        assert!(hello(port, &options(&eve)).await.is_err(), "{http}");
        assert!(hello(port, &options(&ClientTls::default())).await.is_err(), "{http}");
    }
}

fn two_names(directory: &Directory) -> (PathBuf, TlsOptions) {
    let authority = Authority::new("Everybody");
    let trusted = directory.file("ca.pem", &authority.pem());
    let pairs = ["localhost", "other.test"]
        .map(|name| directory.pair(name, &authority.issue(&[name], |_| {})))
        .map(|(certificate, key)| PemPair { certificate, key });
    (trusted, TlsOptions::new(pairs.to_vec()))
}

#[tokio::test]
async fn s4_quic_refuses_unknown_names_too_and_speaks_nothing_but_http_3() {
    let directory = Directory::new("quic-names");
    let (trusted, mut options) = two_names(&directory);
    options.pairs.remove(0);
    options.refuse_unknown_names = true;
    options.protocols = vec![Alpn::Http1];
    let (_workers, port) = server(&Tls::new(options).unwrap());
    let error = hello(port, &trusting(&trusted, HttpVersion::Http3)).await.unwrap_err();
    assert!(error.contains("access") || error.contains("no server certificate"), "{error}");
    let error = hello(port, &trusting(&trusted, HttpVersion::Http1)).await.unwrap_err();
    assert!(error.contains("UnrecognisedName") || error.contains("UnrecognizedName"), "{error}");
}
