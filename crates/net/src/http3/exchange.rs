//! HTTP/3 under a request that the site has taken over. A stream of its own for each, so nothing has to close afterwards.

use super::carrier::Busy;
use super::session::{abandon, is_of_stream};
use super::stream::{Http3Stream, code};
use crate::exchange::refusal;
use crate::limits::BODY_PIECE_BYTES_MAX;
use crate::response;
use crate::server_stream::{Kind, ServerStream};
use crate::site::Site;
use crate::taken::{BodyLength, Opened, Upgrading, Way, body_error};
use bytes::{Buf, Bytes};
use h3::{Code, FieldSection, RequestEvent, RequestStream};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use quinn::{RecvStream, SendStream, StoppedError, VarInt};
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tokio::time::timeout;
use ws::head::{Framing, RequestHead};
use ws::http1::BodyError;

/// The end of the client's interest in what we send.
type Stopped = Pin<Box<dyn Future<Output = Result<Option<VarInt>, StoppedError>>>>;

/// The exchange's side of a stream.
pub(super) struct Http3Way<S: Site> {
    /// There until the end, or the WebSocket.
    parts: Option<Parts<S>>,
    /// What was read and not given yet.
    raw: Bytes,
    /// What of the body came with the head.
    ahead: Bytes,
    /// How much of the body is still to come, if the client has said it.
    left: Option<u64>,
    is_body_complete: bool,
    trailers: Option<HeaderMap>,
    queued: VecDeque<Bytes>,
    stopped: Option<Stopped>,
    has_begun: bool,
    is_finished: bool,
}

/// A stream of QUIC, and who it belongs to.
pub(super) struct Parts<S: Site> {
    pub(super) busy: Busy<S>,
    pub(super) send: SendStream,
    pub(super) receive: RecvStream,
    pub(super) reader: RequestStream,
}

impl<S: Site> Http3Way<S> {
    /// `ahead` and `trailers` are what of the body was read with the head.
    pub(super) fn new(
        parts: Parts<S>,
        head: &RequestHead,
        ahead: Vec<u8>,
        trailers: Option<FieldSection>,
    ) -> Box<Self> {
        let left = match head.framing() {
            Framing::Length(length) => Some(length),
            Framing::None | Framing::Chunked | Framing::UntilEnd => None,
        };
        Box::new(Self {
            parts: Some(parts),
            raw: Bytes::new(),
            ahead: ahead.into(),
            left,
            is_body_complete: false,
            trailers: trailers.as_ref().map(map_of),
            queued: VecDeque::new(),
            stopped: None,
            has_begun: false,
            is_finished: false,
        })
    }

    fn parts(&mut self) -> io::Result<&mut Parts<S>> {
        self.parts.as_mut().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// The next event in what was read. Its data is a part of it.
    fn next_event(&mut self) -> io::Result<Option<Piece>> {
        let Some(parts) = &mut self.parts else { return Err(io::ErrorKind::NotConnected.into()) };
        let mut input = &self.raw[..];
        let event = match parts.reader.receive(&mut input) {
            Ok(Some(RequestEvent::Data(data))) => Some(Piece::Data(self.raw.slice_ref(data))),
            Ok(Some(RequestEvent::Trailers(fields))) => Some(Piece::Trailers(map_of(&fields))),
            Ok(_) => None,
            Err(error) => return Err(parts.fail(error)),
        };
        let taken = self.raw.len() - input.len();
        self.raw.advance(taken);
        Ok(event)
    }

    /// Counts a piece against what the client has said.
    fn count(&mut self, size: usize) -> io::Result<()> {
        let Some(left) = &mut self.left else { return Ok(()) };
        match left.checked_sub(size as u64) {
            Some(rest) => *left = rest,
            None => return Err(self.malformed()),
        }
        Ok(())
    }

    /// "A request or response that is defined as having content when it contains a Content-Length header field is malformed
    /// if the value of the Content-Length header field does not equal the sum of the DATA frame lengths received" (RFC 9114
    /// section 4.1.2).
    fn malformed(&mut self) -> io::Error {
        if let Some(parts) = &mut self.parts {
            parts.busy.0.local.counters.requests_bad.add(1);
            parts.busy.0.charge(1);
            abandon(&mut parts.send, &mut parts.receive, Code::MESSAGE_ERROR);
        }
        body_error(BodyError::Incomplete)
    }

    fn poll_queued(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(parts) = &mut self.parts else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        while !self.queued.is_empty() {
            let chunks = self.queued.make_contiguous();
            // The future is made anew for each look: it has no state of its own.
            let written = ready!(pin!(parts.send.write_chunks(chunks)).poll(cx))?;
            self.queued.drain(..written.chunks);
        }
        Poll::Ready(Ok(()))
    }

    fn queue_head(&mut self, response: &Response<()>) -> io::Result<()> {
        let parts = self.parts()?;
        let fields = response.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        let max = parts.busy.0.session.http().peer_field_section_bytes_max();
        let mut head = Vec::new();
        h3::write_response(response.status().as_u16(), fields, max, &mut head).map_err(unsendable)?;
        self.queued.push_back(head.into());
        Ok(())
    }
}

/// Fields that were checked already.
fn map_of(fields: &FieldSection) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in fields.iter() {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            map.append(name, value);
        }
    }
    map
}

/// What came on the stream behind the head.
enum Piece {
    Data(Bytes),
    Trailers(HeaderMap),
}

impl<S: Site> Parts<S> {
    /// The client broke HTTP/3.
    fn fail(&mut self, error: h3::Error) -> io::Error {
        let carrier = &self.busy.0;
        if is_of_stream(&error) {
            carrier.local.counters.requests_bad.add(1);
            carrier.charge(1);
            abandon(&mut self.send, &mut self.receive, error.code);
        } else {
            carrier.violated();
            carrier.session.close(error.code, error.reason);
        }
        io::Error::new(io::ErrorKind::ConnectionReset, error)
    }
}

impl<S: Site> Way for Http3Way<S> {
    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        loop {
            if !self.ahead.is_empty() {
                let piece = std::mem::take(&mut self.ahead);
                self.count(piece.len())?;
                return Poll::Ready(Ok(Some(piece)));
            }
            if self.is_body_complete {
                return Poll::Ready(Ok(None));
            }
            match self.next_event()? {
                Some(Piece::Data(data)) => {
                    self.count(data.len())?;
                    return Poll::Ready(Ok(Some(data)));
                }
                Some(Piece::Trailers(fields)) => self.trailers = Some(fields),
                None => {}
            }
            let parts = self.parts()?;
            // The future is made anew for each look: it has no state of its own.
            let chunk = ready!(pin!(parts.receive.read_chunk(BODY_PIECE_BYTES_MAX, true)).poll(cx))?;
            match chunk {
                Some(chunk) => self.raw = chunk.bytes,
                None => {
                    if let Err(error) = parts.reader.finish() {
                        return Poll::Ready(Err(parts.fail(error)));
                    }
                    if self.left.is_some_and(|left| left > 0) {
                        return Poll::Ready(Err(self.malformed()));
                    }
                    self.is_body_complete = true;
                }
            }
        }
    }

    fn is_body_complete(&self) -> bool {
        self.is_body_complete && self.ahead.is_empty()
    }

    fn trailers(&mut self) -> Option<HeaderMap> {
        self.trailers.take()
    }

    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(parts) = &mut self.parts else { return Poll::Ready(()) };
        let stopped = self.stopped.get_or_insert_with(|| Box::pin(parts.send.stopped()));
        match ready!(stopped.as_mut().poll(cx)) {
            // All was delivered, which is no reason to stop.
            Ok(None) => {
                self.stopped = Some(Box::pin(std::future::pending()));
                Poll::Pending
            }
            Ok(Some(_)) | Err(_) => Poll::Ready(()),
        }
    }

    fn inform(&mut self, response: &Response<()>) -> io::Result<()> {
        let mut response = response.clone();
        response::remove_connection_headers(response.headers_mut());
        self.queue_head(&response)
    }

    fn begin(&mut self, response: Response<()>, length: BodyLength, _has_body: bool) -> io::Result<()> {
        let length = match length {
            BodyLength::Known(length) => Some(length),
            BodyLength::Unknown => None,
        };
        let response = response::head_for_stream(response, length);
        self.queue_head(&response)?;
        self.has_begun = true;
        Ok(())
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, piece: &mut Bytes) -> Poll<io::Result<()>> {
        loop {
            // What is queued is at most one piece, and what stands before it.
            if !piece.is_empty() && self.queued.len() <= 1 {
                let part = piece.split_to(piece.len().min(BODY_PIECE_BYTES_MAX));
                self.queued.push_back(Bytes::copy_from_slice(&h3::data_frame_header(part.len())));
                self.queued.push_back(part);
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
        if let Some(mut trailers) = trailers.take() {
            response::remove_connection_headers(&mut trailers);
            let max = self.parts()?.busy.0.session.http().peer_field_section_bytes_max();
            let fields = trailers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
            let mut section = Vec::new();
            h3::write_trailers(fields, max, &mut section).map_err(unsendable)?;
            self.queued.push_back(section.into());
        }
        ready!(self.poll_queued(cx))?;
        self.is_finished = true;
        if let Some(parts) = self.parts.take() {
            parts.finish(self.is_body_complete);
        }
        Poll::Ready(Ok(()))
    }

    fn upgrade(
        mut self: Box<Self>,
        upgrading: Upgrading,
    ) -> Pin<Box<dyn Future<Output = io::Result<Opened>>>> {
        Box::pin(async move {
            let mut response = Response::new(());
            *response.headers_mut() = upgrading.headers;
            self.queue_head(&response::head_for_stream(response, None))?;
            let limit = self.parts()?.busy.0.local.limits.write_timeout;
            timeout(limit, poll_fn(|cx| self.poll_queued(cx))).await??;
            // The body's pieces that were read with the head are the first bytes of the WebSocket.
            let mut ahead = Vec::from(std::mem::take(&mut self.ahead));
            while let Some(Piece::Data(data)) = self.next_event()? {
                ahead.extend_from_slice(&data);
            }
            let Parts { busy, send, receive, reader } =
                self.parts.take().ok_or(io::ErrorKind::NotConnected)?;
            *busy.0.visit.borrow_mut() = None;
            let local = Rc::clone(&busy.0.local);
            let stream = Http3Stream::new(busy.0.session.quic.clone(), send, receive, reader);
            let stream = Kind::Http3(Box::new(stream));
            let stream = ServerStream::new(stream, upgrading.seat, local, Some(Box::new(busy)));
            Ok(Opened { stream, ahead })
        })
    }

    fn leave_unanswered(mut self: Box<Self>) {
        let answer = refusal(StatusCode::INTERNAL_SERVER_ERROR, "There is no answer to this request.");
        let (head, body) = response::for_stream(answer, false);
        if self.has_begun || self.queue_head(&head).is_err() {
            return;
        }
        self.queued.push_back(Bytes::copy_from_slice(&h3::data_frame_header(body.len())));
        self.queued.push_back(body);
        let Some(limit) = self.parts.as_ref().map(|parts| parts.busy.0.local.limits.write_timeout) else {
            return;
        };
        drop(tokio::task::spawn_local(async move {
            let _ = timeout(limit, poll_fn(|cx| self.poll_finish(cx, &mut None))).await;
        }));
    }
}

impl<S: Site> Parts<S> {
    /// Ends our side, and keeps the stream counted for a while until the client has all of it: a drain must not end with the
    /// answer still on its way.
    fn finish(mut self, is_body_complete: bool) {
        if !is_body_complete {
            // "When the server does not need to receive the remainder of the request, it MAY abort reading the request
            // stream, send a complete response, and cleanly close the sending part of the stream" (RFC 9114 section 4.1).
            let _ = self.receive.stop(code(Code::NO_ERROR));
        }
        if self.send.finish().is_err() {
            return;
        }
        let limit = self.busy.0.local.limits.linger_timeout;
        drop(tokio::task::spawn_local(async move {
            let _ = timeout(limit, self.send.stopped()).await;
        }));
    }
}

/// What is cut must not look complete. quinn would finish a stream that is dropped.
impl<S: Site> Drop for Http3Way<S> {
    fn drop(&mut self) {
        if let Some(parts) = self.parts.as_mut().filter(|_| !self.is_finished) {
            abandon(&mut parts.send, &mut parts.receive, Code::INTERNAL_ERROR);
        }
    }
}

/// An answer that the client does not want so large, or that the site made of what HTTP/3 has no room for.
fn unsendable(error: h3::WriteError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, error)
}
