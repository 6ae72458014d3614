//! What the public listeners answer: the page, the chat, and whether this node is well.

use crate::any::NodeEndpoint;
use crate::assets;
use crate::classic::{ClassicRoot, ClassicSite};
use crate::endpoint::ChatEndpoint;
use crate::play::lobby::{self, PlaySite};
use crate::worker::{ChatWorker, Shared};
use http::StatusCode;
use net::origin::{self, Allowed};
use net::{Answer, Request, Site};
use state::Health;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use ws::handshake::{self, ServerOffer};
use ws::head::RequestHead;

/// The query parameter that may carry a token, where that is allowed.
const TOKEN_PARAMETER: &str = "access_token=";

/// How the public site answers.
#[derive(Clone, Debug)]
pub(crate) struct SiteConfig {
    pub(crate) allowed_origins: Allowed,
    pub(crate) query_token_allowed: bool,
    pub(crate) websocket: Arc<ws::Config>,
    /// Limits and deadlines of the WebSockets of matches.
    pub(crate) match_websocket: Arc<ws::Config>,
    /// Limits and deadlines of the classic room's WebSockets, whose messages are short.
    pub(crate) classic_websocket: Arc<ws::Config>,
    /// What the classic room shows at `/`, if it is to be there.
    pub(crate) classic_root: Option<ClassicRoot>,
}

/// The public site on one worker.
pub(crate) struct ChatSite {
    pub(crate) worker: Rc<ChatWorker>,
    pub(crate) classic: ClassicSite,
    pub(crate) play: PlaySite,
    pub(crate) shared: Arc<Shared>,
    pub(crate) config: Arc<SiteConfig>,
    pub(crate) draining: Arc<AtomicBool>,
}

impl Site for ChatSite {
    type Endpoint = NodeEndpoint;

    fn respond(&self, request: &Request<'_>) -> Answer<NodeEndpoint> {
        let is_draining = self.draining.load(Ordering::Relaxed);
        let answer =
            self.classic.respond(request, is_draining).or_else(|| self.play.respond(request, is_draining));
        if let Some(answer) = answer {
            return answer;
        }
        match request.head.path() {
            chat::protocol::PATH => self.chat(request),
            "/healthz" => Answer::text(StatusCode::OK, "ok\n"),
            "/readyz" => readiness(&self.shared, &self.draining),
            path => assets::answer(path, request.head.header("if-none-match"))
                .unwrap_or_else(|| Answer::text(StatusCode::NOT_FOUND, "There is nothing here.\n")),
        }
    }

    fn takes_post(&self, head: &RequestHead) -> bool {
        lobby::takes_post(head)
    }
}

impl ChatSite {
    fn chat(&self, request: &Request<'_>) -> Answer<NodeEndpoint> {
        if !handshake::is_websocket_request(request.head) {
            let what =
                "This is a WebSocket endpoint for the subprotocol stoa.chat.v1. See docs/protocol.md.\n";
            let mut answer = Answer::text(StatusCode::UPGRADE_REQUIRED, what);
            if let Answer::Response(response) = &mut answer {
                let websocket = http::HeaderValue::from_static("websocket");
                response.headers_mut().insert(http::header::UPGRADE, websocket);
            }
            return answer;
        }
        if origin::check(request.head, request.secure, &self.config.allowed_origins).is_err() {
            return Answer::text(
                StatusCode::FORBIDDEN,
                "Pages of this origin may not connect. See --allow-origin.\n",
            );
        }
        if self.draining.load(Ordering::Relaxed) {
            return unavailable("This node is restarting.\n");
        }
        let offer = ServerOffer {
            subprotocols: &[chat::protocol::SUBPROTOCOL],
            subprotocol_required: true,
            compression: self.config.websocket.compression,
        };
        let accepted = match handshake::accept(request.head, &offer) {
            Ok(accepted) => accepted,
            Err(refusal) => return refused(&refusal),
        };
        let token = self.token(request);
        let worker = Rc::clone(&self.worker);
        Answer::Upgrade {
            accepted,
            endpoint: Box::new(move |wake| NodeEndpoint::Chat(ChatEndpoint::open(worker, wake, token))),
            config: Arc::clone(&self.config.websocket),
        }
    }

    /// A token in the handshake: a header, or the query where that is allowed. Never logged.
    fn token(&self, request: &Request<'_>) -> Option<Box<str>> {
        let header = request.head.header("authorization").and_then(|value| value.split_once(' '));
        let bearer = header.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        if let Some((_, token)) = bearer {
            return Some(token.trim().into());
        }
        let query = request.head.query().filter(|_| self.config.query_token_allowed)?;
        query.split('&').find_map(|pair| pair.strip_prefix(TOKEN_PARAMETER)).map(Into::into)
    }
}

/// 200 if this node can take new work, else 503 and why.
pub(crate) fn readiness<E>(shared: &Shared, draining: &AtomicBool) -> Answer<E> {
    if draining.load(Ordering::Relaxed) {
        return unavailable("draining\n");
    }
    match shared.store.health() {
        Health::Ready if shared.tls.as_ref().is_some_and(|tls| tls.options().key_log.is_some()) => {
            Answer::text(
                StatusCode::OK,
                "ready\nINSECURE: the keys of all TLS connections are written to a file\n",
            )
        }
        Health::Ready => Answer::text(StatusCode::OK, "ready\n"),
        Health::WritesFailing(why) => unavailable(&format!("the store cannot write: {why}\n")),
        Health::Damaged(why) => unavailable(&format!("the store is damaged: {why}\n")),
        Health::Closed => unavailable("the store is closed\n"),
    }
}

pub(crate) fn unavailable<E>(what: &str) -> Answer<E> {
    let mut answer = Answer::text(StatusCode::SERVICE_UNAVAILABLE, what.to_owned());
    if let Answer::Response(response) = &mut answer {
        response.headers_mut().insert(http::header::RETRY_AFTER, http::HeaderValue::from_static("5"));
    }
    answer
}

fn refused<E>(refusal: &handshake::Refusal) -> Answer<E> {
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST);
    let mut answer = Answer::text(status, format!("{}\n", refusal.sentence));
    if let Answer::Response(response) = &mut answer {
        for (name, value) in refusal.headers {
            response.headers_mut().insert(*name, http::HeaderValue::from_static(value));
        }
    }
    answer
}

impl std::fmt::Debug for ChatSite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChatSite").finish_non_exhaustive()
    }
}
