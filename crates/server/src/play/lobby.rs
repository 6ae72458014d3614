//! Matches over HTTP: the list, new matches, quick play, recordings, and the WebSocket of a match. `docs/match-protocol.md`
//! has the page for clients.

use super::answers::{self, busy, failed, failed_response, foreign_origin, json_response, not_created};
use super::directory::{Denied, Entry};
use super::endpoint::{MatchEndpoint, Ticket};
use super::finding;
use super::recorder::NoReplay;
use super::wish::{Ordered, Wish, new_id, order, random};
use crate::any::NodeEndpoint;
use crate::site::{SiteConfig, unavailable};
use crate::worker::Shared;
use http::StatusCode;
use matches::ids::MatchId;
use matches::wire::SUBPROTOCOL;
use net::{Answer, Request, origin};
use serde_json::{Value, json};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use ws::handshake::{self, ServerOffer};
use ws::head::RequestHead;

/// What a match's WebSocket is at, before its id.
const MATCH: &str = "/v1/match/";
/// The list, and new matches.
const MATCHES: &str = "/v1/matches";
/// A match to play now.
const PLAY: &str = "/v1/play";
/// Recordings that are read from disk and sent at a time. Past it: 503.
const DOWNLOADS_MAX: usize = 4;
/// What the kernel may hold of a match's messages that is not sent yet, in bytes. A snapshot that waits there is old when it
/// leaves, while one that is not written yet is made anew. To a peer that reads nothing, 41 KB were written with
/// this over loopback, and 3.6 MB without.
const UNSENT_BYTES_MAX: u32 = 16 * 1024;
/// How long whoever orders a match waits for its worker. Past it: 503.
const ORDER_MAX: Duration = Duration::from_secs(5);
/// Matchmaking: a ticket, and behind a slash how it is.
const FIND: &str = "/v1/matches/find";
/// Who plays best.
const RATINGS: &str = "/v1/ratings";

/// The part of the public site that is about matches.
pub(crate) struct PlaySite {
    pub(crate) shared: Arc<Shared>,
    pub(crate) config: Arc<SiteConfig>,
    pub(crate) downloads: Arc<Semaphore>,
}

/// The ticket that a path is about.
fn ticket_of(path: &str) -> Option<&str> {
    path.strip_prefix(FIND)?.strip_prefix('/')
}

/// Whether a POST to this place means something.
pub(crate) fn takes_post(head: &RequestHead) -> bool {
    matches!(head.path(), MATCHES | PLAY | FIND) || ticket_of(head.path()).is_some()
}

impl PlaySite {
    pub(crate) fn new(shared: &Arc<Shared>, config: &Arc<SiteConfig>) -> Self {
        let downloads = Arc::new(Semaphore::new(DOWNLOADS_MAX));
        Self { shared: Arc::clone(shared), config: Arc::clone(config), downloads }
    }

    /// Answers what is about matches. `None`: it is about something else.
    pub(crate) fn respond(&self, request: &Request<'_>, is_draining: bool) -> Option<Answer<NodeEndpoint>> {
        let path = request.head.path();
        if let Some(id) = path.strip_prefix(MATCH) {
            return Some(self.enter(request, id, is_draining));
        }
        let is_post = request.head.method() == "POST";
        if is_post && let Err(answer) = self.may_post(request, is_draining) {
            return Some(*answer);
        }
        if let Some(ticket) = ticket_of(path) {
            return Some(finding::answer(&self.shared, ticket, is_post));
        }
        let query = request.head.query().unwrap_or_default();
        match (path, is_post) {
            (MATCHES, false) => return Some(self.list()),
            (MATCHES | PLAY, true) => return Some(self.begin(path, request.head, request.peer.ip())),
            (FIND, true) => return Some(finding::find(&self.shared, request.head)),
            (PLAY | FIND, false) => return Some(answers::method_not_allowed()),
            (RATINGS, _) => return Some(finding::ratings(&self.shared, query)),
            _ => {}
        }
        let rest = path.strip_prefix(MATCHES)?.strip_prefix('/')?;
        Some(match rest.strip_suffix("/replay") {
            Some(id) => self.replay(id),
            None => failed(StatusCode::NOT_FOUND, "unknown", "There is nothing here."),
        })
    }

    /// Who may change something: nobody's page but ours, and nobody while the node drains.
    fn may_post(&self, request: &Request<'_>, is_draining: bool) -> Result<(), Box<Answer<NodeEndpoint>>> {
        if origin::check(request.head, request.secure, &self.config.allowed_origins).is_err() {
            return Err(Box::new(foreign_origin()));
        }
        if is_draining {
            return Err(Box::new(unavailable("This node is restarting.\n")));
        }
        Ok(())
    }

    /// The WebSocket of a match.
    fn enter(&self, request: &Request<'_>, id: &str, is_draining: bool) -> Answer<NodeEndpoint> {
        if !handshake::is_websocket_request(request.head) {
            return answers::upgrade_required();
        }
        if origin::check(request.head, request.secure, &self.config.allowed_origins).is_err() {
            return foreign_origin();
        }
        if is_draining {
            return unavailable("This node is restarting.\n");
        }
        let offer = ServerOffer {
            subprotocols: &[SUBPROTOCOL],
            subprotocol_required: true,
            ..ServerOffer::default()
        };
        let accepted = match handshake::accept(request.head, &offer) {
            Ok(accepted) => accepted,
            Err(refusal) => return Answer::refused(&refusal),
        };
        let play = &self.shared.play;
        let connections_max = play.config.limits.connections_per_match_max;
        let found = MatchId::new(id).ok_or(Denied::Unknown);
        let found = found.and_then(|id| play.directory.enter(&id, connections_max).map(|found| (id, found)));
        let (id, (owner, guest)) = match found {
            Ok(found) => found,
            Err(Denied::Unknown) => {
                return Answer::text(StatusCode::NOT_FOUND, "No match of this name runs here.\n");
            }
            Err(Denied::Full) => return unavailable("The match has as many connections as it may.\n"),
        };
        let Some(entropy) = random::<16>() else { return unavailable("There is no randomness.\n") };
        let ticket = Ticket { id, owner, entropy, guest };
        Answer::UpgradeOn {
            worker: owner,
            accepted,
            endpoint: Box::new(|_, wake| NodeEndpoint::Match(Box::new(MatchEndpoint::open(ticket, wake)))),
            config: Arc::clone(&self.config.match_websocket),
            unsent_bytes_max: Some(UNSENT_BYTES_MAX),
        }
    }

    fn list(&self) -> Answer<NodeEndpoint> {
        let play = &self.shared.play;
        let matches: Vec<Value> =
            play.directory.list().iter().map(|(id, entry)| described(id, entry)).collect();
        let games: Vec<Value> = play
            .config
            .games
            .games()
            .map(|game| json!({ "game": game.name, "seats_max": game.players_max, "rate": game.ticks_per_second }))
            .collect();
        answers::json(StatusCode::OK, &json!({ "matches": matches, "games": games }))
    }

    /// A new match, or for quick play one that is there.
    fn begin(&self, path: &str, head: &RequestHead, made_by: IpAddr) -> Answer<NodeEndpoint> {
        let wish = match Wish::read(head.query().unwrap_or_default(), &self.shared.play.config) {
            Ok(wish) => wish,
            Err(sentence) => return failed(StatusCode::BAD_REQUEST, "bad_request", &sentence),
        };
        let host = if wish.is_private { finding::host_of(&self.shared, head) } else { Ok(None) };
        let host = match host {
            Ok(host) => host,
            Err(response) => return Answer::Response(*response),
        };
        if path == PLAY
            && let Some(id) = self.shared.play.directory.joinable(&wish.game)
        {
            return answers::json(StatusCode::OK, &place(&id));
        }
        let (Some(id), Some(seed)) = (new_id(), random().map(u64::from_le_bytes)) else {
            return Answer::Response(busy("There is no randomness."));
        };
        let Ordered { worker, created } = match order(&self.shared, &id, &wish, seed, Some(made_by)) {
            Ok(ordered) => ordered,
            Err(why) => return Answer::Response(answers::not_ordered(why)),
        };
        let shared = Arc::clone(&self.shared);
        Answer::Later(Box::pin(async move {
            match tokio::time::timeout(ORDER_MAX, created).await {
                Ok(Ok(Ok(()))) => match finding::adopt(&shared, &id, &wish, worker, host) {
                    Ok(()) => json_response(StatusCode::CREATED, &place(&id)),
                    Err(refusal) => answers::refused(&refusal),
                },
                Ok(Ok(Err(error))) => not_created(error),
                Ok(Err(_)) | Err(_) => {
                    shared.play.directory.remove(&id);
                    busy("The worker that was to have this match does not answer.")
                }
            }
        }))
    }

    /// The recording of a match that is over.
    fn replay(&self, id: &str) -> Answer<NodeEndpoint> {
        let unknown =
            || failed(StatusCode::NOT_FOUND, "unknown_match", "There is no recording of that match.");
        let Some(id) = MatchId::new(id) else { return unknown() };
        let shared = Arc::clone(&self.shared);
        if shared.play.directory.has(&id) {
            // It would show what its players must not see.
            return failed(StatusCode::CONFLICT, "running", "The match is not over yet.");
        }
        if shared.play.recorder.is_none() {
            return unknown();
        }
        let Ok(permit) = Arc::clone(&self.downloads).try_acquire_owned() else {
            return Answer::Response(busy("Too many recordings are being read."));
        };
        Answer::Later(Box::pin(async move {
            let _permit = permit;
            let read = match &shared.play.recorder {
                Some(recorder) => recorder.read(id.clone()).await,
                None => Err(NoReplay::Unknown),
            };
            match read {
                Ok(bytes) => answers::recording(&id, bytes),
                Err(NoReplay::Unknown) => failed_response(
                    StatusCode::NOT_FOUND,
                    "unknown_match",
                    "There is no recording of that match.",
                ),
                Err(NoReplay::Unavailable) => busy("The disk does not give the recording."),
            }
        }))
    }
}

/// One match in the list.
fn described(id: &MatchId, entry: &Entry) -> Value {
    let (people, bots, spectators, is_open) = entry
        .info
        .as_ref()
        .map_or((0, 0, 0, true), |info| (info.players, info.bots, info.spectators, info.is_open));
    let phase = match (&entry.info, entry.connections()) {
        (None, _) => "starting",
        (Some(_), 0) => "waiting",
        (Some(_), _) => "running",
    };
    json!({
        "id": id.as_str(),
        "game": entry.game,
        "people": people,
        "bots": bots,
        "seats": entry.capacity,
        "spectators": spectators,
        "phase": phase,
        "age_seconds": entry.age_seconds(),
        "seconds_left": entry.seconds_left(),
        "open": is_open,
    })
}

/// Where a match is to be played.
pub(super) fn place(id: &MatchId) -> Value {
    json!({ "id": id.as_str(), "socket": format!("{MATCH}{id}"), "page": format!("/play?match={id}") })
}
