//! Row S4: names and protocols that do not fit.

use crate::place::{
    Authority, Client, Directory, ask, development, fatal_alert, hello, openssl, request, server, session,
};
use crate::rig::{connect, small_limits, status};
use net::{PemPair, Tls, TlsOptions};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;

/// RFC 6066 section 3.
const UNRECOGNIZED_NAME: u8 = 112;

/// Three certificates of one authority: for `one.test` and `www.one.test`, for `*.two.test`, and for `a.two.test`.
fn three() -> (Directory, PathBuf, TlsOptions) {
    let directory = Directory::new(&format!("three-{:?}", std::thread::current().id()));
    let authority = Authority::new("Everybody");
    let trusted = directory.file("ca.pem", &authority.pem());
    let pairs =
        [("one", &["one.test", "www.one.test"][..]), ("wild", &["*.two.test"]), ("exact", &["A.two.test"])]
            .map(|(file, names)| directory.pair(file, &authority.issue(names, |_| {})))
            .map(|(certificate, key)| PemPair { certificate, key });
    (directory, trusted, TlsOptions::new(pairs.to_vec()))
}

/// The names in the certificate that an independent client sees.
fn shown(address: SocketAddr, flags: &[&str]) -> String {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    let said = openssl(address, flags, "");
    let certificate = CertificateDer::from_pem_slice(said.as_bytes()).unwrap();
    let parsed = webpki::EndEntityCert::try_from(&certificate).unwrap();
    parsed.valid_dns_names().collect::<Vec<_>>().join(" ")
}

#[test]
fn s4_each_name_gets_its_certificate_and_no_or_an_unknown_name_the_first() {
    let (_directory, _trusted, options) = three();
    let (_workers, address) = server(&Tls::new(options).unwrap(), small_limits());
    for (asked, names) in [
        ("one.test", "one.test www.one.test"),
        ("WWW.ONE.TEST", "one.test www.one.test"),
        ("b.two.test", "*.two.test"),
        ("a.two.test", "A.two.test"),
        ("x.b.two.test", "one.test www.one.test"),
        ("two.test", "one.test www.one.test"),
        ("unknown.test", "one.test www.one.test"),
    ] {
        assert_eq!(shown(address, &["-servername", asked]), names, "{asked}");
    }
    assert_eq!(shown(address, &["-noservername"]), "one.test www.one.test");
}

#[test]
fn s4_a_connection_made_for_one_name_serves_the_others_of_its_certificate_and_421_else() {
    let (_directory, trusted, options) = three();
    let (_workers, address) = server(&Tls::new(options).unwrap(), small_limits());
    let config = Client::default().config(&trusted);
    for (name, host, answer) in [
        ("one.test", "one.test", 200),
        ("one.test", "ONE.test:8443", 200),
        ("one.test", "www.one.test", 200),
        ("one.test", "a.two.test", 421),
        ("b.two.test", "c.two.test", 200),
        ("b.two.test", "one.test", 421),
        ("a.two.test", "b.two.test", 421),
        ("one.test", "[::1]", 421),
        ("one.test", "%one.test", 421),
    ] {
        let (_, text) = ask(session(&config, name), connect(address), host, "").unwrap();
        assert_eq!(status(&text), answer, "{name} {host}: {text}");
    }
}

#[test]
fn s4_an_address_is_not_sent_as_a_name_so_every_host_is_fine() {
    let (_directory, tls, _workers, address) = development("s4");
    assert_eq!(status(&request(address, &tls, "127.0.0.1", "localhost")), 200);
    assert_eq!(status(&request(address, &tls, "stoa.test", "127.0.0.1")), 200, "the certificate has it");
    assert_eq!(status(&request(address, &tls, "stoa.test", "[::1]:8443")), 200, "the certificate has it");
    assert_eq!(status(&request(address, &tls, "stoa.test", "127.0.0.2")), 421);
}

#[test]
fn s4_an_unknown_name_can_be_refused_with_the_alert_for_it() {
    let (_directory, trusted, mut options) = three();
    options.refuse_unknown_names = true;
    let (workers, address) = server(&Tls::new(options).unwrap(), small_limits());
    let config = Client::default().config(&trusted);
    let mut socket = connect(address);
    socket.write_all(&hello(&mut session(&config, "unknown.test"))).unwrap();
    assert_eq!(fatal_alert(&mut socket), UNRECOGNIZED_NAME);
    assert!(openssl(address, &["-servername", "x.b.two.test"], "").contains("unrecognized name"));
    let (_, text) = ask(session(&config, "b.two.test"), connect(address), "b.two.test", "").unwrap();
    assert_eq!(status(&text), 200);
    assert_eq!(shown(address, &["-noservername"]), "one.test www.one.test", "no name is not an unknown name");
    crate::rig::eventually("both are counted", || workers.totals().tls_failed == 2);
}

#[test]
fn s4_a_hello_in_records_of_one_byte_is_read_before_the_name_is_refused() {
    let (_directory, trusted, mut options) = three();
    options.refuse_unknown_names = true;
    let (_workers, address) = server(&Tls::new(options).unwrap(), small_limits());
    for (name, alert) in [("unknown.test", Some(UNRECOGNIZED_NAME)), ("one.test", None)] {
        let mut session = session(&Client::default().config(&trusted), name);
        let mut socket = connect(address);
        for byte in &hello(&mut session)[5..] {
            socket.write_all(&[22, 3, 1, 0, 1, *byte]).unwrap();
        }
        match alert {
            Some(alert) => assert_eq!(fatal_alert(&mut socket), alert),
            None => assert_eq!(status(&ask(session, socket, "one.test", "").unwrap().1), 200),
        }
    }
}

#[test]
fn s4_two_kinds_of_key_for_one_name_serve_clients_that_know_one_kind() {
    let directory = Directory::new("s4-kinds");
    let pairs = [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ED25519].map(|kind| {
        let key = rcgen::KeyPair::generate_for(kind).unwrap();
        let certificate =
            rcgen::CertificateParams::new(vec!["one.test".into()]).unwrap().self_signed(&key).unwrap();
        let name = if std::ptr::eq(kind, &rcgen::PKCS_ED25519) { "ed" } else { "ec" };
        let certificate = directory.file(&format!("{name}.pem"), &certificate.pem());
        PemPair { certificate, key: directory.file(&format!("{name}.key"), &key.serialize_pem()) }
    });
    let (_workers, address) = server(&Tls::new(TlsOptions::new(pairs.to_vec())).unwrap(), small_limits());
    for (kinds, kind) in
        [("ed25519", "ed25519"), ("ECDSA+SHA256", "ECDSA"), ("ed25519:ECDSA+SHA256", "ECDSA")]
    {
        let said = openssl(address, &["-servername", "one.test", "-sigalgs", kinds], "");
        assert!(said.contains(&format!("Peer signature type: {kind}")), "{kinds}: {said}");
    }
}

#[test]
fn s4_a_client_that_speaks_only_other_protocols_is_told() {
    let (_directory, tls, _workers, address) = development("s4-alpn");
    let config = Client { alpn: &["h3", "spdy/3"], ..Client::default() }.config(tls.certificate_path());
    let error = ask(session(&config, "localhost"), connect(address), "localhost", "").unwrap_err();
    assert!(error.to_string().contains("NoApplicationProtocol"), "{error}");
}

#[test]
fn s4_a_protocol_that_is_switched_off_is_not_agreed_on() {
    let (_directory, trusted, mut options) = three();
    options.protocols = vec![net::Alpn::Http1];
    let (_workers, address) = server(&Tls::new(options).unwrap(), small_limits());
    let config = Client { alpn: &["h2", "http/1.1"], ..Client::default() }.config(&trusted);
    let (session, text) = ask(session(&config, "one.test"), connect(address), "one.test", "").unwrap();
    assert_eq!((session.alpn_protocol(), status(&text)), (Some(&b"http/1.1"[..]), 200));
}

#[test]
fn a21_plain_text_on_a_tls_port_and_tls_on_a_plain_port_end() {
    let (_directory, _tls, workers, address) = development("a21");
    let mut socket = connect(address);
    socket.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    fatal_alert(&mut socket);
    crate::rig::eventually("it is counted", || workers.totals().tls_failed == 1);

    let (_workers, address) =
        crate::rig::start(small_limits(), |_| net::echo::Echo::new(std::sync::Arc::default()));
    let mut socket: TcpStream = connect(address);
    let (_directory, trusted, _options) = three();
    socket.write_all(&hello(&mut session(&Client::default().config(&trusted), "localhost"))).unwrap();
    let mut answer = [0; 12];
    socket.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 400");
}
