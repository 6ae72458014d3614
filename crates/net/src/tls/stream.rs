//! A server's byte stream over TLS.

use super::records::{CIPHER_BYTES_MAX, PARTIAL_BYTES_MAX, PLAIN_BYTES_MAX, Records};
use rustls::ServerConfig;
use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How much is read from the socket with one system call, at most. Sixteen records of 4 KiB, or four of the longest.
const READ_BYTES: usize = 64 * 1024;

/// How much is read at least, however little the reader has room for: one record of the longest.
const READ_BYTES_MIN: usize = 17 * 1024;

/// Where the streams of one thread have their bytes while they are read and written. Between calls a stream owns no more
/// than a record that is not complete, or that the socket did not take.
struct Scratch {
    incoming: Box<[u8]>,
    outgoing: Box<[u8]>,
}

thread_local! {
    static OF_THREAD: Cell<Option<Box<Scratch>>> = const { Cell::new(None) };
}

impl Scratch {
    /// Lends the buffers of this thread for one call.
    fn with<T>(act: impl FnOnce(&mut Self) -> T) -> T {
        let mut scratch = OF_THREAD.take().unwrap_or_else(|| {
            let buffer = |size| vec![0; size].into_boxed_slice();
            Box::new(Self {
                incoming: buffer(PARTIAL_BYTES_MAX + READ_BYTES),
                outgoing: buffer(CIPHER_BYTES_MAX),
            })
        });
        let result = act(&mut scratch);
        OF_THREAD.set(Some(scratch));
        result
    }
}

/// A server's byte stream over TLS. Reading takes whatever the socket has with one system call and decrypts all of it;
/// writing makes records of up to 64 KiB and sends them with one.
pub(crate) struct TlsStream<Io> {
    io: Io,
    records: Records,
    is_closing: bool,
}

impl<Io: AsyncRead + AsyncWrite + Unpin> TlsStream<Io> {
    /// A connection on which nothing has happened yet.
    pub(super) fn new(io: Io, config: Arc<ServerConfig>) -> Result<Self, rustls::Error> {
        Ok(Self { io, records: Records::new(config)?, is_closing: false })
    }

    /// Does the handshake. After an error the alert, if there is one, is not sent yet.
    pub(super) async fn handshake(&mut self) -> io::Result<()> {
        poll_fn(|cx| {
            loop {
                let outgoing = self.poll_outgoing(cx)?;
                if !self.records.session().is_handshaking() {
                    // The tickets may still be on their way; the next call sends the rest.
                    return Poll::Ready(Ok(()));
                }
                ready!(outgoing);
                ready!(self.poll_receive(cx, &mut []))?;
                if self.records.is_peer_closed() {
                    return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
                }
            }
        })
        .await
    }

    /// What the handshake has told.
    pub(super) fn session(&self) -> &rustls::CommonState {
        self.records.session()
    }

    /// The socket, and the alert that has to be sent over it.
    pub(super) fn into_parts(mut self) -> (Io, Vec<u8>) {
        let alert = std::mem::take(self.records.outgoing());
        (self.io, alert)
    }

    /// Sends what must go out before anything else.
    fn poll_outgoing(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outgoing = self.records.outgoing();
        let mut sent = 0;
        let result = loop {
            if sent == outgoing.len() {
                break Poll::Ready(Ok(()));
            }
            match Pin::new(&mut self.io).poll_write(cx, &outgoing[sent..]) {
                Poll::Ready(Ok(0)) => break Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(size)) => sent += size,
                Poll::Ready(Err(error)) => break Poll::Ready(Err(error)),
                Poll::Pending => break Poll::Pending,
            }
        };
        if sent == outgoing.len() {
            *outgoing = Vec::new();
        } else {
            outgoing.drain(..sent);
        }
        result
    }

    /// Reads from the socket once and decrypts into `out`. Tells how many bytes that gave, which may be none.
    fn poll_receive(&mut self, cx: &mut Context<'_>, out: &mut [u8]) -> Poll<io::Result<usize>> {
        Scratch::with(|scratch| {
            let kept = self.records.partial().len();
            let room = out.len().clamp(READ_BYTES_MIN, READ_BYTES);
            let mut fresh = ReadBuf::new(&mut scratch.incoming[kept..kept + room]);
            ready!(Pin::new(&mut self.io).poll_read(cx, &mut fresh))?;
            let size = fresh.filled().len();
            if size == 0 {
                // RFC 8446 section 6.1: without close_notify the end may be an attacker's.
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            scratch.incoming[..kept].copy_from_slice(self.records.partial());
            let received = self.records.receive(&mut scratch.incoming[..kept + size], out);
            Poll::Ready(received.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error)))
        })
    }

    /// Encrypts and sends. What the socket does not take is kept and goes first the next time.
    fn poll_send(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let bytes = &bytes[..bytes.len().min(PLAIN_BYTES_MAX)];
        Scratch::with(|scratch| {
            let size = self.records.encrypt(bytes, &mut scratch.outgoing)?;
            let records = &scratch.outgoing[..size];
            let mut sent = 0;
            // New keys may have come up while encrypting, and their record goes first.
            while self.records.outgoing().is_empty() && sent < size {
                match Pin::new(&mut self.io).poll_write(cx, &records[sent..]) {
                    Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    Poll::Ready(Ok(taken)) => sent += taken,
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => break,
                }
            }
            self.records.outgoing().extend_from_slice(&records[sent..]);
            Poll::Ready(Ok(bytes.len()))
        })
    }
}

impl<Io: AsyncRead + AsyncWrite + Unpin> AsyncRead for TlsStream<Io> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let out = buffer.initialize_unfilled();
        let mut size = this.records.take_plain(out);
        while size == 0 && !this.records.is_peer_closed() {
            let received = this.poll_receive(cx, out);
            // An alert, or the answer to new keys. It wakes the task when the socket takes it, so nothing is lost here.
            if let Poll::Ready(Err(error)) = this.poll_outgoing(cx)
                && !matches!(received, Poll::Ready(Err(_)))
            {
                return Poll::Ready(Err(error));
            }
            size = ready!(received)?;
        }
        buffer.advance(size);
        Poll::Ready(Ok(()))
    }
}

impl<Io: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TlsStream<Io> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_outgoing(cx))?;
        if bytes.is_empty() { Poll::Ready(Ok(0)) } else { this.poll_send(cx, bytes) }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_outgoing(cx))?;
        Pin::new(&mut this.io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !std::mem::replace(&mut this.is_closing, true) {
            // It fails only on a connection that is over, and then there is nobody to tell.
            let _ = this.records.close();
        }
        ready!(this.poll_outgoing(cx))?;
        Pin::new(&mut this.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
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
            assert!(
                received == sent,
                "{version:?} {pipe_bytes} {read_bytes} {size}: {} came",
                received.len()
            );
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
        let rustls::ConnectionTrafficSecrets::Aes128Gcm { key, iv } = secrets else {
            panic!("another suite")
        };
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
            let more =
                tokio::time::timeout(std::time::Duration::from_millis(20), server.read(&mut hello)).await;
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
}
