//! Coming back without a full handshake: on any worker, after a reload, and with an independent client.

use crate::place::{Client, Directory, ask, openssl, self_signed, session};
use crate::rig::{connect, small_limits, status};
use net::{Listen, Options, Tls, Workers, echo::Echo};
use rustls::HandshakeKind;
use std::sync::Arc;

#[test]
fn a_ticket_is_good_on_every_worker_and_after_a_reload() {
    let directory = Directory::new("tickets");
    let pem = self_signed(2000, 4000);
    let (certificate, key) = directory.pair("server", &pem);
    let trusted = directory.file("trusted.pem", &pem.certificate);
    let tls = Tls::from_pem_files(&certificate, &key).unwrap();
    let mut options = Options::new(4, []);
    options.listen.push(Listen {
        address: "127.0.0.1:0".parse().unwrap(),
        tls: Some(tls.clone()),
        http3: false,
    });
    options.limits = small_limits();
    let workers = Workers::start(options, |_| Echo::new(Arc::default())).unwrap();
    let address = workers.addresses()[0];
    for versions in [&[&rustls::version::TLS13][..], &[&rustls::version::TLS12]] {
        let config = Client { versions, ..Client::default() }.config(&trusted);
        let come = || {
            let (session, text) =
                ask(session(&config, "localhost"), connect(address), "localhost", "").unwrap();
            assert_eq!(status(&text), 200);
            session.handshake_kind().unwrap()
        };
        assert_eq!(come(), HandshakeKind::Full);
        for _ in 0..12 {
            assert_eq!(come(), HandshakeKind::Resumed);
        }
        tls.reload().unwrap();
        assert_eq!(come(), HandshakeKind::Resumed, "the same certificate was read again");
        directory.pair("server", &self_signed(2001, 4000));
        tls.reload().unwrap();
        assert_eq!(
            come(),
            HandshakeKind::Resumed,
            "a renewed certificate does not send everybody back to the start"
        );
        directory.pair("server", &pem);
        tls.reload().unwrap();
    }
    let used = workers.counters().iter().filter(|worker| worker.totals().requests > 0).count();
    assert!(used > 1, "connections reached more than one worker");
}

#[test]
fn a_client_that_knows_no_tickets_resumes_by_its_session() {
    let (directory, _tls, _workers, address) = crate::place::development("sessions");
    let file = directory.0.join("session.pem");
    let file = file.to_str().unwrap();
    let asked = "GET / HTTP/1.0\r\nHost: localhost\r\n\r\n";
    let first = openssl(address, &["-tls1_2", "-no_ticket", "-ign_eof", "-sess_out", file], asked);
    assert!(first.contains("New, TLSv1.2"), "{first}");
    let second = openssl(address, &["-tls1_2", "-no_ticket", "-ign_eof", "-sess_in", file], asked);
    assert!(second.contains("Reused, TLSv1.2"), "{second}");
}

#[test]
fn an_independent_client_resumes_tls_1_3_by_its_ticket() {
    let (directory, tls, _workers, address) = crate::place::development("openssl-tickets");
    let file = directory.0.join("session.pem");
    let file = file.to_str().unwrap();
    let asked = "GET / HTTP/1.0\r\nHost: localhost\r\n\r\n";
    let first = openssl(address, &["-tls1_3", "-ign_eof", "-sess_out", file], asked);
    assert!(first.contains("New, TLSv1.3") && first.contains("200 OK"), "{first}");
    tls.reload().unwrap();
    let second = openssl(address, &["-tls1_3", "-ign_eof", "-sess_in", file], asked);
    assert!(second.contains("Reused, TLSv1.3") && second.contains("200 OK"), "{second}");
}

#[test]
fn early_data_is_never_taken() {
    let (directory, _tls, _workers, address) = crate::place::development("early");
    let session = directory.0.join("session.pem");
    let early = directory.file("early", "GET / HTTP/1.0\r\nHost: localhost\r\n\r\n");
    let (session, early) = (session.to_str().unwrap(), early.to_str().unwrap());
    let asked = "GET / HTTP/1.0\r\nHost: localhost\r\n\r\n";
    let first = openssl(address, &["-tls1_3", "-ign_eof", "-sess_out", session], asked);
    assert!(first.contains("Max Early Data: 0"), "{first}");
    let second = openssl(address, &["-tls1_3", "-ign_eof", "-sess_in", session, "-early_data", early], asked);
    assert!(!second.contains("Early data was accepted"), "{second}");
}

#[tokio::test]
async fn a_dialer_comes_back_by_its_ticket_unless_it_is_told_not_to() {
    use net::{ClientTls, DialOptions, Stream, Trust, WebSocket, dial};
    let (_directory, tls, _workers, address) = crate::place::development("dial-again");
    let url = format!("wss://localhost:{}/", address.port());
    let trust = Trust::PemFile(tls.certificate_path().to_owned());
    let kinds = async |tls: ClientTls| {
        let options = DialOptions { trust: trust.clone(), tls, ..DialOptions::default() };
        let mut kinds = Vec::new();
        for _ in 0..3 {
            let dialed = dial(&url, &options).await.unwrap();
            let Stream::Tls(stream) = &dialed.stream else { panic!("not TLS") };
            kinds.push(stream.get_ref().1.handshake_kind().unwrap());
            // Tickets come behind the handshake and are taken with the first message.
            let mut socket = WebSocket::new(dialed);
            socket.send(ws::Message::Text("hello")).await.unwrap();
            assert!(socket.receive().await.is_some());
        }
        kinds
    };
    use HandshakeKind::{Full, Resumed};
    assert_eq!(kinds(ClientTls::default()).await, [Full, Resumed, Resumed]);
    assert_eq!(kinds(ClientTls::default().without_resumption()).await, [Full, Full, Full]);
}
