//! What each version of HTTP does for an exchange.

use super::{BodyLength, Opened};
use crate::guests::Seat;
use bytes::Bytes;
use http::{HeaderMap, Response};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

/// One request and its response on one version of HTTP. There are no deadlines below this, and no counting of what was
/// promised.
///
/// Dropping it cuts what is under way.
pub(crate) trait Way {
    /// The next piece of the request's body.
    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>>;

    /// Whether all of the request's body was given.
    fn is_body_complete(&self) -> bool;

    /// The fields behind the request's body. Gives them once.
    fn trailers(&mut self) -> Option<HeaderMap>;

    /// Ready when the client has taken its request back.
    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// Queues an interim response.
    fn inform(&mut self, response: &Response<()>) -> io::Result<()>;

    /// Queues the head of the response. Without `has_body` nothing will be sent behind it.
    fn begin(&mut self, response: Response<()>, length: BodyLength, has_body: bool) -> io::Result<()>;

    /// Sends what is queued, then a piece of the response's body.
    fn poll_send(&mut self, cx: &mut Context<'_>, piece: &mut Bytes) -> Poll<io::Result<()>>;

    /// Sends what is queued.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Sends what is queued, and the end. Nothing is called after it was ready.
    fn poll_finish(&mut self, cx: &mut Context<'_>, trailers: &mut Option<HeaderMap>)
    -> Poll<io::Result<()>>;

    /// Accepts the WebSocket.
    fn upgrade(self: Box<Self>, upgrading: Upgrading) -> Pin<Box<dyn Future<Output = io::Result<Opened>>>>;

    /// The site gave no answer, so we do.
    fn leave_unanswered(self: Box<Self>);
}

/// What it takes to accept a WebSocket.
pub(crate) struct Upgrading {
    /// What the site wants to say in the answer.
    pub(crate) headers: HeaderMap,
    /// What HTTP/1.1 has to say.
    pub(crate) accept: Option<String>,
    pub(crate) seat: Seat,
}
