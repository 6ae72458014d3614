//! TLS as operators set it up: several certificates, clients' certificates, renewals, the key log.

use crate::rig::{Directory, Server, err, out, run_with_input, stoa};
use std::io::{Read, Write};
use std::net::TcpStream;

/// Writes `NAME.pem` and `NAME.key`: self-signed for this name, or issued by the authority called `by`.
fn issue(directory: &Directory, name: &str, by: Option<&rcgen::CertifiedIssuer<'static, rcgen::KeyPair>>) {
    let mut parameters = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
    parameters.distinguished_name.push(rcgen::DnType::CommonName, name);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = match by {
        None => parameters.self_signed(&key).unwrap(),
        Some(authority) => parameters.signed_by(&key, authority).unwrap(),
    };
    std::fs::write(directory.file(&format!("{name}.pem")), certificate.pem()).unwrap();
    std::fs::write(directory.file(&format!("{name}.key")), key.serialize_pem()).unwrap();
}

fn authority(directory: &Directory) -> rcgen::CertifiedIssuer<'static, rcgen::KeyPair> {
    let mut parameters = rcgen::CertificateParams::default();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let issuer =
        rcgen::CertifiedIssuer::self_signed(parameters, rcgen::KeyPair::generate().unwrap()).unwrap();
    std::fs::write(directory.file("ca.pem"), issuer.as_ref().pem()).unwrap();
    issuer
}

fn echo(directory: &Directory, names: &[&str], more: &[&str]) -> Server {
    let files: Vec<String> = names.iter().map(|name| directory.file(name)).collect();
    let mut flags = vec!["echo", "--listen", "127.0.0.1:0", "--tls-listen", "127.0.0.1:0", "--workers", "1"];
    let pairs: Vec<[String; 2]> =
        files.iter().map(|file| [format!("{file}.pem"), format!("{file}.key")]).collect();
    for [certificate, key] in &pairs {
        flags.extend(["--tls-cert", certificate, "--tls-key", key]);
    }
    flags.extend(more);
    Server::start(&flags)
}

/// Says hi at `wss://localhost`, wherever that is.
fn say_hi(server: &Server, more: &[&str]) -> std::process::Output {
    let url = server.url("wss").replace("127.0.0.1", "localhost");
    run_with_input(&[&["connect", &url, "--exit-after", "1"], more].concat(), "hi\n")
}

#[test]
fn each_name_has_its_certificate_and_a_renewal_needs_no_restart() {
    let directory = Directory::new();
    issue(&directory, "other.test", None);
    issue(&directory, "localhost", None);
    let mut server = echo(&directory, &["other.test", "localhost"], &[]);
    let own = directory.file("localhost.pem");
    assert_eq!(out(&say_hi(&server, &["--ca", &own])), "hi\n");
    let refused = say_hi(&server, &["--ca", &directory.file("other.test.pem")]);
    assert_eq!(refused.status.code(), Some(1), "{}", err(&refused));

    std::fs::write(directory.file("other.test.pem"), "").unwrap();
    server.signal("HUP");
    server.wait_for("other.test.pem has no certificate");
    assert_eq!(out(&say_hi(&server, &["--ca", &own])), "hi\n", "the old certificates are in use");
    issue(&directory, "other.test", None);
    issue(&directory, "localhost", None);
    server.signal("HUP");
    server.wait_for("the certificates were read again");
    assert_eq!(out(&say_hi(&server, &["--ca", &own])), "hi\n", "the new certificate is in use");
}

#[test]
fn clients_can_be_asked_for_a_certificate() {
    let directory = Directory::new();
    let authority = authority(&directory);
    issue(&directory, "localhost", None);
    issue(&directory, "ann.test", Some(&authority));
    issue(&directory, "eve.test", None);
    let ca = directory.file("ca.pem");
    let required = echo(&directory, &["localhost"], &["--tls-client-ca", &ca]);
    let trust = directory.file("localhost.pem");
    let shown = |name: &str| [directory.file(&format!("{name}.pem")), directory.file(&format!("{name}.key"))];
    let [ann, ann_key] = shown("ann.test");
    let [eve, eve_key] = shown("eve.test");
    let as_ann = ["--ca", &trust, "--cert", &ann, "--key", &ann_key];
    let as_eve = ["--ca", &trust, "--cert", &eve, "--key", &eve_key];
    assert_eq!(out(&say_hi(&required, &as_ann)), "hi\n");
    assert_eq!(say_hi(&required, &as_eve).status.code(), Some(1));
    assert_eq!(say_hi(&required, &["--ca", &trust]).status.code(), Some(1));

    let optional =
        echo(&directory, &["localhost"], &["--tls-client-ca", &ca, "--tls-client-certificates", "optional"]);
    assert_eq!(out(&say_hi(&optional, &["--ca", &trust])), "hi\n");
    assert_eq!(say_hi(&optional, &as_eve).status.code(), Some(1));
}

/// An ordinary request without TLS.
fn get(url: &str, path: &str) -> String {
    let mut socket = TcpStream::connect(url.split('/').nth(2).unwrap()).unwrap();
    write!(socket, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_key_log_is_shouted_about_wherever_somebody_looks() {
    let directory = Directory::new();
    issue(&directory, "localhost", None);
    let (keys, own) = (directory.file("keys.log"), directory.file("localhost.pem"));
    let (key, data) = (directory.file("localhost.key"), directory.file("data"));
    let tls = ["--tls-listen", "127.0.0.1:0", "--tls-cert", &own, "--tls-key", &key, "--data", &data];
    let serve = ["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--workers", "1"];
    let server = Server::start(&[&serve[..], &tls, &["--insecure-key-log", &keys]].concat());
    assert!(server.greeting.iter().any(|line| line.contains("INSECURE")), "{:?}", server.greeting);
    let admin = server.greeting.iter().find_map(|line| line.strip_prefix("admin").map(str::trim)).unwrap();
    assert!(get(admin, "/readyz").contains("INSECURE"), "{}", get(admin, "/readyz"));
    let metrics = get(admin, "/metrics");
    for line in [
        "stoa_tls_insecure_key_log 1\n",
        "stoa_tls_reloads_total 0\n",
        "stoa_tls_certificate_expires_unix_seconds 67",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    let client_keys = directory.file("client.log");
    let url = server.url("wss").replace("127.0.0.1", "localhost");
    let flags = ["connect", &url, "--ca", &own, "--insecure-key-log", &client_keys, "--exit-after", "1"];
    let output = stoa(&[&flags[..], &["--subprotocol", "stoa.chat.v1", "--timeout", "0.2"]].concat())
        .output()
        .unwrap();
    assert!(err(&output).contains("INSECURE"), "{}", err(&output));
    let sorted = |path: &str| {
        let mut lines: Vec<String> =
            std::fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&keys), sorted(&client_keys));
    assert!(sorted(&keys).len() >= 4, "{:?}", sorted(&keys));
}
