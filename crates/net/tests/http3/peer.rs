//! A server for a test, and a client that is a QUIC connection on which any bytes can be sent.
#![allow(dead_code, reason = "each test uses a part of it")]

use crate::rig::{self, PATIENCE};
use h3::{Config, Request, RequestEvent, RequestStream, Role, UniStream};
use net::{Answer, Limits, Listen, Options, Site, Tls, Worker, Workers, echo};
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{ClientConfig, ConnectionError, Endpoint, ReadError, RecvStream, SendStream, VarInt};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::time::timeout;

/// More than any window.
pub(crate) const BIG: usize = 300_000;

/// Echo, and two pages.
pub(crate) struct Pages(echo::Echo);

impl Site for Pages {
    type Endpoint = echo::EchoEndpoint;

    fn respond(&self, request: &net::Request<'_>) -> Answer<Self::Endpoint> {
        match request.head.path() {
            "/page" => Answer::text(http::StatusCode::OK, "Hello"),
            "/later" => rig::later(),
            "/never" => rig::never(),
            "/big" => Answer::text(http::StatusCode::OK, vec![b'x'; BIG]),
            _ => self.0.respond(request),
        }
    }

    fn takes_post(&self, head: &ws::head::RequestHead) -> bool {
        head.path() == "/later"
    }
}

/// Workers with a certificate of their own, and the directory where it lies.
pub(crate) struct Server {
    pub(crate) workers: Workers,
    pub(crate) address: SocketAddr,
    pub(crate) tls: Tls,
    directory: PathBuf,
}

impl Server {
    /// A server with echo and pages.
    pub(crate) fn start(workers: u16, limits: Limits) -> Self {
        let config = Arc::new(echo::roomy_config());
        Self::with(workers, limits, move |_| Pages(echo::Echo::new(Arc::clone(&config))))
    }

    pub(crate) fn with<S: Site>(
        workers: u16,
        limits: Limits,
        make: impl Fn(&Worker) -> S + Send + Sync + 'static,
    ) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("net-http3-{}-{number}", std::process::id()));
        let tls = Tls::development(&directory, &["other.test".to_owned()]).unwrap();
        let address = "127.0.0.1:0".parse().unwrap();
        let mut options = Options::new(workers, []);
        options.listen.push(Listen { address, tls: Some(tls.clone()), http3: true });
        options.limits = limits;
        let workers = Workers::start(options, make).unwrap();
        let address = workers.addresses()[0];
        Self { workers, address, tls, directory }
    }

    /// What a client needs to trust this server.
    pub(crate) fn tls_config(&self, protocols: &[&[u8]]) -> Arc<rustls::ClientConfig> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.tls.certificate_path()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        tls.enable_early_data = true;
        Arc::new(tls)
    }

    /// The same for QUIC.
    pub(crate) fn client_config(&self) -> ClientConfig {
        let tls = QuicClientConfig::try_from(self.tls_config(&[b"h3"])).unwrap();
        ClientConfig::new(Arc::new(tls))
    }

    /// A QUIC connection on which nothing was said.
    pub(crate) async fn quic(&self) -> (Endpoint, quinn::Connection) {
        let endpoint = Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
        let connecting = endpoint.connect_with(self.client_config(), self.address, "localhost").unwrap();
        let quic = timeout(PATIENCE, connecting).await.unwrap().unwrap();
        (endpoint, quic)
    }

    /// A client that has said and heard SETTINGS.
    pub(crate) async fn peer(&self) -> Peer {
        let (endpoint, quic) = self.quic().await;
        Peer::on(endpoint, quic).await
    }
}

/// What a server needs that is not ours, to show the same certificate.
pub(crate) fn server_config(tls: &Tls, protocol: &[u8]) -> quinn::ServerConfig {
    let certificate = CertificateDer::from_pem_file(tls.certificate_path()).unwrap();
    let key = PrivateKeyDer::from_pem_file(tls.certificate_path().with_extension("key")).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    tls.alpn_protocols = vec![protocol.to_vec()];
    quinn::ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls).unwrap()))
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// A client of HTTP/3.
pub(crate) struct Peer {
    pub(crate) endpoint: Endpoint,
    pub(crate) quic: quinn::Connection,
    pub(crate) http: h3::Connection,
    /// Our control stream.
    pub(crate) control: SendStream,
    /// The server's.
    uni: UniStream,
    their_control: RecvStream,
}

impl Peer {
    pub(crate) async fn on(endpoint: Endpoint, quic: quinn::Connection) -> Self {
        let config = Config { grease: Some(7), ..Config::default() };
        let http = h3::Connection::new(Role::Client, config);
        let mut control = quic.open_uni().await.unwrap();
        control.write_all(&http.control_bytes()).await.unwrap();
        let their_control = timeout(PATIENCE, quic.accept_uni()).await.unwrap().unwrap();
        let mut peer = Self { endpoint, quic, http, control, uni: UniStream::new(), their_control };
        peer.hear(|http| http.peer_settings().is_some()).await;
        assert!(peer.http.peer_settings().unwrap().enable_connect_protocol);
        peer
    }

    /// Reads the server's control stream until something is so.
    pub(crate) async fn hear(&mut self, is_so: impl Fn(&h3::Connection) -> bool) {
        while !is_so(&self.http) {
            let chunk =
                timeout(PATIENCE, self.their_control.read_chunk(1000, true)).await.unwrap().unwrap().unwrap();
            let mut input = &chunk.bytes[..];
            while self.http.receive_uni(&mut self.uni, &mut input).unwrap().is_some() {}
        }
    }

    /// Sends a request and leaves its stream open.
    pub(crate) async fn ask(&self, request: &Request<'_>, fields: &[(&str, &str)]) -> Stream {
        let mut bytes = Vec::new();
        let reader = self.http.open_request(request, fields.iter().copied(), &mut bytes).unwrap();
        let (mut send, receive) = timeout(PATIENCE, self.quic.open_bi()).await.unwrap().unwrap();
        send.write_all(&bytes).await.unwrap();
        Stream { send, receive, reader, body: Vec::new() }
    }

    /// A request without a body, and its whole answer.
    pub(crate) async fn fetch(&self, method: &str, path: &str) -> (h3::ResponseFields, Vec<u8>) {
        let mut stream = self.ask(&Request::https(method, "localhost", path), &[]).await;
        stream.send.finish().unwrap();
        let response = stream.response().await;
        stream.read_to_end().await;
        (response, stream.body)
    }

    pub(crate) async fn websocket(&self) -> Stream {
        let request = Request::websocket("localhost", "/chat");
        let mut stream = self.ask(&request, &[("sec-websocket-version", "13")]).await;
        assert_eq!(stream.response().await.status(), 200);
        stream
    }

    /// The application error with which the server closes.
    pub(crate) async fn closed(&self) -> h3::Code {
        closed(&self.quic).await
    }
}

/// The application error with which the server closes a connection.
pub(crate) async fn closed(quic: &quinn::Connection) -> h3::Code {
    match timeout(PATIENCE, quic.closed()).await.unwrap() {
        ConnectionError::ApplicationClosed(close) => h3::Code(close.error_code.into()),
        other => panic!("not closed by the application: {other:?}"),
    }
}

/// One request stream.
pub(crate) struct Stream {
    pub(crate) send: SendStream,
    pub(crate) receive: RecvStream,
    reader: RequestStream,
    /// What came as DATA and was not taken.
    pub(crate) body: Vec<u8>,
}

impl Stream {
    /// The head of the answer.
    pub(crate) async fn response(&mut self) -> h3::ResponseFields {
        loop {
            let chunk =
                timeout(PATIENCE, self.receive.read_chunk(4096, true)).await.unwrap().unwrap().unwrap();
            let mut input = &chunk.bytes[..];
            let mut response = None;
            while let Some(event) = self.reader.receive(&mut input).unwrap() {
                match event {
                    RequestEvent::Response(fields) => response = Some(fields),
                    RequestEvent::Data(bytes) => self.body.extend_from_slice(bytes),
                    other => panic!("{other:?}"),
                }
            }
            if let Some(response) = response {
                return response;
            }
        }
    }

    /// Takes in what comes next. False at the orderly end.
    pub(crate) async fn more(&mut self) -> Result<bool, ReadError> {
        let Some(chunk) = timeout(PATIENCE, self.receive.read_chunk(65_536, true)).await.unwrap()? else {
            self.reader.finish().unwrap();
            return Ok(false);
        };
        let mut input = &chunk.bytes[..];
        while let Some(event) = self.reader.receive(&mut input).unwrap() {
            let RequestEvent::Data(bytes) = event else { panic!("{event:?}") };
            self.body.extend_from_slice(bytes);
        }
        Ok(true)
    }

    pub(crate) async fn read_to_end(&mut self) {
        while self.more().await.unwrap() {}
    }

    /// So many bytes of the body.
    pub(crate) async fn take(&mut self, size: usize) -> Vec<u8> {
        while self.body.len() < size {
            let more = self.more().await;
            assert_eq!(more, Ok(true), "after {:x?}", self.body);
        }
        self.body.drain(..size).collect()
    }

    /// Sends bytes in a DATA frame.
    pub(crate) async fn data(&mut self, bytes: &[u8]) {
        let frame = [&h3::data_frame_header(bytes.len())[..], bytes].concat();
        timeout(PATIENCE, self.send.write_all(&frame)).await.unwrap().unwrap();
    }

    /// Sends a short text as a WebSocket's message, and waits for it to come back.
    pub(crate) async fn echo(&mut self, text: &str) {
        self.data(&rig::masked(0x81, text.as_bytes())).await;
        let frame = [&[0x81, text.len() as u8], text.as_bytes()].concat();
        assert_eq!(self.take(frame.len()).await, frame);
    }

    /// The code with which the server resets its side.
    pub(crate) async fn reset(&mut self) -> h3::Code {
        loop {
            match self.more().await {
                Ok(true) => {}
                Ok(false) => panic!("it ended in order"),
                Err(ReadError::Reset(code)) => return h3::Code(code.into()),
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// A code as QUIC has it.
pub(crate) fn code(code: h3::Code) -> VarInt {
    VarInt::from_u64(code.0).unwrap()
}

/// Waits until something is so, while the client's tasks run.
pub(crate) async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    };
    assert!(timeout(PATIENCE, wait).await.is_ok(), "{what}: not within {PATIENCE:?}");
}
