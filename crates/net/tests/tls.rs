//! TLS as a stranger may speak it, and certificates as an operator may break them. Names begin with the row of the list of
//! attacks that they stand for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that panics has failed")]

mod rig;

use net::echo::Echo;
use net::{DialOptions, Limits, Listen, Options, OwnedMessage, Tls, TlsError, Trust, WebSocket, Workers};
use rig::{PATIENCE, connect, read_to_end, small_limits, status};
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use ws::{CloseCode, Message};

/// A directory that is gone after the test.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("net-tls-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn server(tls: &Tls, limits: Limits) -> (Workers, SocketAddr) {
    let mut options = Options::new(1, []);
    options.listen.push(Listen {
        address: "127.0.0.1:0".parse().unwrap(),
        tls: Some(tls.clone()),
        http3: false,
    });
    options.limits = limits;
    let workers = Workers::start(options, |_| Echo::new(Arc::default())).unwrap();
    let address = workers.addresses()[0];
    (workers, address)
}

/// A server with a development certificate, in a directory named after the test.
fn development(name: &str) -> (Directory, Tls, Workers, SocketAddr) {
    let directory = Directory::new(name);
    let tls = Tls::development(&directory.0, &["stoa.test".to_owned()]).unwrap();
    let (workers, address) = server(&tls, small_limits());
    (directory, tls, workers, address)
}

fn client_config(tls: &Tls, alpn: &[&str]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let certificate = rustls::pki_types::CertificateDer::from_pem_file(tls.certificate_path()).unwrap();
    roots.add(certificate).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    Arc::new(config)
}

fn client(tls: &Tls, name: &str) -> ClientConnection {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    ClientConnection::new(client_config(tls, &["http/1.1"]), name).unwrap()
}

/// Sends a request over TLS to a server that is called `name`, and reads everything.
fn request(address: SocketAddr, tls: &Tls, name: &str, host: &str) -> String {
    let mut stream = StreamOwned::new(client(tls, name), connect(address));
    write!(stream, "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// The client's first flight, as it would go onto the wire: one record.
fn hello(connection: &mut ClientConnection) -> Vec<u8> {
    let mut bytes = Vec::new();
    connection.write_tls(&mut bytes).unwrap();
    bytes
}

#[tokio::test]
async fn a_websocket_over_tls_echoes_and_closes_cleanly() {
    let (_directory, tls, workers, address) = development("echo");
    let trust = Trust::PemFile(tls.certificate_path().to_owned());
    let options = DialOptions { trust, ..DialOptions::default() };
    let url = format!("wss://localhost:{}/", address.port());
    let mut socket = WebSocket::connect(&url, &options).await.unwrap();
    let big = vec![7; 1_000_000];
    socket.send(Message::Binary(&big)).await.unwrap();
    assert_eq!(socket.receive().await, Some(OwnedMessage::Binary(big)));
    socket.close(CloseCode::NORMAL, "").await;
    rig::eventually("the server's side is gone", || workers.totals().websockets_open == 0);

    let stranger = DialOptions { trust: Trust::System, ..DialOptions::default() };
    let error = WebSocket::connect(&url, &stranger).await.unwrap_err();
    assert!(matches!(error, net::DialError::Tls(_) | net::DialError::Trust(_)), "{error}");
    let trusting = DialOptions { trust: Trust::Anybody, ..DialOptions::default() };
    WebSocket::connect(&url, &trusting).await.unwrap();
}

#[test]
fn after_the_closing_handshake_an_end_without_close_notify_is_no_error() {
    let (_directory, tls, workers, address) = development("truncated");
    let mut stream = StreamOwned::new(client(&tls, "localhost"), connect(address));
    write!(stream, "{}\r\n", rig::HANDSHAKE).unwrap();
    stream.write_all(&rig::masked(0x88, &1000_u16.to_be_bytes())).unwrap();
    let mut all = Vec::new();
    while !all.ends_with(b"\x88\x02\x03\xe8") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        all.push(byte[0]);
    }
    drop(stream);
    rig::eventually("the server's side is gone", || workers.totals().websockets_open == 0);
    assert_eq!((workers.totals().websockets_opened, workers.totals().cut_late), (1, 0));
}

#[test]
fn s01_old_versions_and_old_ciphers_get_an_alert() {
    let (_directory, _tls, _workers, address) = development("s01");
    for (version, suite) in
        [([3, 1], [0xc0, 0x13]), ([3, 2], [0xc0, 0x13]), ([3, 3], [0xc0, 0x13]), ([3, 3], [0x00, 0x9c])]
    {
        // RFC 5246 section 7.4.1.2: version, random, no session, one suite, no compression.
        let mut body = version.to_vec();
        body.extend([7; 32]);
        body.extend([0, 0, 2, suite[0], suite[1], 1, 0]);
        body.extend([0, 0]);
        let mut message = vec![1, 0, 0, body.len() as u8];
        message.extend(&body);
        let mut record = vec![22, 3, 1, 0, message.len() as u8];
        record.extend(&message);
        let mut stream = connect(address);
        stream.write_all(&record).unwrap();
        let answer = read_to_end(&mut stream);
        assert_eq!(answer.first(), Some(&21), "an alert for {version:?} {suite:?}: {answer:?}");
    }
}

#[test]
fn s02_a_hello_in_records_of_one_byte_is_a_hello() {
    let (_directory, tls, _workers, address) = development("s02");
    let mut connection = client(&tls, "localhost");
    let whole = hello(&mut connection);
    let mut socket = connect(address);
    for byte in &whole[5..] {
        socket.write_all(&[22, 3, 1, 0, 1, *byte]).unwrap();
    }
    let mut stream = StreamOwned::new(connection, socket);
    stream.write_all(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(status(&answer), 200);
}

#[test]
fn s03_a_handshake_that_stalls_or_is_called_off_ends() {
    let (_directory, tls, workers, address) = development("s03");
    let mut stalled = connect(address);
    stalled.write_all(&hello(&mut client(&tls, "localhost"))).unwrap();
    let mut called_off = connect(address);
    called_off.write_all(&hello(&mut client(&tls, "localhost"))).unwrap();
    called_off.write_all(&[21, 3, 3, 0, 2, 1, 0]).unwrap();
    read_to_end(&mut stalled);
    read_to_end(&mut called_off);
    rig::eventually("both are gone", || workers.totals().requesting == 0);
    assert_eq!(workers.totals().tls_failed, 2);
}

#[test]
fn s04_another_host_than_the_handshake_named_is_421_and_no_name_is_fine() {
    let (_directory, tls, _workers, address) = development("s04");
    assert_eq!(status(&request(address, &tls, "localhost", "localhost")), 200);
    assert_eq!(status(&request(address, &tls, "localhost", "LOCALHOST:8443")), 200);
    assert_eq!(status(&request(address, &tls, "stoa.test", "localhost")), 421);
    assert_eq!(
        status(&request(address, &tls, "127.0.0.1", "localhost")),
        200,
        "an address is not sent as a name"
    );
}

#[test]
fn s04_a_client_that_speaks_only_other_protocols_is_told() {
    let (_directory, tls, _workers, address) = development("s04-alpn");
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(client_config(&tls, &["h3", "spdy/3"]), name).unwrap();
    let mut stream = StreamOwned::new(connection, connect(address));
    let error = stream.write_all(b"GET").and_then(|()| stream.read(&mut [0]).map(drop)).unwrap_err();
    assert!(error.to_string().contains("NoApplicationProtocol"), "{error}");
}

#[test]
fn s05_absurd_handshake_messages_end_their_connection_and_no_other() {
    let (_directory, tls, workers, address) = development("s05");
    let mut socket = connect(address);
    // A handshake message that says it is 16 MiB long, and keeps coming.
    let mut record = vec![22, 3, 1, 0x40, 0x00, 1, 0xff, 0xff, 0xff];
    record.resize(5 + 0x4000, 0);
    for _ in 0..64 {
        if socket.write_all(&record).is_err() {
            break;
        }
    }
    read_to_end(&mut socket);
    rig::eventually("it is counted", || workers.totals().tls_failed == 1);

    let mut connection = client(&tls, "localhost");
    let mut socket = connect(address);
    connection.complete_io(&mut socket).unwrap();
    for _ in 0..2000 {
        if connection.refresh_traffic_keys().is_err() || write_all_tls(&mut connection, &mut socket).is_err()
        {
            break;
        }
    }
    assert_eq!(status(&request(address, &tls, "localhost", "localhost")), 200, "others are served");
}

fn write_all_tls(connection: &mut ClientConnection, socket: &mut TcpStream) -> std::io::Result<()> {
    while connection.wants_write() {
        connection.write_tls(socket)?;
    }
    Ok(())
}

/// A self-signed pair, valid for the given years.
fn pair(from: i32, until: i32) -> (String, String) {
    let mut parameters = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    parameters.not_before = rcgen::date_time_ymd(from, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(until, 1, 1);
    let key = rcgen::KeyPair::generate().unwrap();
    (parameters.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

#[test]
fn s06_a_reload_with_bad_files_keeps_the_old_certificate() {
    let directory = Directory::new("s06");
    let (certificate, key) = pair(2000, 4000);
    let (certificate_path, key_path) =
        (directory.file("cert.pem", &certificate), directory.file("key.pem", &key));
    let tls = Tls::from_pem_files(&certificate_path, &key_path).unwrap();
    let (_workers, address) = server(&tls, small_limits());
    let old = Tls::from_pem_files(&certificate_path, &key_path).unwrap();
    // The trusted copy of the certificate must outlive the files.
    let trusted = directory.file("trusted.pem", &certificate);
    let trusted = Tls::from_pem_files(&trusted, &key_path).unwrap();
    drop(old);

    let (expired, expired_key) = pair(2000, 2001);
    let (future, future_key) = pair(3000, 3001);
    let (other, _) = pair(2000, 4000);
    let half = &certificate[..certificate.len() / 2];
    type Expected = fn(&TlsError) -> bool;
    let bad: [(&str, &str, Expected); 6] = [
        (&expired, &expired_key, |e| matches!(e, TlsError::Expired(_))),
        (&future, &future_key, |e| matches!(e, TlsError::NotYetValid(_))),
        (&other, &key, |e| matches!(e, TlsError::KeyMismatch { .. })),
        ("", &key, |e| matches!(e, TlsError::NoCertificate(_))),
        (&certificate, "", |e| matches!(e, TlsError::NoKey(_))),
        (half, &key, |e| matches!(e, TlsError::Malformed { .. } | TlsError::NoCertificate(_))),
    ];
    for (bad_certificate, bad_key, expected) in bad {
        directory.file("cert.pem", bad_certificate);
        directory.file("key.pem", bad_key);
        let error = tls.reload().unwrap_err();
        assert!(expected(&error), "{error}");
        assert_eq!(status(&request(address, &trusted, "localhost", "localhost")), 200, "after: {error}");
    }
    fs::remove_file(&certificate_path).unwrap();
    assert!(matches!(tls.reload(), Err(TlsError::File { .. })));
    assert_eq!(status(&request(address, &trusted, "localhost", "localhost")), 200);
}

#[test]
fn s06_a_reload_with_good_files_serves_the_new_certificate_to_new_connections() {
    let directory = Directory::new("s06-good");
    let (certificate, key) = pair(2000, 4000);
    let (certificate_path, key_path) =
        (directory.file("cert.pem", &certificate), directory.file("key.pem", &key));
    let tls = Tls::from_pem_files(&certificate_path, &key_path).unwrap();
    let (_workers, address) = server(&tls, Limits { keep_alive_timeout: PATIENCE, ..small_limits() });
    let mut before = StreamOwned::new(client(&tls, "localhost"), connect(address));
    before.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    before.read_exact(&mut [0; 15]).unwrap();

    let (certificate, key) = pair(2001, 4000);
    directory.file("cert.pem", &certificate);
    directory.file("key.pem", &key);
    tls.reload().unwrap();
    let answer = request(address, &tls, "localhost", "localhost");
    assert_eq!(status(&answer), 200, "the client trusts only the new one");
    assert!(answer.contains("strict-transport-security: max-age=63072000\r\n"), "{answer}");
    before.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut rest = String::new();
    before.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("HTTP/1.1 200 OK"), "the open connection goes on: {rest}");
}

#[test]
fn a_development_certificate_stays_the_same_until_it_lacks_a_name() {
    let directory = Directory::new("development");
    let read = || fs::read_to_string(directory.0.join("development.pem")).unwrap();
    Tls::development(&directory.0, &[]).unwrap();
    let first = read();
    Tls::development(&directory.0, &[]).unwrap();
    assert_eq!(read(), first);
    Tls::development(&directory.0, &["stoa.test".to_owned()]).unwrap();
    assert_ne!(read(), first);
    let mode = fs::metadata(directory.0.join("development.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
