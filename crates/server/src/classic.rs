//! The classic room over HTTP and WebSockets: `/classic`, `/items`, `/reset`, and `/` if that is wished for.
//!
//! The rules are in `matches::classic`. Its hall, with the four games and everybody who is connected, is the one thing here
//! that all workers share behind a lock: players of a game may be on any worker, there are twenty of them at most, and
//! what is done under the lock takes one or two microseconds. What costs more, such as reading a message, is done outside.

mod endpoint;
mod pages;
mod root;
mod worker;

pub use endpoint::ClassicEndpoint;
pub use root::{ClassicRoot, RootError};

pub(crate) use worker::{ClassicShared, ClassicWorker};

use crate::any::NodeEndpoint;
use crate::assets;
use crate::site::{self, SiteConfig};
use http::StatusCode;
use matches::classic::GameId;
use net::{Answer, Request, origin};
use std::rc::Rc;
use std::sync::Arc;
use ws::handshake::{self, ServerOffer};

/// Where the page and the WebSocket are.
pub(crate) const PATH: &str = "/classic";

/// The classic part of the public site, on one worker.
pub(crate) struct ClassicSite {
    pub(crate) worker: Rc<ClassicWorker>,
    pub(crate) config: Arc<SiteConfig>,
}

impl ClassicSite {
    /// Answers what belongs to the classic room. `None`: it is somebody else's.
    pub(crate) fn respond(&self, request: &Request<'_>, is_draining: bool) -> Option<Answer<NodeEndpoint>> {
        let root = self.config.classic_root.as_ref();
        let is_root = match (request.head.path(), root) {
            ("/classic" | "/classic/", _) => false,
            ("/", Some(_)) => true,
            ("/items", _) => return Some(self.items(request)),
            ("/reset", _) => return Some(self.reset(request)),
            _ => return None,
        };
        Some(if handshake::is_websocket_request(request.head) {
            self.socket(request, is_draining)
        } else {
            self.page(request, root.filter(|_| is_root))
        })
    }

    fn socket(&self, request: &Request<'_>, is_draining: bool) -> Answer<NodeEndpoint> {
        if origin::check(request.head, request.secure, &self.config.allowed_origins).is_err() {
            return Answer::text(
                StatusCode::FORBIDDEN,
                "Pages of this origin may not connect. See --allow-origin.\n",
            );
        }
        if is_draining {
            return site::unavailable("This node is restarting.\n");
        }
        let address = request.peer.ip();
        if self.worker.shared().hall().admit(address).is_err() {
            return site::unavailable("Too many are connected to the classic room.\n");
        }
        // The course's server agrees to no subprotocol, and its page asks for none.
        let accepted = match handshake::accept(request.head, &ServerOffer::default()) {
            Ok(accepted) => accepted,
            Err(refusal) => return Answer::refused(&refusal),
        };
        let worker = Rc::clone(&self.worker);
        Answer::Upgrade {
            accepted,
            endpoint: Box::new(move |wake| {
                NodeEndpoint::Classic(Box::new(ClassicEndpoint::open(worker, wake, address)))
            }),
            config: Arc::clone(&self.config.classic_websocket),
        }
    }

    /// The page of a game. Who names none is sent to one.
    fn page(&self, request: &Request<'_>, root: Option<&ClassicRoot>) -> Answer<NodeEndpoint> {
        let place = if root.is_some() { "/" } else { PATH };
        let Some(name) = pages::game_in_query(request.head.query()) else {
            let game = self.worker.shared().hall().suggest();
            return pages::redirect(&format!("{place}?gameId={}", game.name()));
        };
        let Some(game) = GameId::named(name) else { return pages::unknown_game() };
        match root.and_then(ClassicRoot::page) {
            Some(page) => pages::foreign(page, game),
            None => assets::answer("/classic/index.html", request.head.header("if-none-match"))
                .unwrap_or_else(pages::unknown_game),
        }
    }

    fn items(&self, request: &Request<'_>) -> Answer<NodeEndpoint> {
        match pages::named_game(request.head) {
            Ok(game) => pages::json(StatusCode::OK, self.worker.shared().hall().items(game)),
            Err(answer) => *answer,
        }
    }

    /// New furniture. A GET that changes something is the course's design; what other sites and prefetching browsers must
    /// not cause by it is refused.
    fn reset(&self, request: &Request<'_>) -> Answer<NodeEndpoint> {
        if !pages::is_meant(request.head) {
            return Answer::text(
                StatusCode::FORBIDDEN,
                "A game is reset from its own page, or by opening the address.\n",
            );
        }
        let game = match pages::named_game(request.head) {
            Ok(game) => game,
            Err(answer) => return *answer,
        };
        // HEAD asks what GET would answer, and changes nothing.
        if request.head.method() == "GET"
            && let Err(too_soon) = self.worker.with(|hall| hall.reset(net::now(), game))
        {
            return pages::too_soon(too_soon.wait);
        }
        let place = if self.config.classic_root.is_some() { "/" } else { PATH };
        pages::redirect(&format!("{place}?gameId={}", game.name()))
    }
}
