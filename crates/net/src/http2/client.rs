//! The client's side: a connection of HTTP/2 to a server, and WebSockets on it (RFC 8441).

use super::requests::Http2Requests;
use super::stream::{Http2Stream, io_error};
use super::{Payload, WINDOW_BYTES_MAX};
use crate::dial::{DialError, HttpVersion};
use crate::limits::{Http2Limits, STREAM_WINDOW_BYTES};
use h2::RecvStream;
use h2::client::{Builder, ResponseFuture, SendRequest};
use http::{HeaderName, HeaderValue, Method, Request, Response, Uri, Version as HttpCrateVersion};
use std::fmt;
use tokio::io::{AsyncRead, AsyncWrite};
use ws::handshake::{ClientHandshake, HandshakeError};
use ws::head::{HeadLimits, ResponseHead, Version};

/// How much of the body of a refusal is kept for people.
const REFUSAL_BYTES: usize = 4096;

/// See [`SMALL_DATA_BUDGET_BYTES`](crate::limits::SMALL_DATA_BUDGET_BYTES). A client trusts its server more: a client
/// that does not look at its WebSockets for a while must not lose them all.
const SMALL_DATA_BUDGET_BYTES: usize = 256 * 1024 * 1024;

/// A connection of HTTP/2 on which many WebSockets can be opened. It ends by itself after the last of its clones and of its
/// WebSockets.
#[derive(Clone)]
pub(crate) struct Client {
    send: SendRequest<Payload>,
}

impl Client {
    /// Exchanges settings, and waits for the server's: only they tell whether WebSockets can be opened (RFC 8441
    /// section 3). There is no deadline here. A task of the runtime drives the connection.
    pub(crate) async fn connect<Io>(io: Io) -> Result<Self, DialError>
    where
        Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let connection = Http2Requests::connect(io).await?;
        if connection.offers_websockets() {
            Ok(Self { send: connection.send })
        } else {
            Err(DialError::NoWebSockets(HttpVersion::Http2))
        }
    }

    /// Asks for a WebSocket. Waits while the server lets no more streams be opened. Gives the stream, the head of the
    /// answer, and the beginning of a body if the server refused.
    pub(crate) async fn open(
        &self,
        handshake: &ClientHandshake,
    ) -> Result<(Http2Stream, ResponseHead, Vec<u8>), DialError> {
        let request = request(handshake).ok_or(DialError::Handshake(HandshakeError::HeaderInvalid))?;
        let mut send = self.send.clone().ready().await.map_err(broken)?;
        let (response, stream) = send.send_request(request, false).map_err(broken)?;
        let (head, mut body) = answer(response).await?;
        let is_success = (200..=299).contains(&head.status());
        let ahead = if is_success { Vec::new() } else { refusal(&mut body).await };
        Ok((Http2Stream::of_client(stream, body), head, ahead))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

pub(super) fn builder() -> Builder {
    let limits = Http2Limits::default();
    let mut builder = Builder::new();
    builder
        .enable_push(false)
        .initial_window_size(STREAM_WINDOW_BYTES)
        // However many streams there are: one that is not read stops at its own window.
        .initial_connection_window_size(WINDOW_BYTES_MAX)
        .max_header_list_size(limits.header_list_bytes_max)
        .max_send_buffer_size(limits.send_buffer_bytes_max)
        .data_frame_budget(SMALL_DATA_BUDGET_BYTES);
    builder
}

/// The request in the form that h2 takes.
fn request(handshake: &ClientHandshake) -> Option<Request<()>> {
    let pseudo = handshake.pseudo()?;
    let uri = Uri::builder().scheme(pseudo.scheme?).authority(pseudo.authority?).path_and_query(pseudo.path?);
    let mut request = Request::new(());
    *request.method_mut() = Method::CONNECT;
    *request.version_mut() = HttpCrateVersion::HTTP_2;
    *request.uri_mut() = uri.build().ok()?;
    request.extensions_mut().insert(h2::ext::Protocol::from(pseudo.protocol?));
    for (name, value) in handshake.fields() {
        let name = HeaderName::try_from(name).ok()?;
        request.headers_mut().append(name, HeaderValue::from_str(value).ok()?);
    }
    Some(request)
}

async fn answer(response: ResponseFuture) -> Result<(ResponseHead, RecvStream), DialError> {
    answer_of(response.await.map_err(broken)?)
}

pub(super) fn answer_of(response: Response<RecvStream>) -> Result<(ResponseHead, RecvStream), DialError> {
    let (parts, body) = response.into_parts();
    let fields = parts.headers.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()));
    let head =
        ResponseHead::from_fields(Version::Http2, parts.status.as_u16(), fields, HeadLimits::default())
            .map_err(DialError::Answer)?;
    Ok((head, body))
}

/// The beginning of the body of a refusal.
async fn refusal(body: &mut RecvStream) -> Vec<u8> {
    let mut text = Vec::new();
    while text.len() < REFUSAL_BYTES
        && let Some(Ok(chunk)) = body.data().await
    {
        text.extend_from_slice(&chunk);
    }
    text
}

/// What went wrong before there was a connection of HTTP/2.
pub(super) fn refused(error: h2::Error) -> DialError {
    // What a server of HTTP/1.1 answers to the preface makes no frame.
    if error.is_library() { DialError::VersionRefused(HttpVersion::Http2) } else { broken(error) }
}

pub(super) fn broken(error: h2::Error) -> DialError {
    if error.is_go_away() && error.is_remote() && error.reason() == Some(h2::Reason::NO_ERROR) {
        return DialError::GoingAway;
    }
    DialError::Broken(io_error(error))
}
