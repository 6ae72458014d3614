//! Matches over HTTP: the list, new matches, quick play, recordings, and the WebSocket of a match. `docs/match-protocol.md`
//! has the page for clients.

use super::directory::{Denied, Entry, Plan};
use super::endpoint::{MatchEndpoint, Ticket};
use super::inbox::Order;
use super::recorder::NoReplay;
use crate::any::NodeEndpoint;
use crate::site::{SiteConfig, unavailable};
use crate::worker::Shared;
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use matches::game::Setup;
use matches::host::{CreateError, Spec};
use matches::ids::MatchId;
use matches::wire::SUBPROTOCOL;
use net::{Answer, Request, origin};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};
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
/// leaves, while one that is not written yet is made anew.
const UNSENT_BYTES_MAX: u32 = 16 * 1024;
/// Letters of an id. There are 32, so each is five bits.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// Length of an id: 100 bits, which nobody guesses.
const ID_LETTERS: usize = 20;

/// The part of the public site that is about matches.
pub(crate) struct PlaySite {
    pub(crate) shared: Arc<Shared>,
    pub(crate) config: Arc<SiteConfig>,
    pub(crate) downloads: Arc<Semaphore>,
}

/// What somebody wants to play.
struct Wish {
    game: Box<str>,
    places: u16,
    bots: u16,
    minutes: u16,
    teams: u8,
    is_private: bool,
}

/// Whether a POST to this place means something.
pub(crate) fn takes_post(head: &RequestHead) -> bool {
    matches!(head.path(), MATCHES | PLAY)
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
        if path == MATCHES || path == PLAY {
            return Some(match (path, request.head.method()) {
                (_, "POST") => self.begin(request, is_draining),
                (MATCHES, _) => self.list(),
                _ => method_not_allowed(),
            });
        }
        let rest = path.strip_prefix(MATCHES)?.strip_prefix('/')?;
        Some(match rest.strip_suffix("/replay") {
            Some(id) => self.replay(id),
            None => failed(StatusCode::NOT_FOUND, "unknown", "There is nothing here."),
        })
    }

    /// The WebSocket of a match.
    fn enter(&self, request: &Request<'_>, id: &str, is_draining: bool) -> Answer<NodeEndpoint> {
        if !handshake::is_websocket_request(request.head) {
            return upgrade_required();
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
        answer_json(StatusCode::OK, &json!({ "matches": matches, "games": games }))
    }

    /// A new match, or for quick play one that is there.
    fn begin(&self, request: &Request<'_>, is_draining: bool) -> Answer<NodeEndpoint> {
        if origin::check(request.head, request.secure, &self.config.allowed_origins).is_err() {
            return foreign_origin();
        }
        if is_draining {
            return unavailable("This node is restarting.\n");
        }
        let wish = match self.wish(request.head.query().unwrap_or_default()) {
            Ok(wish) => wish,
            Err(sentence) => return failed(StatusCode::BAD_REQUEST, "bad_request", &sentence),
        };
        let is_quick = request.head.path() == PLAY;
        if is_quick && let Some(id) = self.shared.play.directory.joinable(&wish.game) {
            return answer_json(StatusCode::OK, &place(&id));
        }
        match self.order(&wish) {
            Ok((id, created)) => Answer::Later(Box::pin(async move {
                match created.await {
                    Ok(Ok(())) => json_response(StatusCode::CREATED, &place(&id)),
                    Ok(Err(error)) => not_created(error),
                    Err(_) => busy("The worker that was to have this match has ended."),
                }
            })),
            Err(response) => Answer::Response(*response),
        }
    }

    /// Finds a worker for a new match and orders the match there.
    fn order(&self, wish: &Wish) -> Result<Ordered, Box<Response<Bytes>>> {
        let play = &self.shared.play;
        let Some(game) = play.config.games.game(&wish.game) else {
            return Err(Box::new(not_created(CreateError::UnknownGame)));
        };
        let (Some(seed), Some(id)) = (random().map(u64::from_le_bytes), new_id()) else {
            return Err(Box::new(busy("There is no randomness.")));
        };
        let places = wish.places.min(game.players_max);
        let (options, length) = options(wish, seed, places);
        let plan = Plan {
            game: game.name,
            rate: game.ticks_per_second,
            length,
            capacity: places,
            is_public: !wish.is_private,
        };
        let spec = Spec {
            game: wish.game.clone(),
            setup: Setup { seed, players_max: places, options },
            fill_to: wish.bots.min(places),
            invited: Vec::new(),
            sleeps: true,
            is_recorded: play.recorder.is_some(),
        };
        let Some(worker) = play.directory.place(net::now(), &id, plan) else {
            return Err(Box::new(busy(
                "This node has as many matches as it may, or no time for another one.",
            )));
        };
        let (answer, created) = oneshot::channel();
        let order = Order::Create { id: id.clone(), spec: Box::new(spec), answer };
        let ordered = play.inboxes.get(usize::from(worker)).map(|inbox| inbox.order(order));
        if !matches!(ordered, Some(Ok(()))) {
            play.directory.remove(&id);
            return Err(Box::new(busy("Too many matches are being made.")));
        }
        Ok((id, created))
    }

    /// Reads `game=wreckroom&places=32&bots=12&minutes=5&teams=0&private=1`, each of which may be left out.
    fn wish(&self, query: &str) -> Result<Wish, String> {
        let config = &self.shared.play.config;
        let mut wish = Wish {
            game: config.default_game.clone(),
            places: config.places,
            bots: config.bots,
            minutes: config.minutes,
            teams: 0,
            is_private: false,
        };
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            let number =
                || value.parse::<u16>().map_err(|_| format!("{name} is not a number from 0 to 65535"));
            match name {
                "game" => wish.game = value.into(),
                "places" => wish.places = number()?,
                "bots" => wish.bots = number()?,
                "minutes" => wish.minutes = number()?,
                "teams" => wish.teams = number()?.try_into().unwrap_or(u8::MAX),
                "private" => wish.is_private = value != "0",
                // What later versions know is ignored by earlier ones.
                _ => {}
            }
        }
        if wish.places == 0 {
            return Err("places must be at least 1".to_owned());
        }
        if !(1..=u16::from(arena::MINUTES_MAX)).contains(&wish.minutes) {
            return Err(format!("minutes must be 1 to {}", arena::MINUTES_MAX));
        }
        if wish.teams == 1 || wish.teams > arena::TEAMS_MAX {
            return Err(format!("teams must be 0, or 2 to {}", arena::TEAMS_MAX));
        }
        Ok(wish)
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
                Ok(bytes) => recording(&id, bytes),
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

/// A match that was ordered, and where to hear what came of it.
type Ordered = (MatchId, oneshot::Receiver<Result<(), CreateError>>);

/// What a game wants to know, in its own form, and how long its match takes.
fn options(wish: &Wish, seed: u64, places: u16) -> (Box<[u8]>, Option<Duration>) {
    if &*wish.game != "wreckroom" {
        return (Box::default(), None);
    }
    let minutes = wish.minutes as u8;
    let config = arena::Config { minutes, teams: wish.teams, ..arena::Config::new(seed, places) };
    (config.options().into(), Some(Duration::from_secs(u64::from(minutes) * 60)))
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
fn place(id: &MatchId) -> Value {
    json!({ "id": id.as_str(), "socket": format!("{MATCH}{id}"), "page": format!("/play?match={id}") })
}

fn recording(id: &MatchId, bytes: Vec<u8>) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(bytes));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // It never changes.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=86400, immutable"));
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{id}.replay\"")) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    response
}

fn not_created(error: CreateError) -> Response<Bytes> {
    let (status, word) = match error {
        CreateError::UnknownGame => (StatusCode::NOT_FOUND, "unknown_game"),
        CreateError::BadSetup => (StatusCode::BAD_REQUEST, "bad_request"),
        CreateError::Broken => (StatusCode::INTERNAL_SERVER_ERROR, "broken"),
        CreateError::Taken | CreateError::Full | CreateError::Overloaded => return busy(&error.to_string()),
    };
    failed_response(status, word, &error.to_string())
}

fn busy(sentence: &str) -> Response<Bytes> {
    let mut response = failed_response(StatusCode::SERVICE_UNAVAILABLE, "busy", sentence);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    response
}

fn foreign_origin<E>() -> Answer<E> {
    Answer::text(StatusCode::FORBIDDEN, "Pages of this origin may not connect. See --allow-origin.\n")
}

fn method_not_allowed<E>() -> Answer<E> {
    let sentence = "Ask for a match with POST.";
    let mut response = failed_response(StatusCode::METHOD_NOT_ALLOWED, "method", sentence);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
    Answer::Response(response)
}

fn upgrade_required<E>() -> Answer<E> {
    let what =
        "This is a WebSocket endpoint for the subprotocol stoa.match.v1. See docs/match-protocol.md.\n";
    let mut answer = Answer::text(StatusCode::UPGRADE_REQUIRED, what);
    if let Answer::Response(response) = &mut answer {
        response.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    }
    answer
}

fn failed<E>(status: StatusCode, word: &str, sentence: &str) -> Answer<E> {
    Answer::Response(failed_response(status, word, sentence))
}

fn failed_response(status: StatusCode, word: &str, sentence: &str) -> Response<Bytes> {
    json_response(status, &json!({ "error": word, "message": sentence }))
}

fn answer_json<E>(status: StatusCode, body: &Value) -> Answer<E> {
    Answer::Response(json_response(status, body))
}

fn json_response(status: StatusCode, body: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// An id that was never used.
fn new_id() -> Option<MatchId> {
    let bytes = random::<ID_LETTERS>()?;
    let name: String = bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect();
    MatchId::new(&name)
}

fn random<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).ok()?;
    Some(bytes)
}
