//! The stream against a client of rustls, and against one that seals whatever it likes.

use super::*;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio_rustls::TlsConnector;

fn configs(version: &'static SupportedProtocolVersion) -> (Arc<ServerConfig>, Arc<ClientConfig>) {
    let provider = crate::tls::provider();
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["a".into()]).unwrap().self_signed(&key).unwrap();
    let secret = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], secret)
        .unwrap();
    let verifier: Arc<dyn ServerCertVerifier> = crate::trust::Trust::Anybody.verifier().unwrap();
    let mut client = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    client.enable_secret_extraction = true;
    (Arc::new(server), Arc::new(client))
}

/// Both ends of a connection on which the handshake is done, over a pipe that holds so many bytes.
async fn pair(
    version: &'static SupportedProtocolVersion,
    pipe_bytes: usize,
) -> (TlsStream<DuplexStream>, tokio_rustls::client::TlsStream<DuplexStream>) {
    let (server_config, client_config) = configs(version);
    let (ours, theirs) = duplex(pipe_bytes);
    let mut server = TlsStream::new(ours, server_config).unwrap();
    let connector = TlsConnector::from(client_config);
    let connecting = connector.connect(ServerName::try_from("a").unwrap(), theirs);
    let (done, client) = tokio::join!(server.handshake(), connecting);
    done.unwrap();
    (server, client.unwrap())
}

/// Bytes that would show if any were lost, doubled or out of place.
fn pattern(size: usize) -> Vec<u8> {
    (0..size as u32).flat_map(|n| n.wrapping_mul(0x9e37_79b9).to_be_bytes()).take(size).collect()
}

#[tokio::test]
async fn bytes_come_through_whatever_the_pipe_and_the_buffers_hold() {
    use rustls::version::{TLS12, TLS13};
    for (version, pipe_bytes, read_bytes, size) in [
        // A smaller pipe would block the handshake itself: rustls' client does not read while it cannot write.
        (&TLS13, 100, 1, 2000),
        (&TLS13, 101, 10, 50_000),
        (&TLS13, 5000, 100_000, 400_000),
        (&TLS13, 1_000_000, 3, 100_000),
        (&TLS13, 1_000_000, 1_000_000, 1_000_000),
        (&TLS12, 101, 10, 50_000),
        (&TLS12, 1_000_000, 1_000_000, 1_000_000),
    ] {
        let (mut server, client) = pair(version, pipe_bytes).await;
        let (mut from_server, mut to_server) = tokio::io::split(client);
        let sent = pattern(size);
        let echo = async {
            let mut buffer = vec![0; read_bytes];
            loop {
                let size = server.read(&mut buffer).await.unwrap();
                if size == 0 {
                    return server.shutdown().await.unwrap();
                }
                server.write_all(&buffer[..size]).await.unwrap();
                server.flush().await.unwrap();
            }
        };
        let send = async {
            to_server.write_all(&sent).await.unwrap();
            to_server.shutdown().await.unwrap();
        };
        let mut received = Vec::new();
        let (_, _, result) = tokio::join!(echo, send, from_server.read_to_end(&mut received));
        result.unwrap();
        assert!(received == sent, "{version:?} {pipe_bytes} {read_bytes} {size}: {} came", received.len());
    }
}

#[tokio::test]
async fn an_idle_stream_owns_no_buffer() {
    let (mut server, mut client) = pair(&rustls::version::TLS13, 1 << 20).await;
    let sent = pattern(300_000);
    client.write_all(&sent).await.unwrap();
    client.flush().await.unwrap();
    let mut received = vec![0; sent.len()];
    server.read_exact(&mut received).await.unwrap();
    server.write_all(&received).await.unwrap();
    server.flush().await.unwrap();
    client.read_exact(&mut received).await.unwrap();
    assert_eq!(server.records.kept_bytes(), 0);
}

#[tokio::test]
async fn the_end_without_a_goodbye_is_an_error_and_with_one_is_not() {
    let (mut server, mut client) = pair(&rustls::version::TLS13, 1 << 20).await;
    client.write_all(b"last words").await.unwrap();
    client.shutdown().await.unwrap();
    let mut words = String::new();
    server.read_to_string(&mut words).await.unwrap();
    assert_eq!(words, "last words");
    assert_eq!(server.read(&mut [0]).await.unwrap(), 0, "and it stays the end");
    server.write_all(b"answer").await.unwrap();
    server.flush().await.unwrap();

    let (mut server, mut client) = pair(&rustls::version::TLS13, 1 << 20).await;
    client.write_all(b"cut").await.unwrap();
    client.flush().await.unwrap();
    drop(client);
    let error = server.read_to_end(&mut words.into_bytes()).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
}

/// Encrypts one record as the client would, whatever is in it.
fn sealer(session: rustls::ClientConnection) -> impl FnMut(rustls::ContentType, &[u8]) -> Vec<u8> {
    use rustls::crypto::cipher::OutboundPlainMessage;
    let suite = session.negotiated_cipher_suite().unwrap().tls13().unwrap();
    let (mut sequence, secrets) = session.dangerous_extract_secrets().unwrap().tx;
    let rustls::ConnectionTrafficSecrets::Aes128Gcm { key, iv } = secrets else { panic!("another suite") };
    let mut encrypter = suite.aead_alg.encrypter(key, iv);
    move |kind, payload| {
        let version = rustls::ProtocolVersion::TLSv1_2;
        let message = OutboundPlainMessage { typ: kind, version, payload: payload.into() };
        let record = encrypter.encrypt(message, sequence).unwrap().encode();
        sequence += 1;
        record
    }
}

#[tokio::test]
async fn a_message_in_two_records_may_have_anything_written_between_them() {
    use rustls::ContentType::{ApplicationData, Handshake};
    // KeyUpdate without a request for ours, RFC 8446 section 4.6.3; and one that says what nobody may say.
    let good = [24, 0, 0, 1, 0];
    let bad = [24, 0, 0, 1, 9];
    for (message, cut) in [(good, 1), (good, 3), (good, 4), (bad, 2), (bad, 4)] {
        let (mut server, client) = pair(&rustls::version::TLS13, 1 << 20).await;
        let (mut socket, session) = client.into_inner();
        let mut seal = sealer(session);
        socket.write_all(&seal(ApplicationData, b"hello")).await.unwrap();
        socket.write_all(&seal(Handshake, &message[..cut])).await.unwrap();
        let mut hello = [0; 5];
        server.read_exact(&mut hello).await.unwrap();
        assert_eq!(&hello, b"hello");
        server.write_all(&pattern(100_000)).await.unwrap();
        server.flush().await.unwrap();
        socket.write_all(&seal(Handshake, &message[cut..])).await.unwrap();
        let more = tokio::time::timeout(std::time::Duration::from_millis(20), server.read(&mut hello)).await;
        assert_eq!(more.is_err(), message == good, "{message:?} {cut}: {more:?}");
        let written = server.write_all(b"more").await;
        assert_eq!(written.is_ok(), message == good, "{message:?} {cut}: {written:?}");
    }
}

#[tokio::test]
async fn a_message_that_is_long_and_comes_after_the_handshake_is_not_collected() {
    let (mut server, client) = pair(&rustls::version::TLS13, 1 << 20).await;
    let (mut socket, session) = client.into_inner();
    let mut seal = sealer(session);
    // It says that it has 60,000 bytes.
    let mut part = vec![24, 0, 0xea, 0x60];
    part.resize(10_000, 0);
    let mut records = 0;
    let error = loop {
        socket.write_all(&seal(rustls::ContentType::Handshake, &part)).await.unwrap();
        records += 1;
        let read =
            tokio::time::timeout(std::time::Duration::from_millis(20), server.read(&mut [0; 10])).await;
        if let Ok(result) = read {
            break result.unwrap_err();
        }
    };
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    assert!(records <= 2, "{records} records were kept");
    assert!(server.records.kept_bytes() <= 20_000, "{} bytes", server.records.kept_bytes());
}

/// Numbers without a pattern, the same each time (xorshift64*).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.below(256) as u8).collect()
    }
}

#[tokio::test]
async fn a_greeting_damaged_anywhere_harms_nobody() {
    let (server_config, client_config) = configs(&rustls::version::TLS13);
    let mut numbers = Numbers(1);
    for round in 0..300 {
        let name = ServerName::try_from("a").unwrap();
        let mut client = rustls::ClientConnection::new(Arc::clone(&client_config), name).unwrap();
        let mut greeting = Vec::new();
        client.write_tls(&mut greeting).unwrap();
        // The lengths stand in front, so that is where most of the damage is done.
        for _ in 0..=numbers.below(3) {
            let place = if round % 2 == 0 { numbers.below(200) } else { numbers.below(greeting.len()) };
            greeting[place] = numbers.below(256) as u8;
        }
        let (ours, mut theirs) = duplex(1 << 20);
        let mut server = TlsStream::new(ours, Arc::clone(&server_config)).unwrap();
        let cut = numbers.below(greeting.len());
        theirs.write_all(&greeting[..cut]).await.unwrap();
        theirs.write_all(&greeting[cut..]).await.unwrap();
        theirs.shutdown().await.unwrap();
        assert!(server.handshake().await.is_err(), "nobody has finished this handshake");
        assert!(server.write_all(b"x").await.is_err(), "and nothing is sent as if it were");
    }
}

#[tokio::test]
async fn records_of_any_kind_with_anything_in_them_harm_nobody() {
    let mut numbers = Numbers(2);
    for _ in 0..150 {
        let (mut server, client) = pair(&rustls::version::TLS13, 1 << 20).await;
        let (mut socket, session) = client.into_inner();
        let mut seal = sealer(session);
        for _ in 0..=numbers.below(5) {
            let kind = rustls::ContentType::from([20, 21, 22, 22, 22, 23, 24, 0, 255][numbers.below(9)]);
            let length = 1 + numbers.below(40);
            let mut content = numbers.bytes(length);
            // Often a message that exists, RFC 8446 section 4, and a length that is possible.
            if numbers.below(2) == 0 && content.len() > 4 {
                content[0] = [1, 2, 4, 8, 11, 13, 15, 20, 24][numbers.below(9)];
                content[1..3].fill(0);
            }
            socket.write_all(&seal(kind, &content)).await.unwrap();
            if numbers.below(3) == 0 {
                let _ = server.write(b"in between").await;
            }
        }
        socket.shutdown().await.unwrap();
        // Whatever it was, it ends.
        let _ = server.read_to_end(&mut Vec::new()).await;
        let _ = server.shutdown().await;
    }
}

#[tokio::test]
async fn damaged_records_end_the_stream_with_an_alert() {
    // The version in the header, of which the last byte is this, must be ignored (RFC 8446 section 5.1).
    for damage in (0..30).filter(|place| *place != 2) {
        let (mut server, client) = pair(&rustls::version::TLS13, 1 << 20).await;
        let (mut socket, session) = client.into_inner();
        let mut record = sealer(session)(rustls::ContentType::ApplicationData, b"hello, world");
        record[damage] ^= 0x80;
        socket.write_all(&record).await.unwrap();
        socket.shutdown().await.unwrap();
        let mut all = Vec::new();
        assert!(server.read_to_end(&mut all).await.is_err(), "{damage}");
        assert_eq!(all, b"", "{damage}: nothing of a damaged record is given out");
        // A record that seems longer than it is only ends too early, about which there is no alert.
        let is_over = damage == 4 || server.write_all(b"x").await.is_err();
        assert!(is_over, "{damage}: nothing goes out behind an alert");
    }
}
