//! HTTP/1.1 on one socket: reads requests strictly, answers them, and hands the socket on when one becomes a WebSocket.
//!
//! This is small on purpose: requests without bodies, for pages, health checks and handshakes; a site that wants more takes
//! the request over, see `exchange`. Every request of a connection goes through the same strict reader ([`HeadReader`]), so
//! there is no second, laxer parser that a proxy in front could disagree with.

use crate::exchange::{Caller, Outcome};
use crate::guests::Visit;
use crate::http2;
use crate::limits::PIPELINED_BYTES_MAX;
use crate::local::Local;
use crate::pending;
use crate::portable::Portable;
use crate::response::{self, Fate};
use crate::site::Site;
use crate::taken;
use bytes::Bytes;
use http::{Response, StatusCode};
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, timeout, timeout_at};
use ws::handshake::is_websocket_request;
use ws::head::{Framing, HeadError, HeadLimits, RequestHead};
use ws::http1::HeadReader;

mod exchange;
mod upgrade;

/// How the connection preface of HTTP/2 begins (RFC 9113 section 3.4).
const PREFACE_WORD: &[u8] = b"PRI ";

/// Why no further request is read. In each case the socket is closed.
enum Ended {
    /// The peer is gone or took too long; nobody listens for an answer.
    Silent,
    /// There was something wrong with the request; the peer is told.
    Told(StatusCode, String),
    /// The peer speaks HTTP/2. What it sent is in [`Wire::ahead`].
    Preface,
}

/// One socket that speaks HTTP/1.1.
struct Wire<Io> {
    io: Io,
    /// Bytes that were read and belong to what comes after the current head.
    ahead: Vec<u8>,
    local: Rc<Local>,
}

/// Serves one socket until it is closed or becomes a WebSocket, which then lives in a task of its own.
pub(crate) async fn serve<S, Io>(io: Io, caller: Caller, site: Rc<S>, local: Rc<Local>, mut visit: Visit)
where
    S: Site,
    Io: Portable,
{
    let mut wire = Wire { io, ahead: Vec::new(), local: Rc::clone(&local) };
    for number in 1..=local.limits.requests_per_connection_max {
        let head = match wire.read_request(number == 1).await {
            Ok(head) => head,
            Err(Ended::Silent) => return,
            // Over TLS it is ALPN that chooses HTTP/2 (RFC 9113 section 3.2).
            Err(Ended::Preface) if number == 1 && caller.tls.is_none() => {
                let serving = http2::serve(wire.io, wire.ahead, caller, site, local, visit);
                drop(tokio::task::spawn_local(Box::pin(serving)));
                return;
            }
            Err(Ended::Preface) => return wire.refuse(told(HeadError::Http2Preface)).await,
            Err(Ended::Told(status, sentence)) => return wire.refuse((status, sentence)).await,
        };
        let last = local.is_draining() || number == local.limits.requests_per_connection_max;
        // After a handshake that was refused the client may send frames all the same, which must not be read as requests.
        let keep = !last && head.keeps_alive() && !is_websocket_request(&head);
        let has_body = !matches!(head.framing(), Framing::None | Framing::Length(0));
        // A body that nobody reads stands where the next request would.
        let fate = if keep && !has_body { Fate::KeepAlive } else { Fate::Close };
        let answer = match crate::exchange::answer(&head, has_body, &caller, &*site, &local) {
            Outcome::Refused(answer) => return wire.answer_and_close(&answer).await,
            Outcome::Response(answer) => answer,
            Outcome::Later(answer) => answer.await,
            Outcome::Exchange(taking) => {
                let may_upgrade = taken::may_upgrade(&head);
                let (way, back) = exchange::begin(wire, visit, &head, keep);
                let work = taking.begin(head, way, &local);
                // In a box, as below.
                let run = Box::pin(exchange::run(work, back));
                if may_upgrade {
                    // There is no next request, and this task is larger than what a WebSocket needs.
                    drop(tokio::task::spawn_local(run));
                    return;
                }
                match run.await {
                    Some(next) => (wire, visit) = next,
                    None => return,
                }
                continue;
            }
            Outcome::Upgrade(upgrade) => {
                // In a box, so that a socket that waits for its next request need not be as large.
                return Box::pin(upgrade::run(wire, upgrade, &caller, visit)).await;
            }
        };
        let head_only = head.method() == "HEAD";
        if wire.write(&response::encode(&answer, head_only, fate)).await.is_err() {
            return;
        }
        if fate == Fate::Close {
            return wire.close().await;
        }
    }
}

impl<Io: AsyncRead + AsyncWrite + Unpin> Wire<Io> {
    /// Reads the next head, within its deadlines.
    async fn read_request(&mut self, first: bool) -> Result<RequestHead, Ended> {
        let limits = &self.local.limits;
        let (idle, complete) = (limits.keep_alive_timeout, limits.request_head_timeout);
        let mut reader = HeadReader::for_requests(HeadLimits::default());
        if !first && self.ahead.is_empty() {
            self.await_next(idle).await?;
        }
        let deadline = Instant::now() + complete;
        let mut taken_before = 0;
        loop {
            if !self.ahead.is_empty() {
                match reader.push(&self.ahead) {
                    Ok(Some(size)) => {
                        self.ahead.drain(..size);
                        return Ok(reader.take_request()?);
                    }
                    Ok(None) => {}
                    Err(error) => {
                        // The preface is recognised by its first word, so what was taken before is the start of that.
                        if error == HeadError::Http2Preface {
                            self.ahead.splice(..0, PREFACE_WORD.iter().copied().take(taken_before));
                        }
                        return Err(error.into());
                    }
                }
                taken_before += self.ahead.len();
                self.ahead.clear();
            }
            match timeout_at(deadline, self.read()).await {
                Ok(Ok(0) | Err(_)) => return Err(Ended::Silent),
                Ok(Ok(_)) => {}
                Err(_) => {
                    self.local.counters.requests_late.add(1);
                    return Err(Ended::Told(
                        StatusCode::REQUEST_TIMEOUT,
                        "The request took too long to arrive.".to_owned(),
                    ));
                }
            }
        }
    }

    /// Waits for the first byte of a further request. A drain ends the wait: nothing was asked, so nothing is lost.
    async fn await_next(&mut self, idle: Duration) -> Result<(), Ended> {
        let local = Rc::clone(&self.local);
        tokio::select! {
            biased;
            read = timeout(idle, self.read()) => match read {
                Ok(Ok(size)) if size > 0 => Ok(()),
                _ => Err(Ended::Silent),
            },
            () = local.drain_begun() => Err(Ended::Silent),
        }
    }

    /// Reads once, through the worker's buffer, so that a silent socket owns none.
    async fn read(&mut self) -> io::Result<usize> {
        poll_fn(|cx| self.poll_read(cx)).await
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut buffers = self.local.take_buffers();
        let mut buffer = ReadBuf::new(&mut buffers.read[..PIPELINED_BYTES_MAX]);
        let result = Pin::new(&mut self.io).poll_read(cx, &mut buffer);
        let read = buffer.filled();
        let size = read.len();
        self.ahead.extend_from_slice(read);
        self.local.put_buffers(buffers);
        ready!(result)?;
        Poll::Ready(Ok(size))
    }

    /// Writes everything, or fails when the peer takes too long.
    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut written = 0;
        let all = poll_fn(|cx| match pending::write(&mut self.io, cx, bytes, &mut written) {
            Ok(pending::Flushed::All) => Poll::Ready(Ok(())),
            Ok(pending::Flushed::Blocked) => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        });
        within(self.local.limits.write_timeout, all).await
    }

    /// Answers a request that broke the rules of HTTP, and closes.
    async fn refuse(self, (status, sentence): (StatusCode, String)) {
        self.local.counters.requests_bad.add(1);
        self.answer_and_close(&crate::exchange::refusal(status, sentence)).await;
    }

    async fn answer_and_close(mut self, answer: &Response<Bytes>) {
        if self.write(&response::encode(answer, false, Fate::Close)).await.is_ok() {
            self.close().await;
        }
    }

    /// Ends our side, then reads and forgets for a moment: closing while the peer still sends would make the kernel send
    /// a reset, which can destroy the answer on its way.
    async fn close(mut self) {
        let limit = self.local.limits.linger_timeout;
        let drained = async {
            self.io.shutdown().await?;
            while self.read().await? > 0 {
                self.ahead.clear();
            }
            Ok(())
        };
        let _ = within(limit, drained).await;
    }
}

async fn within<T>(limit: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(limit, work).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

fn told(error: HeadError) -> (StatusCode, String) {
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
    (status, error.to_string())
}

impl From<HeadError> for Ended {
    fn from(error: HeadError) -> Self {
        match error {
            HeadError::Http2Preface => Self::Preface,
            error => {
                let (status, sentence) = told(error);
                Self::Told(status, sentence)
            }
        }
    }
}
