//! HTTP/2 under a request that the site has taken over. A stream of its own for each, so nothing has to close afterwards.

use super::answer;
use super::payload::Payload;
use super::stream::{Http2Stream, io_error, poll_capacity};
use crate::exchange::refusal;
use crate::guests::Visit;
use crate::local::Local;
use crate::response;
use crate::server_stream::{Kind, ServerStream};
use crate::taken::{BodyLength, Opened, Upgrading, Way};
use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, Response, StatusCode};
use std::cell::RefCell;
use std::future::{Future, ready};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

/// The exchange's side of a stream.
pub(super) struct Http2Way {
    /// There until the head of the response is sent.
    respond: Option<SendResponse<Payload>>,
    /// There from then on.
    send: Sending,
    receive: RecvStream,
    is_body_complete: bool,
    trailers: Option<HeaderMap>,
    /// The carrier's place at the door.
    visit: Rc<RefCell<Option<Visit>>>,
    local: Rc<Local>,
}

/// The sending side. Dropping it before its end resets the stream: what is cut must not look complete.
#[derive(Default)]
struct Sending {
    stream: Option<SendStream<Payload>>,
    is_finished: bool,
}

impl Sending {
    fn stream(&mut self) -> io::Result<&mut SendStream<Payload>> {
        self.stream.as_mut().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        if let Some(stream) = self.stream.as_mut().filter(|_| !self.is_finished) {
            stream.send_reset(Reason::INTERNAL_ERROR);
        }
    }
}

impl Http2Way {
    pub(super) fn new(
        respond: SendResponse<Payload>,
        receive: RecvStream,
        visit: &Rc<RefCell<Option<Visit>>>,
        local: &Rc<Local>,
    ) -> Box<Self> {
        let is_body_complete = receive.is_end_stream();
        let (visit, local) = (Rc::clone(visit), Rc::clone(local));
        let respond = Some(respond);
        Box::new(Self {
            respond,
            send: Sending::default(),
            receive,
            is_body_complete,
            trailers: None,
            visit,
            local,
        })
    }

    fn respond(&mut self) -> io::Result<&mut SendResponse<Payload>> {
        self.respond.as_mut().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl Way for Http2Way {
    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        while !self.is_body_complete {
            match ready!(self.receive.poll_data(cx)) {
                Some(Ok(data)) => {
                    // It fails when the stream is over; then the peer needs no room.
                    let _ = self.receive.flow_control().release_capacity(data.len());
                    if !data.is_empty() {
                        return Poll::Ready(Ok(Some(data)));
                    }
                }
                Some(Err(error)) => return Poll::Ready(Err(io_error(error))),
                None => {
                    self.trailers = ready!(self.receive.poll_trailers(cx)).map_err(io_error)?;
                    self.is_body_complete = true;
                }
            }
        }
        Poll::Ready(Ok(None))
    }

    fn is_body_complete(&self) -> bool {
        self.is_body_complete
    }

    fn trailers(&mut self) -> Option<HeaderMap> {
        self.trailers.take()
    }

    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match (&mut self.respond, &mut self.send.stream) {
            (Some(respond), _) => respond.poll_reset(cx).map(drop),
            (None, Some(send)) => send.poll_reset(cx).map(drop),
            (None, None) => Poll::Ready(()),
        }
    }

    fn inform(&mut self, response: &Response<()>) -> io::Result<()> {
        let mut response = response.clone();
        *response.version_mut() = http::Version::HTTP_2;
        response::remove_connection_headers(response.headers_mut());
        self.respond()?.send_informational(response).map_err(io_error)
    }

    fn begin(&mut self, response: Response<()>, length: BodyLength, has_body: bool) -> io::Result<()> {
        let length = match length {
            BodyLength::Known(length) => Some(length),
            BodyLength::Unknown => None,
        };
        let is_all = !has_body || length == Some(0);
        let response = response::head_for_stream(response, length);
        let send = self.respond()?.send_response(response, is_all).map_err(io_error)?;
        self.respond = None;
        self.send = Sending { stream: Some(send), is_finished: is_all };
        Ok(())
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, piece: &mut Bytes) -> Poll<io::Result<()>> {
        let send = self.send.stream()?;
        while !piece.is_empty() {
            let room = ready!(poll_capacity(send, piece.len(), cx))?;
            send.send_data(piece.split_to(room).into(), false).map_err(io_error)?;
        }
        Poll::Ready(Ok(()))
    }

    /// The carrier's task sends it.
    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_finish(&mut self, _: &mut Context<'_>, trailers: &mut Option<HeaderMap>) -> Poll<io::Result<()>> {
        if std::mem::replace(&mut self.send.is_finished, true) {
            return Poll::Ready(Ok(()));
        }
        let send = self.send.stream()?;
        let sent = match trailers.take() {
            Some(mut trailers) => {
                response::remove_connection_headers(&mut trailers);
                send.send_trailers(trailers)
            }
            None => send.send_data(Payload::EMPTY, true),
        };
        Poll::Ready(sent.map_err(io_error))
    }

    fn upgrade(
        mut self: Box<Self>,
        upgrading: Upgrading,
    ) -> Pin<Box<dyn Future<Output = io::Result<Opened>>>> {
        let mut response = Response::new(());
        *response.headers_mut() = upgrading.headers;
        let response = response::head_for_stream(response, None);
        let opened =
            self.respond().and_then(|respond| respond.send_response(response, false).map_err(io_error));
        let opened = opened.map(|send| {
            let stream = Kind::Http2(Box::new(Http2Stream::new(send, self.receive)));
            let stream = ServerStream::new(stream, upgrading.seat, Rc::clone(&self.local), None);
            *self.visit.borrow_mut() = None;
            Opened { stream, ahead: Vec::new() }
        });
        Box::pin(ready(opened))
    }

    fn leave_unanswered(mut self: Box<Self>) {
        if let Some(respond) = self.respond.take() {
            let answer = refusal(StatusCode::INTERNAL_SERVER_ERROR, "There is no answer to this request.");
            answer::send(respond, answer, false, &self.local);
        }
    }
}
