//! One server's side of TLS as bytes in and bytes out: rustls without buffers of its own.
//!
//! An idle connection owns no buffer here. Ciphertext is read into a buffer of the thread and decrypted there; only what is
//! not yet a whole record is kept. rustls itself makes and frees one allocation per record in each direction.

use rustls::ServerConfig;
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, InsufficientSizeError, UnbufferedStatus, WriteTraffic,
};
use std::io;
use std::sync::Arc;

/// The longest record that may come, RFC 5246 section 6.2.3 (RFC 8446 section 5.2 allows less): its header, 2^14 bytes, and
/// 2,048 for protection.
const RECORD_BYTES_MAX: usize = 5 + 16_384 + 2048;

/// What may be kept during the handshake of records that are not complete, or are a part of a longer message, of which
/// rustls takes up to 65,535 bytes. Afterwards there are only short messages, and one record is enough. Past it the
/// connection ends with an error.
pub(super) const PARTIAL_BYTES_MAX: usize = 65_535 + RECORD_BYTES_MAX;

/// How much may be encrypted at a time, in bytes.
pub(super) const PLAIN_BYTES_MAX: usize = 64 * 1024;

/// Room for that much when it is encrypted: at most 5 records, each with up to 29 bytes around it (TLS 1.2 with AES-GCM), and
/// in front a record with new keys.
pub(super) const CIPHER_BYTES_MAX: usize = PLAIN_BYTES_MAX + 1024;

/// The state of TLS on one connection.
pub(super) struct Records {
    session: UnbufferedServerConnection,
    /// What came and is not yet a whole record or message. rustls wants to see it again, in front of what comes next.
    partial: Vec<u8>,
    /// What was decrypted and nobody has taken.
    plain: Vec<u8>,
    plain_taken: usize,
    /// Records that must go out before all others.
    outgoing: Vec<u8>,
    peer_closed: bool,
    failed: bool,
}

impl Records {
    pub(super) fn new(config: Arc<ServerConfig>) -> Result<Self, rustls::Error> {
        Ok(Self {
            session: UnbufferedServerConnection::new(config)?,
            partial: Vec::new(),
            plain: Vec::new(),
            plain_taken: 0,
            outgoing: Vec::new(),
            peer_closed: false,
            failed: false,
        })
    }

    /// What is known of the other side.
    pub(super) fn session(&self) -> &rustls::CommonState {
        &self.session
    }

    /// Whether the peer has said that it sends no more (`close_notify`).
    pub(super) fn is_peer_closed(&self) -> bool {
        self.peer_closed
    }

    /// What has to stand in front of the bytes that come next when they are given to [`receive`](Self::receive).
    pub(super) fn partial(&self) -> &[u8] {
        &self.partial
    }

    /// Records that must be sent, whatever else is. The caller takes what it has sent from the front.
    pub(super) fn outgoing(&mut self) -> &mut Vec<u8> {
        &mut self.outgoing
    }

    /// Moves decrypted bytes into `out`, as many as fit, and tells how many.
    pub(super) fn take_plain(&mut self, out: &mut [u8]) -> usize {
        let rest = &self.plain[self.plain_taken..];
        let size = rest.len().min(out.len());
        out[..size].copy_from_slice(&rest[..size]);
        self.plain_taken += size;
        if self.plain_taken == self.plain.len() {
            self.plain = Vec::new();
            self.plain_taken = 0;
        }
        size
    }

    /// Takes [`partial`](Self::partial) with what came behind it, which is decrypted in place. The plain text goes into
    /// `out`, and what has no room there is kept for [`take_plain`](Self::take_plain). Tells how many bytes went into `out`.
    ///
    /// After an error the connection is over; [`outgoing`](Self::outgoing) then ends with an alert that says why.
    pub(super) fn receive(&mut self, bytes: &mut [u8], out: &mut [u8]) -> Result<usize, rustls::Error> {
        if self.failed {
            return Err(rustls::Error::General("the connection has failed before".to_owned()));
        }
        let mut written = 0;
        let done = self.process(bytes, &mut |plain, kept| {
            let size = if kept.is_empty() { plain.len().min(out.len() - written) } else { 0 };
            out[written..written + size].copy_from_slice(&plain[..size]);
            written += size;
            kept.extend_from_slice(&plain[size..]);
        })?;
        let rest = &bytes[done..];
        if rest.len() > self.partial_bytes_max() {
            self.failed = true;
            return Err(rustls::InvalidMessage::HandshakePayloadTooLarge.into());
        }
        self.keep(rest);
        Ok(written)
    }

    /// Encrypts up to [`PLAIN_BYTES_MAX`] bytes into `out`, which has room for [`CIPHER_BYTES_MAX`], and tells how many bytes
    /// that gave. What is [`outgoing`](Self::outgoing) must go out before them.
    pub(super) fn encrypt(&mut self, plain: &[u8], out: &mut [u8]) -> io::Result<usize> {
        self.with_traffic(|traffic| traffic.encrypt(plain, out).map_err(io::Error::other))
    }

    /// Appends to what is outgoing that nothing comes behind it (`close_notify`).
    pub(super) fn close(&mut self) -> io::Result<()> {
        // A record with two bytes, in whatever version and suite.
        let mut alert = [0; 64];
        let size =
            self.with_traffic(|traffic| traffic.queue_close_notify(&mut alert).map_err(io::Error::other))?;
        self.outgoing.extend_from_slice(&alert[..size]);
        Ok(())
    }

    fn partial_bytes_max(&self) -> usize {
        if self.session.is_handshaking() { PARTIAL_BYTES_MAX } else { RECORD_BYTES_MAX }
    }

    /// Goes on until rustls would send application data.
    fn with_traffic<T>(
        &mut self,
        act: impl FnOnce(&mut WriteTraffic<'_, ServerConnectionData>) -> io::Result<T>,
    ) -> io::Result<T> {
        if self.failed {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        // rustls remembers where in these bytes a message begins, so it must see them.
        let mut partial = std::mem::take(&mut self.partial);
        let mut done = 0;
        let result = loop {
            let UnbufferedStatus { discard, state } = self.session.process_tls_records(&mut partial[done..]);
            done += discard;
            match state {
                Ok(ConnectionState::WriteTraffic(mut traffic)) => break act(&mut traffic),
                Ok(state) => {
                    let mut keep = |plain: &[u8], kept: &mut Vec<u8>| kept.extend_from_slice(plain);
                    let more =
                        step(state, &mut self.outgoing, &mut self.plain, &mut self.peer_closed, &mut keep);
                    match more {
                        Ok(Step::Again(discard)) => done += discard,
                        Ok(Step::Enough) => break Err(io::ErrorKind::BrokenPipe.into()),
                        Err(error) => break Err(io::Error::new(io::ErrorKind::InvalidData, error)),
                    }
                }
                Err(error) => break Err(io::Error::new(io::ErrorKind::InvalidData, error)),
            }
        };
        if done == 0 {
            self.partial = partial;
        } else {
            self.keep(&partial[done..]);
        }
        self.failed |= result.is_err();
        result
    }

    /// Goes on until more bytes are needed, and tells how many were used up.
    fn process(
        &mut self,
        bytes: &mut [u8],
        sink: &mut dyn FnMut(&[u8], &mut Vec<u8>),
    ) -> Result<usize, rustls::Error> {
        let mut done = 0;
        loop {
            let UnbufferedStatus { discard, state } = self.session.process_tls_records(&mut bytes[done..]);
            let step = state.and_then(|state| {
                step(state, &mut self.outgoing, &mut self.plain, &mut self.peer_closed, sink)
            });
            done += discard;
            match step {
                Ok(Step::Again(more)) => done += more,
                Ok(Step::Enough) => return Ok(done),
                Err(error) => {
                    self.tell(&mut bytes[done..]);
                    return Err(error);
                }
            }
        }
    }

    /// Collects the alert that rustls has made of an error. Only as long as rustls has something to send: then it would look
    /// at the same bytes again and find the same error.
    fn tell(&mut self, rest: &mut [u8]) {
        self.failed = true;
        while self.session.wants_write() {
            let Ok(ConnectionState::EncodeTlsData(data)) = self.session.process_tls_records(rest).state
            else {
                return;
            };
            if append(data, &mut self.outgoing).is_err() {
                return;
            }
        }
    }

    /// How many bytes of memory this has beside itself and what rustls has.
    #[cfg(test)]
    pub(super) fn kept_bytes(&self) -> usize {
        self.partial.capacity() + self.plain.capacity() + self.outgoing.capacity()
    }

    fn keep(&mut self, rest: &[u8]) {
        if rest.is_empty() {
            self.partial = Vec::new();
        } else {
            self.partial.clear();
            self.partial.extend_from_slice(rest);
        }
    }
}

/// What comes after a state of rustls was dealt with.
enum Step {
    /// Ask rustls again, after this many bytes more were used up.
    Again(usize),
    /// Nothing happens without more bytes.
    Enough,
}

fn step<Data>(
    state: ConnectionState<'_, '_, Data>,
    outgoing: &mut Vec<u8>,
    plain: &mut Vec<u8>,
    peer_closed: &mut bool,
    sink: &mut dyn FnMut(&[u8], &mut Vec<u8>),
) -> Result<Step, rustls::Error> {
    match state {
        ConnectionState::ReadTraffic(mut traffic) => {
            let mut used = 0;
            while let Some(record) = traffic.next_record() {
                let record = record?;
                used += record.discard;
                sink(record.payload, plain);
            }
            Ok(Step::Again(used))
        }
        ConnectionState::EncodeTlsData(data) => append(data, outgoing).map(|()| Step::Again(0)),
        // It is in `outgoing`, which goes out in front of everything else.
        ConnectionState::TransmitTlsData(data) => {
            data.done();
            Ok(Step::Again(0))
        }
        ConnectionState::PeerClosed => {
            *peer_closed = true;
            Ok(Step::Again(0))
        }
        ConnectionState::BlockedHandshake | ConnectionState::WriteTraffic(_) | ConnectionState::Closed => {
            Ok(Step::Enough)
        }
        // Early data is not taken, so rustls does not come here.
        _ => Err(rustls::Error::General("unexpected early data".to_owned())),
    }
}

fn append<Data>(mut data: EncodeTlsData<'_, Data>, outgoing: &mut Vec<u8>) -> Result<(), rustls::Error> {
    let start = outgoing.len();
    match data.encode(&mut []) {
        Ok(_) => Ok(()),
        Err(EncodeError::InsufficientSize(InsufficientSizeError { required_size })) => {
            outgoing.resize(start + required_size, 0);
            data.encode(&mut outgoing[start..])
                .map(drop)
                .map_err(|error| rustls::Error::General(error.to_string()))
        }
        Err(error) => Err(rustls::Error::General(error.to_string())),
    }
}
