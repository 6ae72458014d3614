//! HTTP/1.1 under a request that the site has taken over.
//!
//! The socket belongs to the exchange until it is answered, then goes back to the loop that reads requests. It can only go on
//! if request and response are complete; in every other case the peer and we might not agree where the next message
//! begins, so it closes.

use super::Wire;
use crate::exchange::refusal;
use crate::guests::Visit;
use crate::limits::{BODY_PIECE_BYTES_MAX, PIPELINED_BYTES_MAX};
use crate::pending::{self, Flushed};
use crate::portable::Portable;
use crate::response::{self, Fate, Sizing};
use crate::server_stream::ServerStream;
use crate::taken::{BodyLength, Opened, Upgrading, Way, body_error, cut};
use bytes::{Buf, Bytes};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tokio::io::ReadBuf;
use tokio::sync::oneshot;
use ws::head::{RequestHead, Version};
use ws::http1::{BodyEvent, BodyLimits, BodyReader, Trailers};

/// How a socket comes back from an exchange. If it does not come back, it is a WebSocket, or closed.
pub(super) enum Back<Io> {
    /// The next request may come.
    Next(Wire<Io>, Visit),
    /// All is said, and it has to close.
    Close(Wire<Io>, Visit),
    /// Nothing was said.
    Unanswered(Wire<Io>, Visit),
}

/// The exchange's side of a socket.
pub(super) struct Http1Way<Io> {
    /// There until it goes home.
    wire: Option<(Wire<Io>, Visit)>,
    home: Option<oneshot::Sender<Back<Io>>>,
    body: BodyReader,
    trailers: Option<Trailers>,
    /// What is to be written first, and how much of it was.
    queued: Vec<u8>,
    written: usize,
    version: Version,
    sizing: Sizing,
    /// The head of the response is in the queue, or was sent.
    has_begun: bool,
    /// The client waits for `100 Continue` before it sends the body.
    waits_for_continue: bool,
    takes_trailers: bool,
    /// The socket may carry another request after this one, as far as is known.
    keep: bool,
    /// The peer sends no more.
    has_ended: bool,
    /// The end of the response is in the queue.
    is_finishing: bool,
}

/// A way for a request, and where the socket comes back.
pub(super) fn begin<Io: Portable>(
    wire: Wire<Io>,
    visit: Visit,
    head: &RequestHead,
    keep: bool,
) -> (Box<Http1Way<Io>>, oneshot::Receiver<Back<Io>>) {
    let (home, back) = oneshot::channel();
    let has = |name, token: &str| {
        let mut members = head.header_all(name).flat_map(|value| value.split(','));
        members.any(|member| member.trim().eq_ignore_ascii_case(token))
    };
    let body = BodyReader::of_request(head, BodyLimits::default());
    let waits_for_continue =
        head.version() == Version::Http11 && !body.is_complete() && has("expect", "100-continue");
    let way = Http1Way {
        wire: Some((wire, visit)),
        home: Some(home),
        body,
        trailers: None,
        queued: Vec::new(),
        written: 0,
        version: head.version(),
        sizing: Sizing::Absent,
        has_begun: false,
        waits_for_continue,
        takes_trailers: has("te", "trailers"),
        keep,
        has_ended: false,
        is_finishing: false,
    };
    (Box::new(way), back)
}

/// Runs the site's part, then waits until the socket is back and does what has to be done with it. Gives it back for
/// the next request.
pub(super) async fn run<Io: Portable>(
    work: Pin<Box<dyn Future<Output = ()>>>,
    back: oneshot::Receiver<Back<Io>>,
) -> Option<(Wire<Io>, Visit)> {
    work.await;
    match back.await.ok()? {
        Back::Next(wire, visit) => Some((wire, visit)),
        // In a box, because this future lives as long as a WebSocket, and is to be small.
        other => Box::pin(end(other)).await,
    }
}

/// Closes a socket that cannot go on. Its place at the door is kept until then.
async fn end<Io: Portable>(back: Back<Io>) -> Option<(Wire<Io>, Visit)> {
    match back {
        Back::Next(wire, visit) => return Some((wire, visit)),
        Back::Close(wire, _visit) => wire.close().await,
        Back::Unanswered(wire, _visit) => {
            let answer = refusal(StatusCode::INTERNAL_SERVER_ERROR, "There is no answer to this request.");
            wire.answer_and_close(&answer).await;
        }
    }
    None
}

impl<Io: Portable> Http1Way<Io> {
    fn wire(&mut self) -> io::Result<&mut Wire<Io>> {
        self.wire.as_mut().map(|(wire, _)| wire).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    fn poll_queued(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some((wire, _)) = &mut self.wire else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        match pending::write(&mut wire.io, cx, &self.queued, &mut self.written)? {
            Flushed::All => {
                self.queued.clear();
                self.written = 0;
                Poll::Ready(Ok(()))
            }
            Flushed::Blocked => Poll::Pending,
        }
    }

    /// Takes what belongs to the body out of the bytes that were read already.
    fn take_ahead(&mut self) -> io::Result<Bytes> {
        let Some((wire, _)) = &mut self.wire else { return Err(io::ErrorKind::NotConnected.into()) };
        let mut input = &wire.ahead[..];
        let data = collect(&mut self.body, &mut self.trailers, &mut input)?;
        let taken = wire.ahead.len() - input.len();
        wire.ahead.drain(..taken);
        Ok(data)
    }

    /// Reads once, through the worker's buffer, and takes the body out of it. What belongs to the next request stays in
    /// `ahead`, and there is no more of it than of any that comes too early.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        let Some((wire, _)) = &mut self.wire else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        let sure = usize::try_from(self.body.bytes_left_min()).unwrap_or(usize::MAX);
        let room = sure.clamp(PIPELINED_BYTES_MAX, BODY_PIECE_BYTES_MAX);
        let mut buffers = wire.local.take_buffers();
        let mut buffer = ReadBuf::new(&mut buffers.read[..room]);
        let read = Pin::new(&mut wire.io).poll_read(cx, &mut buffer);
        let mut input = buffer.filled();
        let data = match &read {
            Poll::Ready(Ok(())) if input.is_empty() => Err(cut()),
            _ => collect(&mut self.body, &mut self.trailers, &mut input),
        };
        wire.ahead.extend_from_slice(input);
        wire.local.put_buffers(buffers);
        ready!(read)?;
        Poll::Ready(data)
    }

    fn go_home(&mut self, back: fn(Wire<Io>, Visit) -> Back<Io>) {
        if let (Some((wire, visit)), Some(home)) = (self.wire.take(), self.home.take()) {
            // If nobody is there, it closes.
            let _ = home.send(back(wire, visit));
        }
    }

    /// Queues a piece of the response's body as far as it is to be sent with what is queued before it.
    fn queue_piece(&mut self, piece: &mut Bytes) {
        let part = piece.split_to(piece.len().min(BODY_PIECE_BYTES_MAX));
        match self.sizing {
            Sizing::Chunked => {
                self.queued.extend_from_slice(format!("{:x}\r\n", part.len()).as_bytes());
                self.queued.extend_from_slice(&part);
                self.queued.extend_from_slice(b"\r\n");
            }
            _ => self.queued.extend_from_slice(&part),
        }
    }
}

/// Takes the bytes of a body from the front of `input`.
fn collect(body: &mut BodyReader, trailers: &mut Option<Trailers>, input: &mut &[u8]) -> io::Result<Bytes> {
    let mut data = Vec::new();
    while let Some(event) = body.receive(input).map_err(body_error)? {
        match event {
            BodyEvent::Data(piece) => data.extend_from_slice(piece),
            BodyEvent::End(fields) => {
                *trailers = fields;
                break;
            }
        }
    }
    Ok(data.into())
}

impl<Io: Portable> Way for Http1Way<Io> {
    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        if self.body.is_complete() {
            return Poll::Ready(Ok(None));
        }
        let mut data = self.take_ahead()?;
        while data.is_empty() && !self.body.is_complete() {
            if std::mem::take(&mut self.waits_for_continue) && !self.has_begun {
                self.queued.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
            }
            ready!(self.poll_queued(cx))?;
            data = ready!(self.poll_read(cx))?;
        }
        // A client that has begun needs no invitation.
        self.waits_for_continue = false;
        Poll::Ready(Ok((!data.is_empty()).then_some(data)))
    }

    fn is_body_complete(&self) -> bool {
        self.body.is_complete()
    }

    fn trailers(&mut self) -> Option<HeaderMap> {
        let trailers = self.trailers.take()?;
        let mut map = HeaderMap::new();
        for (name, value) in trailers.iter() {
            // Both were checked by stricter rules.
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                map.append(name, value);
            }
        }
        Some(map)
    }

    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some((wire, _)) = &mut self.wire else { return Poll::Ready(()) };
        // What comes behind the request may be the next one; no more of it is taken than otherwise.
        while self.body.is_complete() && !self.has_ended && wire.ahead.len() < PIPELINED_BYTES_MAX {
            match ready!(wire.poll_read(cx)) {
                Ok(0) => self.has_ended = true,
                Ok(_) => {}
                Err(_) => return Poll::Ready(()),
            }
        }
        Poll::Pending
    }

    fn inform(&mut self, response: &Response<()>) -> io::Result<()> {
        if self.version == Version::Http11 {
            self.waits_for_continue &= response.status() != StatusCode::CONTINUE;
            response::write_interim(response, &mut self.queued);
        }
        Ok(())
    }

    fn begin(&mut self, response: Response<()>, length: BodyLength, has_body: bool) -> io::Result<()> {
        let is_old = self.version == Version::Http10;
        self.has_begun = true;
        self.sizing = match length {
            BodyLength::Known(length) => Sizing::Length(length),
            BodyLength::Unknown if !has_body => Sizing::Absent,
            BodyLength::Unknown if is_old => Sizing::UntilEnd,
            BodyLength::Unknown => Sizing::Chunked,
        };
        let is_complete = self.body.is_complete() && !self.has_ended && self.sizing != Sizing::UntilEnd;
        self.keep &= is_complete && !self.wire()?.local.is_draining();
        let fate = match (self.keep, is_old) {
            (false, _) => Fate::Close,
            (true, false) => Fate::KeepAlive,
            (true, true) => Fate::KeepAliveOld,
        };
        response::write_head(&response, self.sizing, fate, &mut self.queued);
        Ok(())
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, piece: &mut Bytes) -> Poll<io::Result<()>> {
        loop {
            // A small piece leaves in one write with what stands before it; a large one is not copied if it need not be.
            let is_small = self.queued.len() - self.written + piece.len() <= BODY_PIECE_BYTES_MAX;
            if !piece.is_empty() && self.queued.is_empty() && self.sizing != Sizing::Chunked {
                let mut written = 0;
                let wire = self.wire()?;
                let flushed = pending::write(&mut wire.io, cx, piece, &mut written);
                piece.advance(written);
                match flushed? {
                    Flushed::All => return Poll::Ready(Ok(())),
                    Flushed::Blocked => return Poll::Pending,
                }
            }
            if !piece.is_empty() && (self.queued.is_empty() || (is_small && self.written == 0)) {
                self.queue_piece(piece);
            }
            ready!(self.poll_queued(cx))?;
            if piece.is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_queued(cx)
    }

    fn poll_finish(
        &mut self,
        cx: &mut Context<'_>,
        trailers: &mut Option<HeaderMap>,
    ) -> Poll<io::Result<()>> {
        if !std::mem::replace(&mut self.is_finishing, true) && self.sizing == Sizing::Chunked {
            self.queued.extend_from_slice(b"0\r\n");
            let trailers = trailers.take().filter(|_| self.takes_trailers).unwrap_or_default();
            response::write_fields(&trailers, &mut self.queued);
            self.queued.extend_from_slice(b"\r\n");
        }
        ready!(self.poll_queued(cx))?;
        self.go_home(if self.keep { Back::Next } else { Back::Close });
        Poll::Ready(Ok(()))
    }

    fn upgrade(
        mut self: Box<Self>,
        upgrading: Upgrading,
    ) -> Pin<Box<dyn Future<Output = io::Result<Opened>>>> {
        Box::pin(async move {
            let Upgrading { headers, accept, seat } = upgrading;
            let (mut wire, visit) = self.wire.take().ok_or(io::ErrorKind::NotConnected)?;
            if self.has_ended {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let mut answer = std::mem::take(&mut self.queued).split_off(self.written);
            response::write_upgrade(&headers, accept.as_deref().unwrap_or_default(), &mut answer);
            wire.write(&answer).await?;
            let Wire { io, ahead, local } = wire;
            let stream = ServerStream::new(io.into_server_stream(), seat, Rc::clone(&local), None);
            // Only now, when it is counted as a WebSocket: a drain must not overlook it.
            drop(visit);
            Ok(Opened { stream, ahead })
        })
    }

    fn leave_unanswered(mut self: Box<Self>) {
        // What is half written cannot be taken back.
        if self.written == 0 && !self.has_begun {
            self.queued.clear();
            self.go_home(Back::Unanswered);
        }
    }
}
