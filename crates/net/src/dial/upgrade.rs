//! Opening a WebSocket over HTTP/1.1 (RFC 6455 section 4.1).

use super::{
    Answered, DialError, DialOptions, Dialed, HttpVersion, Place, Socket, conclude, entropy, with_offer,
};
use crate::stream::Stream;
use crate::tls::Alpn;
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use ws::handshake::ClientHandshake;
use ws::head::{HeadLimits, ResponseHead};
use ws::http1::HeadReader;

/// How much of the answer is read at a time.
const READ_BYTES: usize = 4096;

pub(super) async fn open(place: &Place, options: &DialOptions) -> Result<Dialed, DialError> {
    let (socket, tls) = Socket::connect(place, Alpn::Http1, options).await?;
    let mut stream = match socket {
        Socket::Plain(socket) => Stream::Plain(socket),
        Socket::Tls(session) => Stream::Tls(session),
    };
    let nonce = entropy()?;
    let handshake = with_offer(options, |offer| {
        ClientHandshake::new(&place.authority, &place.target, offer, nonce).map_err(DialError::Handshake)
    })?;
    stream.write_all(handshake.request()).await.map_err(DialError::Broken)?;
    stream.flush().await.map_err(DialError::Broken)?;
    let (head, ahead) = read_answer(&mut stream).await?;
    conclude(&handshake, Answered { http: HttpVersion::Http1, tls, stream, head, ahead }, options)
}

/// Reads the head of the answer. Gives what came behind it as well.
async fn read_answer(stream: &mut Stream) -> Result<(ResponseHead, Vec<u8>), DialError> {
    let mut reader = HeadReader::for_responses(HeadLimits::default());
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let size = stream.read(&mut buffer).await.map_err(DialError::Broken)?;
        if size == 0 {
            return Err(DialError::Broken(io::ErrorKind::UnexpectedEof.into()));
        }
        if let Some(taken) = reader.push(&buffer[..size]).map_err(DialError::Answer)? {
            let head = reader.take_response().map_err(DialError::Answer)?;
            return Ok((head, buffer[taken..size].to_vec()));
        }
    }
}
