//! What the tests of TLS share: directories, authorities, certificates, servers and clients.

use crate::rig::{self, connect, small_limits};
use net::echo::Echo;
use net::{Limits, Listen, Options, Site, Tls, Workers};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion};
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

/// A directory that is gone after the test.
pub(crate) struct Directory(pub(crate) PathBuf);

impl Directory {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("net-tls-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// Writes `NAME.pem` and `NAME.key`.
    pub(crate) fn pair(&self, name: &str, pair: &Pem) -> (PathBuf, PathBuf) {
        (self.file(&format!("{name}.pem"), &pair.certificate), self.file(&format!("{name}.key"), &pair.key))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A certificate and its key, as text.
pub(crate) struct Pem {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// A self-signed pair for `localhost`, valid for the given years.
pub(crate) fn self_signed(from: i32, until: i32) -> Pem {
    let mut parameters = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    parameters.not_before = rcgen::date_time_ymd(from, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(until, 1, 1);
    let key = rcgen::KeyPair::generate().unwrap();
    Pem { certificate: parameters.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
}

/// Somebody who issues certificates.
pub(crate) struct Authority(rcgen::CertifiedIssuer<'static, rcgen::KeyPair>);

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut parameters = rcgen::CertificateParams::default();
        parameters.distinguished_name.push(rcgen::DnType::CommonName, name);
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().unwrap();
        Self(rcgen::CertifiedIssuer::self_signed(parameters, key).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.as_ref().pem()
    }

    /// A certificate with these names, which `change` may change.
    pub(crate) fn issue(&self, names: &[&str], change: impl FnOnce(&mut rcgen::CertificateParams)) -> Pem {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut parameters = rcgen::CertificateParams::new(names).unwrap();
        change(&mut parameters);
        let key = rcgen::KeyPair::generate().unwrap();
        Pem { certificate: parameters.signed_by(&key, &self.0).unwrap().pem(), key: key.serialize_pem() }
    }
}

/// One worker with TLS on a free port, with a site of its own.
pub(crate) fn serve<S: Site>(tls: &Tls, limits: Limits, site: fn() -> S) -> (Workers, SocketAddr) {
    let mut options = Options::new(1, []);
    options.listen.push(Listen {
        address: "127.0.0.1:0".parse().unwrap(),
        tls: Some(tls.clone()),
        http3: false,
    });
    options.limits = limits;
    let workers = Workers::start(options, move |_| site()).unwrap();
    let address = workers.addresses()[0];
    (workers, address)
}

/// One worker that echoes over TLS on a free port.
pub(crate) fn server(tls: &Tls, limits: Limits) -> (Workers, SocketAddr) {
    serve(tls, limits, || Echo::new(Arc::default()))
}

/// A server with a development certificate, in a directory named after the test.
pub(crate) fn development(name: &str) -> (Directory, Tls, Workers, SocketAddr) {
    let directory = Directory::new(name);
    let tls = Tls::development(&directory.0, &["stoa.test".to_owned()]).unwrap();
    let (workers, address) = server(&tls, small_limits());
    (directory, tls, workers, address)
}

/// How a client greets.
pub(crate) struct Client<'a> {
    pub(crate) alpn: &'a [&'a str],
    pub(crate) versions: &'a [&'static SupportedProtocolVersion],
    pub(crate) identity: Option<&'a Pem>,
}

impl Default for Client<'_> {
    fn default() -> Self {
        Self { alpn: &["http/1.1"], versions: rustls::ALL_VERSIONS, identity: None }
    }
}

impl Client<'_> {
    /// A configuration that trusts the certificates in this file.
    pub(crate) fn config(&self, trusted: &Path) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(trusted).unwrap() {
            roots.add(certificate.unwrap()).unwrap();
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder =
            ClientConfig::builder_with_provider(provider).with_protocol_versions(self.versions).unwrap();
        let builder = builder.with_root_certificates(roots);
        let mut config = match self.identity {
            None => builder.with_no_client_auth(),
            Some(pem) => {
                let chain = CertificateDer::pem_slice_iter(pem.certificate.as_bytes()).map(Result::unwrap);
                let key = PrivateKeyDer::from_pem_slice(pem.key.as_bytes()).unwrap();
                builder.with_client_auth_cert(chain.collect(), key).unwrap()
            }
        };
        config.alpn_protocols = self.alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(config)
    }
}

/// A client's side of a connection to a server called `name`.
pub(crate) fn session(config: &Arc<ClientConfig>, name: &str) -> ClientConnection {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    ClientConnection::new(Arc::clone(config), name).unwrap()
}

/// An ordinary client that trusts the server's own certificate.
pub(crate) fn client(tls: &Tls, name: &str) -> ClientConnection {
    session(&Client::default().config(tls.certificate_path()), name)
}

/// Sends a request over TLS to a server that is called `name`, and reads everything.
pub(crate) fn request(address: SocketAddr, tls: &Tls, name: &str, host: &str) -> String {
    ask(client(tls, name), connect(address), host, "").unwrap().1
}

/// Sends a request with further header lines over a new connection, and reads everything.
pub(crate) fn ask(
    session: ClientConnection,
    socket: TcpStream,
    host: &str,
    headers: &str,
) -> std::io::Result<(ClientConnection, String)> {
    let mut stream = StreamOwned::new(session, socket);
    // Where the server refuses, it may have closed already, and reading says why.
    let _ = write!(stream, "GET / HTTP/1.1\r\nHost: {host}\r\n{headers}Connection: close\r\n\r\n");
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok((stream.conn, answer))
}

/// The client's first flight, as it would go onto the wire: one record.
pub(crate) fn hello(connection: &mut ClientConnection) -> Vec<u8> {
    let mut bytes = Vec::new();
    connection.write_tls(&mut bytes).unwrap();
    bytes
}

/// Runs `openssl s_client`, which shares no code with rustls, types something into it, and gives all that it prints.
pub(crate) fn openssl(address: SocketAddr, flags: &[&str], typed: &str) -> String {
    let mut child = Command::new("openssl")
        .args(["s_client", "-connect", &address.to_string()])
        .args(flags)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("this test needs the openssl command; install the package openssl");
    child.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    [output.stdout, output.stderr].iter().map(|text| String::from_utf8_lossy(text)).collect()
}

/// Everything that a socket gives until its end, which must be there and begin with a fatal alert.
pub(crate) fn fatal_alert(socket: &mut TcpStream) -> u8 {
    let answer = rig::read_to_end(socket);
    assert_eq!((answer.first(), answer.get(5)), (Some(&21), Some(&2)), "not an alert: {answer:?}");
    answer[6]
}
