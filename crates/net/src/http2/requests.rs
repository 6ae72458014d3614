//! The client's side for requests of all kinds, each on a stream.

use super::Payload;
use super::client::{answer_of, broken, builder, refused};
use super::stream::{io_error, poll_capacity};
use crate::dial::DialError;
use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{Ping, Reason, RecvStream, SendStream};
use http::{HeaderMap, Request};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite};
use ws::head::ResponseHead;

/// A connection of HTTP/2 to a server. See [`Http2Upstream`](crate::Http2Upstream).
#[derive(Clone)]
pub(crate) struct Http2Requests {
    pub(super) send: SendRequest<Payload>,
    is_over: Arc<AtomicBool>,
}

/// One request and its answer on a stream of HTTP/2. Dropping it before the end resets the stream.
pub struct Http2Exchange {
    send: SendStream<Payload>,
    answer: Answer,
}

enum Answer {
    Waiting(ResponseFuture),
    Body(RecvStream),
}

impl Http2Requests {
    /// Exchanges settings, and waits for the server's: only they tell whether WebSockets can be opened (RFC 8441
    /// section 3). There is no deadline here. A task of the runtime drives the connection, and what ends it is told to each
    /// of its streams.
    pub(crate) async fn connect<Io>(io: Io) -> Result<Self, DialError>
    where
        Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (send, mut connection) = builder().handshake::<_, Payload>(io).await.map_err(refused)?;
        // The server's SETTINGS come before anything else, so they have come when a PING is answered.
        if let Some(mut ping) = connection.ping_pong() {
            tokio::select! {
                pong = ping.ping(Ping::opaque()) => { pong.map_err(refused)?; }
                ended = &mut connection => return Err(ended.err().map_or(DialError::GoingAway, refused)),
            }
        }
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        drop(tokio::spawn(async move {
            drop(connection.await);
            over.store(true, Ordering::Relaxed);
        }));
        Ok(Self { send, is_over })
    }

    pub(crate) fn offers_websockets(&self) -> bool {
        self.send.is_extended_connect_protocol_enabled()
    }

    pub(crate) fn streams_max(&self) -> u32 {
        u32::try_from(self.send.current_max_send_streams()).unwrap_or(u32::MAX)
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    pub(crate) async fn ask(&self, request: Request<()>, ends: bool) -> Result<Http2Exchange, DialError> {
        let mut ready = self.send.clone().ready().await.map_err(untouched)?;
        let (answer, send) = ready.send_request(request, ends).map_err(untouched)?;
        Ok(Http2Exchange { send, answer: Answer::Waiting(answer) })
    }
}

impl Http2Exchange {
    pub(crate) fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Result<ResponseHead, DialError>> {
        let Answer::Waiting(waiting) = &mut self.answer else {
            return Poll::Ready(Err(DialError::Broken(io::ErrorKind::InvalidInput.into())));
        };
        let response = ready!(Pin::new(waiting).poll(cx)).map_err(untouched)?;
        let (head, body) = answer_of(response)?;
        self.answer = Answer::Body(body);
        Poll::Ready(Ok(head))
    }

    pub(crate) fn poll_send_piece(
        &mut self,
        cx: &mut Context<'_>,
        piece: &mut Bytes,
    ) -> Poll<io::Result<()>> {
        while !piece.is_empty() {
            let room = ready!(poll_capacity(&mut self.send, piece.len(), cx))?;
            let part = piece.split_to(room);
            self.send.send_data(Payload::from(part), false).map_err(io_error)?;
        }
        Poll::Ready(Ok(()))
    }

    pub(crate) fn end(&mut self, trailers: Option<HeaderMap>) -> io::Result<()> {
        match trailers {
            Some(trailers) => self.send.send_trailers(trailers).map_err(io_error),
            None => self.send.send_data(Payload::EMPTY, true).map_err(io_error),
        }
    }

    pub(crate) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let Answer::Body(body) = &mut self.answer else {
            return Poll::Ready(Some(Err(io::ErrorKind::InvalidInput.into())));
        };
        loop {
            match ready!(body.poll_data(cx)) {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(io_error(error)))),
                Some(Ok(piece)) => {
                    // It fails when the stream is over; then the peer needs no room.
                    let _ = body.flow_control().release_capacity(piece.len());
                    if !piece.is_empty() {
                        return Poll::Ready(Some(Ok(piece)));
                    }
                }
            }
        }
    }

    pub(crate) fn into_halves(self) -> Option<(SendStream<Payload>, RecvStream)> {
        match self.answer {
            Answer::Waiting(_) => None,
            Answer::Body(body) => Some((self.send, body)),
        }
    }
}

/// A failure after which the server has certainly not looked at the request is one of going away: it may be sent again.
fn untouched(error: h2::Error) -> DialError {
    if error.is_remote() && error.reason() == Some(Reason::REFUSED_STREAM) {
        return DialError::GoingAway;
    }
    broken(error)
}

impl std::fmt::Debug for Http2Requests {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Http2Requests").field("is_over", &self.is_over).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Http2Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Http2Exchange").finish_non_exhaustive()
    }
}
