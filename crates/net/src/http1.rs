//! HTTP/1.1 on one socket: reads requests strictly, answers them, and hands the socket on when one becomes a WebSocket.
//!
//! This is small on purpose: GET and HEAD without bodies, for pages, health checks and handshakes. Every request of a
//! connection goes through the same strict reader ([`HeadReader`]), so there is no second, laxer parser that a proxy in
//! front could disagree with.

use crate::accept::Visit;
use crate::clock;
use crate::driver::Driver;
use crate::limits::PIPELINED_BYTES_MAX;
use crate::local::Local;
use crate::pending;
use crate::response::{self, Fate};
use crate::site::{Answer, Request, Site};
use crate::tls::TlsFacts;
use bytes::Bytes;
use http::{Response, StatusCode, header};
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, timeout, timeout_at};
use ws::handshake::is_websocket_request;
use ws::http1::{Framing, HeadError, HeadLimits, HeadReader, RequestHead};
use ws::{Connection, Role};

/// Two years, as Mozilla's guideline has it: a browser that was here over TLS comes back only over TLS.
const ONLY_TLS: http::HeaderValue = http::HeaderValue::from_static("max-age=63072000");

/// Why no further request is read. In each case the socket is closed.
enum Ended {
    /// The peer is gone or took too long; nobody listens for an answer.
    Silent,
    /// There was something wrong with the request; the peer is told.
    Told(StatusCode, String),
}

/// One socket that speaks HTTP/1.1.
struct Wire<Io> {
    io: Io,
    /// Bytes that were read and belong to what comes after the current head.
    ahead: Vec<u8>,
    local: Rc<Local>,
}

/// Serves one socket until it is closed or becomes a WebSocket, which then lives in a task of its own.
pub(crate) async fn serve<S, Io>(
    io: Io,
    peer: SocketAddr,
    tls: Option<TlsFacts>,
    site: Rc<S>,
    local: Rc<Local>,
    visit: Visit,
) where
    S: Site,
    Io: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let mut wire = Wire { io, ahead: Vec::new(), local: Rc::clone(&local) };
    for number in 1..=local.limits.requests_per_connection_max {
        let head = match wire.read_request(number == 1).await {
            Ok(head) => head,
            Err(Ended::Silent) => return,
            Err(Ended::Told(status, sentence)) => {
                local.counters.requests_bad.add(1);
                return wire.refuse(status, sentence).await;
            }
        };
        let last = local.is_draining() || number == local.limits.requests_per_connection_max;
        // After a handshake that was refused the client may send frames all the same, which must not be read as requests.
        let keep = !last && head.keeps_alive() && !is_websocket_request(&head);
        let fate = if keep { Fate::KeepAlive } else { Fate::Close };
        if let Err((status, sentence)) = screen(&head, tls.as_ref()) {
            local.counters.requests_bad.add(1);
            return wire.refuse(status, sentence).await;
        }
        local.counters.requests.add(1);
        let client_certificate = tls.as_ref().and_then(|facts| facts.client.as_deref());
        let request = Request { head: &head, peer, secure: tls.is_some(), client_certificate };
        match site.respond(&request) {
            Answer::Response(mut answer) => {
                if tls.as_ref().is_some_and(|facts| facts.is_lasting) {
                    answer.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, ONLY_TLS);
                }
                let head_only = head.method() == "HEAD";
                if wire.write(&response::encode(&answer, head_only, fate)).await.is_err() {
                    return;
                }
            }
            Answer::Upgrade { accepted, endpoint, config } => {
                drop(visit);
                let mut answer = Vec::new();
                if accepted.write_response(&[], &mut answer).is_err() || wire.write(&answer).await.is_err() {
                    return;
                }
                let connection = Connection::new(Role::Server, config, clock::now(), [0; 2]);
                let driver = Driver::new(local, wire.io, connection, wire.ahead, endpoint);
                drop(tokio::task::spawn_local(driver));
                return;
            }
        }
        if fate == Fate::Close {
            return wire.close().await;
        }
    }
}

/// What is refused whatever the site: bodies, other methods, a name that is not the one the handshake asked for.
fn screen(head: &RequestHead, tls: Option<&TlsFacts>) -> Result<(), (StatusCode, &'static str)> {
    if !matches!(head.framing(), Framing::None | Framing::Length(0)) {
        return Err((StatusCode::PAYLOAD_TOO_LARGE, "Requests with a body are not served here."));
    }
    if !matches!(head.method(), "GET" | "HEAD") {
        return Err((StatusCode::METHOD_NOT_ALLOWED, "Only GET and HEAD are served here."));
    }
    // RFC 9110 section 7.4: a connection that was made for another name must not be used for this one.
    if let Some(facts) = tls
        && !head.header("host").map_or(facts.server_name.is_none(), |host| facts.covers(host_name(host)))
    {
        return Err((StatusCode::MISDIRECTED_REQUEST, "This connection was made for another host name."));
    }
    Ok(())
}

/// A `Host` without its port.
fn host_name(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
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
        loop {
            if !self.ahead.is_empty() {
                let taken = reader.push(&self.ahead).map_err(told)?;
                if let Some(size) = taken {
                    self.ahead.drain(..size);
                    return reader.take_request().map_err(told);
                }
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
        poll_fn(|cx| {
            let mut buffers = self.local.take_buffers();
            let mut buffer = ReadBuf::new(&mut buffers.read[..PIPELINED_BYTES_MAX]);
            let result = Pin::new(&mut self.io).poll_read(cx, &mut buffer);
            let read = buffer.filled();
            let size = read.len();
            self.ahead.extend_from_slice(read);
            self.local.put_buffers(buffers);
            ready!(result)?;
            Poll::Ready(Ok(size))
        })
        .await
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

    /// Answers with an error and closes.
    async fn refuse(mut self, status: StatusCode, sentence: impl Into<Bytes>) {
        let mut answer = Response::new(sentence.into());
        *answer.status_mut() = status;
        let text = http::HeaderValue::from_static("text/plain; charset=utf-8");
        answer.headers_mut().insert(header::CONTENT_TYPE, text);
        if status == StatusCode::METHOD_NOT_ALLOWED {
            answer.headers_mut().insert(header::ALLOW, http::HeaderValue::from_static("GET, HEAD"));
        }
        if self.write(&response::encode(&answer, false, Fate::Close)).await.is_ok() {
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

fn told(error: HeadError) -> Ended {
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
    Ended::Told(status, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_name_is_the_host_without_its_port() {
        for (host, name) in
            [("a.b", "a.b"), ("a.b:80", "a.b"), ("[::1]:80", "[::1]"), ("[::1]", "[::1]"), ("a:", "a")]
        {
            assert_eq!(host_name(host), name, "{host}");
        }
    }
}
