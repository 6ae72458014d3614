//! A request that a site takes over: its body in pieces, and an answer whose end nobody needs to know when it begins. The
//! same on every version of HTTP.
//!
//! ```text
//!   Exchange ──body()──► pieces of the request, as the site asks for them
//!      │ inform(1xx)
//!      ├──respond()──► ResponseBody ──send()── … ──finish()──► the connection goes on, or closes
//!      └──upgrade()──► Opened: the bytes of a WebSocket, both ways
//! ```
//!
//! What is not asked for is not read, and what the client does not take makes `send` wait: there is no queue in between.
//! Whoever drops an exchange before it is answered answers 500; whoever drops a response before its end cuts it, so that
//! the client sees that something is missing.

mod pace;
mod way;

use crate::guests::Seat;
use crate::local::Local;
use crate::server_stream::ServerStream;
use crate::site::Take;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use pace::Pace;
use std::future::{Future, poll_fn};
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::timeout;
use ws::handshake::{ServerOffer, accept, is_websocket_request};
use ws::head::{Framing, RequestHead};

pub use pace::body_fault;
pub(crate) use pace::{body_error, cut};
pub(crate) use way::{Upgrading, Way};

/// How long the body of a response is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyLength {
    /// So many bytes. In answer to HEAD it is told and no byte is sent.
    Known(u64),
    /// It ends when [`ResponseBody::finish`] says so.
    Unknown,
}

/// A request that was taken over with [`Answer::Exchange`](crate::Answer::Exchange).
///
/// Dropping it answers 500.
pub struct Exchange {
    head: RequestHead,
    /// There until it is answered.
    way: Option<Box<dyn Way>>,
    seat: Option<Seat>,
    alternative: Option<HeaderValue>,
    pace: Pace,
    local: Rc<Local>,
}

/// The body of a response. Dropping it before [`finish`](Self::finish) cuts the response, so that the client notices.
pub struct ResponseBody {
    /// There until it is finished.
    way: Option<Box<dyn Way>>,
    /// Bytes that were promised and are still to be sent.
    left: Option<u64>,
    pace: Pace,
    local: Rc<Local>,
}

/// A WebSocket that was accepted: from here on its frames are nobody's business but the two ends'.
#[derive(Debug)]
pub struct Opened {
    /// What the client sends and gets. Dropping it cuts the connection, or resets the stream.
    pub stream: ServerStream,
    /// What the client sent behind its request, before it had the answer; at most
    /// [`PIPELINED_BYTES_MAX`](crate::limits::PIPELINED_BYTES_MAX).
    pub ahead: Vec<u8>,
}

/// What a site said to a request that it takes over.
pub(crate) struct Taking {
    pub(crate) take: Take,
    pub(crate) seat: Option<Seat>,
    /// What is announced beside every answer.
    pub(crate) alternative: Option<HeaderValue>,
}

impl Taking {
    /// Gives the request to the site. The future is the site's.
    pub(crate) fn begin(
        self,
        head: RequestHead,
        way: Box<dyn Way>,
        local: &Rc<Local>,
    ) -> std::pin::Pin<Box<dyn Future<Output = ()>>> {
        let Self { take, seat, alternative } = self;
        let (way, pace, local) = (Some(way), Pace::default(), Rc::clone(local));
        take(Exchange { head, way, seat, alternative, pace, local })
    }
}

impl Exchange {
    /// The head of the request.
    pub fn head(&self) -> &RequestHead {
        &self.head
    }

    /// The next piece of the request's body, not empty; `None` when it is complete. Chunks and frames are gone: a piece is
    /// what came at once, up to 64 KiB. A client that waits for `100 Continue` is told to go on.
    ///
    /// May be dropped while it waits; nothing is lost, and the time counts.
    ///
    /// # Errors
    ///
    /// When there is no more to be had: [`TimedOut`](io::ErrorKind::TimedOut) after
    /// [`body_piece_timeout`](crate::Limits::body_piece_timeout), or when the body comes more slowly than
    /// [`body_bytes_per_second_min`](crate::Limits::body_bytes_per_second_min);
    /// [`FileTooLarge`](io::ErrorKind::FileTooLarge) past [`request_body_bytes_max`](crate::Limits::request_body_bytes_max);
    /// [`InvalidData`](io::ErrorKind::InvalidData) for a body that breaks the rules; others when the client is gone. See
    /// [`body_fault`] for what to answer. After an error there is [nothing more](io::ErrorKind::NotConnected).
    pub async fn body(&mut self) -> io::Result<Option<Bytes>> {
        self.pace.read(self.way.as_mut(), &self.local).await
    }

    /// Whether the body is complete: there was none, or all of it was [given](Self::body).
    pub fn is_body_complete(&self) -> bool {
        self.way.as_ref().is_some_and(|way| way.is_body_complete())
    }

    /// The fields that came behind the body, once [`body`](Self::body) has said that it is complete.
    pub fn trailers(&mut self) -> Option<HeaderMap> {
        self.way.as_mut().and_then(|way| way.trailers())
    }

    /// Waits until the client takes its request back: over HTTP/2 and HTTP/3 when it resets the stream, over HTTP/1.1 when
    /// the connection breaks. A client of HTTP/1.1 that only ends its side may still wait for the answer, so that is no
    /// sign. Ask it together with whatever takes long.
    pub async fn gone(&mut self) {
        poll_fn(|cx| self.poll_gone(cx)).await;
    }

    /// As [`gone`](Self::gone).
    pub fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.way.as_mut().map_or(Poll::Ready(()), |way| way.poll_gone(cx))
    }

    /// Sends an interim response (1xx, but 101). A client of HTTP/1.0 does not get it.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for another status; else the client is gone.
    pub async fn inform(&mut self, response: Response<()>) -> io::Result<()> {
        let status = response.status();
        if !status.is_informational() || status == StatusCode::SWITCHING_PROTOCOLS {
            return Err(invalid("this is no interim response"));
        }
        let way = self.way.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        way.inform(&response)?;
        in_time(self.local.limits.write_timeout, |cx| way.poll_flush(cx)).await
    }

    /// Begins the response and sends its head at once. `Content-Length`, `Transfer-Encoding` and `Connection` are ours; what
    /// the response has of them is dropped. `Date` is added if it is missing.
    ///
    /// If the request's body is not complete, an HTTP/1.1 connection closes after the response. It can still be read: see
    /// [`ResponseBody::body`].
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for an interim status, or for a 2xx in answer to an extended CONNECT,
    /// which would open a WebSocket: the client gets 500. Else the client is gone, or took nothing for
    /// [`write_timeout`](crate::Limits::write_timeout).
    pub async fn respond(self, response: Response<()>, length: BodyLength) -> io::Result<ResponseBody> {
        self.respond_with(response, length, Bytes::new()).await
    }

    /// As [`respond`](Self::respond), with a first piece of the body that leaves together with the head.
    ///
    /// # Errors
    ///
    /// As [`respond`](Self::respond) and [`ResponseBody::send`].
    pub async fn respond_with(
        self,
        response: Response<()>,
        length: BodyLength,
        first: Bytes,
    ) -> io::Result<ResponseBody> {
        let mut body = self.begin(response, length)?;
        if first.is_empty() {
            body.flush().await?;
        } else {
            body.send(first).await?;
        }
        Ok(body)
    }

    /// Sends a whole response, head and body in one write if the client takes it.
    ///
    /// # Errors
    ///
    /// As [`respond`](Self::respond).
    pub async fn answer(self, response: Response<Bytes>) -> io::Result<()> {
        let (parts, body) = response.into_parts();
        let length = BodyLength::Known(body.len() as u64);
        let mut sending = self.begin(Response::from_parts(parts, ()), length)?;
        if sending.left != Some(0) {
            sending.send(body).await?;
        }
        sending.finish().await
    }

    /// Accepts the WebSocket that the request asks for: 101 with the right `Sec-WebSocket-Accept` on HTTP/1.1, 200 on HTTP/2
    /// and HTTP/3. Of `response` only the header fields count: subprotocol, extensions, cookies.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if the request is no handshake by all rules, or was not counted as one:
    /// the client gets 500. Else the client is gone.
    pub async fn upgrade(mut self, response: Response<()>) -> io::Result<Opened> {
        let accepted = accept(&self.head, &ServerOffer::default());
        let accepted = accepted.map_err(|refusal| invalid(refusal.sentence))?;
        let seat = self.seat.take().ok_or_else(|| invalid("this is not a WebSocket's request"))?;
        let way = self.way.take().ok_or(io::ErrorKind::NotConnected)?;
        let upgrading =
            Upgrading { headers: response.into_parts().0.headers, accept: accepted.accept_value(), seat };
        way.upgrade(upgrading).await
    }

    fn begin(mut self, mut response: Response<()>, length: BodyLength) -> io::Result<ResponseBody> {
        let status = response.status();
        if status.is_informational() || (self.head.protocol().is_some() && status.is_success()) {
            return Err(invalid("this status has another meaning here"));
        }
        if let Some(value) = self.alternative.take()
            && !response.headers().contains_key(header::ALT_SVC)
        {
            response.headers_mut().insert(header::ALT_SVC, value);
        }
        let is_without = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let has_body = !is_without && self.head.method() != "HEAD";
        let mut way = self.way.take().ok_or(io::ErrorKind::NotConnected)?;
        way.begin(response, length, has_body)?;
        let left = match length {
            _ if !has_body => Some(0),
            BodyLength::Known(length) => Some(length),
            BodyLength::Unknown => None,
        };
        Ok(ResponseBody {
            way: Some(way),
            left,
            pace: std::mem::take(&mut self.pace),
            local: Rc::clone(&self.local),
        })
    }
}

impl ResponseBody {
    /// Sends a piece, and returns when the connection has taken all of it.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if it is more than was promised;
    /// [`TimedOut`](io::ErrorKind::TimedOut) if the client does not take 64 KiB, or what the piece has less, within
    /// [`write_timeout`](crate::Limits::write_timeout); else the client is gone.
    pub async fn send(&mut self, mut piece: Bytes) -> io::Result<()> {
        /// What has to be taken in one `write_timeout`.
        const TIMED_BYTES: usize = 64 * 1024;
        while !piece.is_empty() {
            let mut part = piece.split_to(piece.len().min(TIMED_BYTES));
            in_time(self.local.limits.write_timeout, |cx| self.poll_send(cx, &mut part)).await?;
        }
        Ok(())
    }

    /// As [`send`](Self::send), without its deadline. What was taken is gone from `piece`; call it again with the rest until
    /// it is ready.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn poll_send(&mut self, cx: &mut Context<'_>, piece: &mut Bytes) -> Poll<io::Result<()>> {
        let Some(way) = &mut self.way else { return Poll::Ready(Err(io::ErrorKind::NotConnected.into())) };
        let before = piece.len();
        if self.left.is_some_and(|left| before as u64 > left) {
            return Poll::Ready(Err(invalid("the body is longer than was promised")));
        }
        let result = way.poll_send(cx, piece);
        if let Some(left) = &mut self.left {
            *left -= (before - piece.len()) as u64;
        }
        result
    }

    /// Ends the response. An HTTP/1.1 connection goes on to its next request, or closes.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if less was sent than was promised, which cuts the response. Else as
    /// [`send`](Self::send).
    pub async fn finish(self) -> io::Result<()> {
        self.finish_with(None).await
    }

    /// As [`finish`](Self::finish), with fields behind the body. They are left out where they cannot be sent: behind a body of
    /// known length over HTTP/1.1, or where the client did not say `TE: trailers` there. Those that may not stand in
    /// trailers ([`Trailers::may_have`](ws::http1::Trailers::may_have)) are left out everywhere.
    ///
    /// # Errors
    ///
    /// As [`finish`](Self::finish).
    pub async fn finish_with(mut self, trailers: Option<HeaderMap>) -> io::Result<()> {
        if self.left.is_some_and(|left| left > 0) {
            return Err(invalid("the body is shorter than was promised"));
        }
        let mut way = self.way.take().ok_or(io::ErrorKind::NotConnected)?;
        let mut trailers = trailers.map(without_forbidden).filter(|trailers| !trailers.is_empty());
        in_time(self.local.limits.write_timeout, |cx| way.poll_finish(cx, &mut trailers)).await
    }

    /// The next piece of the request's body, as [`Exchange::body`]: a response may begin before the request is complete.
    ///
    /// # Errors
    ///
    /// As [`Exchange::body`].
    pub async fn body(&mut self) -> io::Result<Option<Bytes>> {
        self.pace.read(self.way.as_mut(), &self.local).await
    }

    /// As [`Exchange::poll_gone`].
    pub fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.way.as_mut().map_or(Poll::Ready(()), |way| way.poll_gone(cx))
    }

    async fn flush(&mut self) -> io::Result<()> {
        let way = self.way.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        in_time(self.local.limits.write_timeout, |cx| way.poll_flush(cx)).await
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if let Some(way) = self.way.take() {
            way.leave_unanswered();
        }
    }
}

/// Whether somebody who takes the request over could make a WebSocket of it: it asks for one, and has no body that would
/// stand in front of the frames.
pub(crate) fn may_upgrade(head: &RequestHead) -> bool {
    let has_body = matches!(head.framing(), Framing::Length(1..) | Framing::Chunked);
    is_websocket_request(head) && !has_body
}

fn without_forbidden(trailers: HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::new();
    for (name, value) in &trailers {
        if ws::http1::Trailers::may_have(name.as_str()) {
            kept.append(name, value.clone());
        }
    }
    kept
}

/// Runs a step to its end, or fails when it takes longer than `limit`.
async fn in_time(
    limit: Duration,
    step: impl FnMut(&mut Context<'_>) -> Poll<io::Result<()>>,
) -> io::Result<()> {
    timeout(limit, poll_fn(step)).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

fn invalid(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

impl std::fmt::Debug for Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exchange").field("head", &self.head).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for ResponseBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResponseBody").field("left", &self.left).finish_non_exhaustive()
    }
}
