//! Row S7: certificates that clients show.

use crate::place::{Authority, Client, Directory, Pem, ask, serve, session};
use crate::rig::{connect, small_limits, status};
use http::StatusCode;
use net::{
    Answer, ClientAuthority, ClientTls, DialError, DialOptions, NoEndpoint, PemPair, Request, Site, Tls,
    TlsOptions, Trust, WebSocket,
};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Answers with what it knows of the client.
struct WhoAmI;

impl Site for WhoAmI {
    type Endpoint = NoEndpoint;

    fn respond(&self, request: &Request<'_>) -> Answer<NoEndpoint> {
        let who = request.peer_certificate.map_or_else(
            || "nobody".to_owned(),
            |client| {
                let print: String = client.fingerprint().iter().map(|byte| format!("{byte:02x}")).collect();
                format!(
                    "{}|{}|{}|{print}",
                    client.subject(),
                    client.dns_names().join(" "),
                    client.uris().join(" ")
                )
            },
        );
        Answer::text(StatusCode::OK, who)
    }
}

struct Scene {
    directory: Directory,
    tls: Tls,
    trusted: PathBuf,
    players: Authority,
    _workers: net::Workers,
    address: SocketAddr,
}

impl Scene {
    fn new(name: &str, required: bool) -> Self {
        let directory = Directory::new(name);
        let servers = Authority::new("Servers");
        let players = Authority::new("Players");
        let trusted = directory.file("ca.pem", &servers.pem());
        let (certificate, key) = directory.pair("server", &servers.issue(&["localhost"], |_| {}));
        let mut options = TlsOptions::new(vec![PemPair { certificate, key }]);
        let file = directory.file("players.pem", &players.pem());
        options.client_authority = Some(ClientAuthority { file, required });
        let tls = Tls::new(options).unwrap();
        let (workers, address) = serve(&tls, small_limits(), || WhoAmI);
        Self { directory, tls, trusted, players, _workers: workers, address }
    }

    /// The body of the answer, or what the handshake failed with.
    fn ask(&self, identity: Option<&Pem>, headers: &str) -> Result<String, String> {
        let config = Client { identity, ..Client::default() }.config(&self.trusted);
        let answer = ask(session(&config, "localhost"), connect(self.address), "localhost", headers);
        let (_, text) = answer.map_err(|error| error.to_string())?;
        assert_eq!(status(&text), 200);
        Ok(text.split_once("\r\n\r\n").unwrap().1.to_owned())
    }
}

fn ann(parameters: &mut rcgen::CertificateParams) {
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters.distinguished_name.push(rcgen::DnType::OrganizationName, "Example");
    parameters.distinguished_name.push(rcgen::DnType::CommonName, "ann");
    let uri = rcgen::string::Ia5String::try_from("spiffe://example.org/ann").unwrap();
    parameters.subject_alt_names.push(rcgen::SanType::URI(uri));
}

fn fingerprint(pem: &Pem) -> String {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    let der = CertificateDer::from_pem_slice(pem.certificate.as_bytes()).unwrap();
    let directory = Directory::new(&format!("print-{:?}", std::thread::current().id()));
    let path = directory.file("der.pem", &pem.certificate);
    let said = std::process::Command::new("openssl")
        .args(["x509", "-noout", "-fingerprint", "-sha256", "-in"])
        .arg(path)
        .output()
        .unwrap();
    assert!(!der.is_empty());
    let said = String::from_utf8(said.stdout).unwrap();
    said.trim().split_once('=').unwrap().1.replace(':', "").to_lowercase()
}

#[test]
fn s7_a_site_learns_who_the_client_is_from_its_certificate() {
    let scene = Scene::new("s7-who", true);
    let pem = scene.players.issue(&["ann.test"], ann);
    let expected = format!("CN=ann,O=Example|ann.test|spiffe://example.org/ann|{}", fingerprint(&pem));
    assert_eq!(scene.ask(Some(&pem), ""), Ok(expected));
}

#[test]
fn s7_a_required_certificate_that_is_missing_strange_or_expired_gets_its_alert() {
    let scene = Scene::new("s7-required", true);
    let stranger = Authority::new("Strangers").issue(&["ann.test"], ann);
    let impostor = Authority::new("Players").issue(&["ann.test"], ann);
    let expired = scene.players.issue(&["ann.test"], |p| p.not_after = rcgen::date_time_ymd(2001, 1, 1));
    let for_servers = scene.players.issue(&["ann.test"], |p| {
        p.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    });
    for (identity, alert) in [
        (None, "CertificateRequired"),
        (Some(&stranger), "UnknownCA"),
        (Some(&impostor), "DecryptError"),
        (Some(&expired), "CertificateExpired"),
        (Some(&for_servers), "UnsupportedCertificate"),
    ] {
        let error = scene.ask(identity, "").unwrap_err();
        assert!(error.contains(alert), "{alert}: {error}");
    }
}

#[test]
fn s7_an_optional_certificate_may_be_missing_but_not_bad() {
    let scene = Scene::new("s7-optional", false);
    assert_eq!(scene.ask(None, ""), Ok("nobody".to_owned()));
    let stranger = Authority::new("Strangers").issue(&["ann.test"], ann);
    assert!(scene.ask(Some(&stranger), "").unwrap_err().contains("UnknownCA"));
    let pem = scene.players.issue(&["ann.test"], ann);
    assert!(scene.ask(Some(&pem), "").unwrap().starts_with("CN=ann,O=Example|"));
}

#[test]
fn s7_no_header_makes_anybody_of_nobody() {
    let scene = Scene::new("s7-header", false);
    let headers = "X-Client-Cert: CN=ann\r\nX-SSL-Client-S-DN: CN=ann\r\nX-Forwarded-Client-Cert: Subject=\"CN=ann\"\r\n\
                   Client-Cert: :MIIB:\r\nX-Forwarded-For: 127.0.0.1\r\n";
    assert_eq!(scene.ask(None, headers), Ok("nobody".to_owned()));
}

#[test]
fn s7_nobody_comes_back_by_a_ticket_past_the_check() {
    let scene = Scene::new("s7-ticket", true);
    let pem = scene.players.issue(&["ann.test"], ann);
    for versions in [&[&rustls::version::TLS13][..], &[&rustls::version::TLS12]] {
        let config = Client { identity: Some(&pem), versions, ..Client::default() }.config(&scene.trusted);
        for _ in 0..3 {
            let answer = ask(session(&config, "localhost"), connect(scene.address), "localhost", "").unwrap();
            assert_eq!(answer.0.handshake_kind(), Some(rustls::HandshakeKind::Full));
        }
    }
}

#[test]
fn s7_a_reload_takes_a_new_authority_and_refuses_an_empty_one() {
    let scene = Scene::new("s7-reload", true);
    let old = scene.players.issue(&["ann.test"], ann);
    let others = Authority::new("Others");
    let new = others.issue(&["ann.test"], ann);
    scene.directory.file("players.pem", "");
    assert!(matches!(scene.tls.reload(), Err(net::TlsError::NoAuthority(_))));
    assert!(scene.ask(Some(&old), "").is_ok());
    scene.directory.file("players.pem", &others.pem());
    scene.tls.reload().unwrap();
    assert!(scene.ask(Some(&new), "").is_ok());
    assert!(scene.ask(Some(&old), "").unwrap_err().contains("UnknownCA"));
}

#[tokio::test]
async fn a_dialer_shows_its_certificate_where_one_is_asked_for() {
    let scene = Scene::new("s7-dial", true);
    let (certificate, key) = scene.directory.pair("ann", &scene.players.issue(&["ann.test"], ann));
    let tls = ClientTls::default().with_certificate(PemPair { certificate, key });
    let url = format!("wss://localhost:{}/", scene.address.port());
    let trust = Trust::PemFile(scene.trusted.clone());
    let options = DialOptions { trust, tls, ..DialOptions::default() };
    // The site answers 200 to everything, so this is how far an acceptable client comes.
    let error = WebSocket::connect(&url, &options).await.unwrap_err();
    assert!(matches!(error, DialError::Refused { status: 200, .. }), "{error}");

    let nobody = DialOptions { tls: ClientTls::default(), ..options };
    let error = WebSocket::connect(&url, &nobody).await.unwrap_err();
    assert!(error.to_string().contains("CertificateRequired"), "{error}");
}

#[tokio::test]
async fn a_dialer_says_which_of_its_files_is_missing() {
    let pair = PemPair { certificate: "/no/such/ann.pem".into(), key: "/no/such/ann.key".into() };
    let tls = ClientTls::default().with_certificate(pair);
    let options = DialOptions { trust: Trust::Anybody, tls, ..DialOptions::default() };
    let (_directory, _tls, _workers, address) = crate::place::development("dial-missing");
    let error =
        WebSocket::connect(&format!("wss://localhost:{}/", address.port()), &options).await.unwrap_err();
    assert!(matches!(&error, DialError::Trust(why) if why.contains("/no/such/ann.pem")), "{error}");
}
