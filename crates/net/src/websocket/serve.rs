//! A server in one call: an `async` function for each WebSocket.

use super::WebSocket;
use super::half::About;
use super::mailbox::Mailbox;
use crate::site::{Answer, Request, Site};
use crate::worker::{Options, Workers};
use http::StatusCode;
use std::future::Future;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use ws::handshake::{Accepted, ServerOffer, accept, is_websocket_request};

/// Starts workers that run `run` for each WebSocket, on the thread of its worker. Other requests get 426.
///
/// The WebSocket is closed when `run` drops it. To route, to check origins or to choose subprotocols, write a [`Site`] and
/// answer with [`Answer::websocket`].
///
/// # Errors
///
/// As [`Workers::start`].
pub fn serve<F, R>(options: Options, run: F) -> io::Result<Workers>
where
    F: Fn(WebSocket) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = ()> + 'static,
{
    Workers::start(options, move |_| Serve { run: Rc::new(run.clone()), config: Arc::default() })
}

/// The site behind [`serve`].
pub struct Serve<F> {
    run: Rc<F>,
    config: Arc<ws::Config>,
}

impl<F, R> Site for Serve<F>
where
    F: Fn(WebSocket) -> R + 'static,
    R: Future<Output = ()> + 'static,
{
    type Endpoint = Mailbox;

    fn respond(&self, request: &Request<'_>) -> Answer<Mailbox> {
        if !is_websocket_request(request.head) {
            return Answer::text(StatusCode::UPGRADE_REQUIRED, "This is a WebSocket endpoint.\n");
        }
        let offer = ServerOffer { compression: self.config.compression, ..ServerOffer::default() };
        match accept(request.head, &offer) {
            Ok(accepted) => {
                let run = Rc::clone(&self.run);
                Answer::websocket(accepted, Arc::clone(&self.config), move |socket| run(socket))
            }
            Err(refusal) => Answer::refused(&refusal),
        }
    }
}

impl Answer<Mailbox> {
    /// The connection becomes a WebSocket, and `run` has it, in a task of its own on the worker's thread.
    pub fn websocket<R>(
        accepted: Accepted,
        config: Arc<ws::Config>,
        run: impl FnOnce(WebSocket) -> R + 'static,
    ) -> Self
    where
        R: Future<Output = ()> + 'static,
    {
        let subprotocol = accepted.subprotocol.clone();
        let about = About { subprotocol, message_bytes_max: config.limits.message_bytes_max };
        let endpoint = Box::new(move |wake| {
            let mailbox = Mailbox::default();
            let post = Rc::clone(mailbox.post());
            let socket = WebSocket::driven_elsewhere(post, wake, about);
            drop(tokio::task::spawn_local(run(socket)));
            mailbox
        });
        Self::Upgrade { accepted, endpoint, config }
    }
}

impl<F> std::fmt::Debug for Serve<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Serve").finish_non_exhaustive()
    }
}
