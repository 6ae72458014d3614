//! Requests and responses of HTTP/2 as this crate has them.

use super::Payload;
use super::stream::poll_capacity;
use crate::local::Local;
use crate::response;
use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, SendStream};
use http::{HeaderName, HeaderValue, Response, request};
use std::future::poll_fn;
use std::time::Duration;
use ws::handshake::Accepted;
use ws::head::{HeadError, HeadLimits, Pseudo, RequestHead, Version};

/// The head of a request, by the same rules as in every other version of HTTP.
pub(super) fn head_of(parts: &request::Parts) -> Result<RequestHead, HeadError> {
    let pseudo = Pseudo {
        method: parts.method.as_str(),
        scheme: parts.uri.scheme_str(),
        authority: parts.uri.authority().map(http::uri::Authority::as_str),
        path: parts.uri.path_and_query().map(http::uri::PathAndQuery::as_str),
        protocol: parts.extensions.get::<h2::ext::Protocol>().map(h2::ext::Protocol::as_str),
    };
    let fields = parts.headers.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()));
    RequestHead::from_fields(Version::Http2, pseudo, fields, HeadLimits::default())
}

/// Accepts a WebSocket: answers 200 and leaves the stream open (RFC 8441 section 5). `None` if the stream is gone.
pub(super) fn open(mut respond: SendResponse<Payload>, accepted: &Accepted) -> Option<SendStream<Payload>> {
    let mut response = Response::new(());
    for (name, value) in accepted.fields() {
        let value = HeaderValue::from_str(value).ok()?;
        response.headers_mut().append(HeaderName::from_static(name), value);
    }
    response::with_date_value(|date| response.headers_mut().insert(http::header::DATE, date));
    respond.send_response(response, false).ok()
}

/// Sends a response. A body that the peer does not let us send at once is sent by a task of its own.
pub(super) fn send(
    mut respond: SendResponse<Payload>,
    response: Response<Bytes>,
    head_only: bool,
    local: &Local,
) {
    let (response, body) = response::for_stream(response, head_only);
    // It fails when the peer has reset the stream; then nobody waits for the answer.
    let Ok(mut stream) = respond.send_response(response, body.is_empty()) else { return };
    if body.is_empty() {
        return;
    }
    stream.reserve_capacity(body.len());
    if stream.capacity() >= body.len() {
        let _ = stream.send_data(body.into(), true);
    } else {
        drop(tokio::task::spawn_local(send_slowly(stream, body, local.limits.write_timeout)));
    }
}

/// Sends a body as the peer takes it. If it takes nothing for `limit`, the stream is reset.
async fn send_slowly(mut stream: SendStream<Payload>, mut body: Bytes, limit: Duration) {
    while !body.is_empty() {
        let room = poll_fn(|cx| poll_capacity(&mut stream, body.len(), cx));
        match tokio::time::timeout(limit, room).await {
            Ok(Ok(room)) => {
                let piece = body.split_to(room);
                if stream.send_data(piece.into(), body.is_empty()).is_err() {
                    return;
                }
            }
            Ok(Err(_)) => return,
            Err(_) => return stream.send_reset(Reason::CANCEL),
        }
    }
}
