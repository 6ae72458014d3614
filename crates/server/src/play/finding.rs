//! Matchmaking: the lobby of the `matches` crate with time, chance, workers and the store.
//!
//! One lobby for a node, behind a lock, because whoever looks for a match may be on any worker. It is asked some times in
//! a match and never in a tick. Effects are carried out by the worker that caused them; time is kept by the first.

use super::answers::{failed_response, json, json_response, refused};
use super::inbox::Order;
use super::wish::{Ordered, Wish, decoded, order, pairs, random, secret};
use super::{EMPTY_MATCH_SECONDS, PlayConfig};
use crate::any::NodeEndpoint;
use crate::auth::Occasion;
use crate::worker::Shared;
use bytes::Bytes;
use chat::hub::Identity;
use chat::ids::UserId;
use http::{Response, StatusCode};
use matches::host::Ended;
use matches::ids::MatchId;
use matches::lobby::{
    Admission, Comer, Effect, Finish, Foreign, Lobby, LobbyLimits, NewMatch, Placement, QueueName, Rating,
    Refusal, Report, Terms, TicketId, TicketStatus, after_match,
};
use matches::overload::Rung;
use net::Answer;
use serde_json::{Map, Value};
use state::results::{self, RecordError, Standings, StandingsQuery};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, oneshot};
use ws::head::RequestHead;

/// The way of playing that everything has.
const MODE: &str = "free";
/// Wreckroom has another one: two teams.
const TEAMS: (&str, u8) = ("teams", 2);
/// A ticket is known under its secret for so long. Longer than the lobby knows it.
const TICKET_KNOWN: Duration = Duration::from_secs(120);
/// Lines of a leaderboard.
const LEADERS: usize = 100;

/// Matchmaking of a node.
pub(crate) struct Finding {
    lobby: Mutex<Lobby>,
    /// The lobby may want to be called earlier than it did.
    changed: Notify,
    tickets: Mutex<Tickets>,
}

/// Tickets by the secret that their owner has. Bounded as the lobby's own tickets are, and by their age.
#[derive(Default)]
struct Tickets(BTreeMap<String, Issued>);

#[derive(Clone)]
struct Issued {
    ticket: TicketId,
    user: UserId,
    until: Duration,
}

impl Finding {
    pub(super) fn new(config: &PlayConfig, workers: usize) -> Self {
        let mut queues = Vec::new();
        for game in config.games.games() {
            let terms = Terms {
                seats: config.places.min(game.players_max),
                fill: config.bots,
                people_min: config.bots.max(2),
                length: Duration::from_secs(u64::from(config.minutes) * 60),
                backfill_age_max: Duration::from_secs(u64::from(config.minutes) * 30),
                ..Terms::default()
            };
            queues.push((QueueName::new(game.name, MODE), terms.clone()));
            if game.name == "wreckroom" {
                queues.push((QueueName::new(game.name, TEAMS.0), terms));
            }
        }
        let limits = LobbyLimits {
            matches_max: config.matches_max,
            empty_max: Duration::from_secs(EMPTY_MATCH_SECONDS),
            ..LobbyLimits::default()
        };
        let mut lobby = Lobby::new(limits, queues);
        (0..workers).for_each(|worker| lobby.admit(worker as u16, Admission::All));
        Self { lobby: Mutex::new(lobby), changed: Notify::new(), tickets: Mutex::default() }
    }
}

// === what the node tells ===

/// A match was made without the lobby. If it is as usual, the lobby sends people there, too; else it keeps its seats and its
/// result, which changes no rating. `host` is who made a private one, if that is known.
///
/// # Errors
///
/// The host has as many private matches as may be. If the lobby has no room for it, the match is played without.
pub(super) fn adopt(
    shared: &Arc<Shared>,
    id: &MatchId,
    wish: &Wish,
    worker: u16,
    host: Option<UserId>,
) -> Result<(), Refusal> {
    let usual = Wish { game: wish.game.clone(), ..Wish::usual(&shared.play.config) };
    let players_max = shared.play.config.games.game(&wish.game).map_or(0, |game| game.players_max);
    let seats = wish.places.min(players_max);
    let foreign = Foreign {
        id: id.clone(),
        queue: QueueName::new(&wish.game, MODE),
        worker,
        seats,
        fill: wish.bots.min(seats),
        is_apart: *wish != usual,
        host,
    };
    match with(shared, |lobby| lobby.adopt(net::now(), foreign)) {
        Err(refusal @ (Refusal::TooManyMatches | Refusal::TooManySeats)) => {
            close(shared, id);
            Err(refusal)
        }
        _ => Ok(()),
    }
}

/// Whose a private match will be: nobody's, if whoever asks has no token.
///
/// # Errors
///
/// An answer: the token is not valid, or its user has as many private matches as may be.
pub(super) fn host_of(
    shared: &Arc<Shared>,
    head: &RequestHead,
) -> Result<Option<UserId>, Box<Response<Bytes>>> {
    if head.header("authorization").is_none() {
        return Ok(None);
    }
    let user = identify(shared, head)?.user;
    match with(shared, |lobby| lobby.may_host(&user)) {
        Ok(()) => Ok(Some(user)),
        Err(refusal) => Err(Box::new(refused(&refusal))),
    }
}

/// Somebody connected and proved who it is.
pub(super) fn arrived(shared: &Arc<Shared>, id: &MatchId, user: &UserId) {
    let comer = Comer { user: user.clone(), rating: Rating::default() };
    // Who the lobby has no seat for may still watch; whether there is a place is the match's to say.
    let _ = with(shared, |lobby| lobby.arrive(net::now(), id, &comer));
}

/// The last connection of a user to a match is gone.
pub(super) fn left(shared: &Arc<Shared>, id: &MatchId, user: &UserId) {
    with(shared, |lobby| lobby.leave(net::now(), id, user));
}

/// A match is over.
pub(super) fn ended(shared: &Arc<Shared>, id: &MatchId, ended: &Ended) {
    with(shared, |lobby| {
        lobby.ended(net::now(), id, Finish::all(ended));
        lobby.gone(net::now(), id);
    });
}

/// How busy a worker is, and who watches its matches.
pub(super) fn tell(shared: &Arc<Shared>, worker: u16, rung: u8, watched: &[(MatchId, u32)]) {
    let admission = match rung {
        0 => Admission::All,
        rung if rung < Rung::NoPlayers as u8 => Admission::NoMatches,
        _ => Admission::NoPlayers,
    };
    with(shared, |lobby| {
        lobby.admit(worker, admission);
        watched.iter().for_each(|(id, spectators)| lobby.watched(net::now(), id, *spectators));
    });
}

/// Keeps the lobby's time. One task, on the first worker.
pub(super) async fn run(shared: Arc<Shared>) {
    loop {
        let due = lock(&shared.play.finding.lobby).poll_timeout();
        tokio::select! {
            () = shared.play.finding.changed.notified() => {}
            () = sleep_until(due) => with(&shared, |lobby| lobby.handle_timeout(net::now(), &mut entropy)),
        }
    }
}

async fn sleep_until(due: Option<Duration>) {
    match due {
        Some(due) => tokio::time::sleep(due.saturating_sub(net::now())).await,
        None => std::future::pending().await,
    }
}

/// Does something with the lobby and carries out what comes of it. Only on a worker's thread.
fn with<T>(shared: &Arc<Shared>, act: impl FnOnce(&mut Lobby) -> T) -> T {
    let mut lobby = lock(&shared.play.finding.lobby);
    let due = lobby.poll_timeout();
    let result = act(&mut lobby);
    let effects: Vec<Effect> = std::iter::from_fn(|| lobby.poll_effect()).collect();
    let is_earlier = lobby.poll_timeout() != due;
    drop(lobby);
    if is_earlier {
        shared.play.finding.changed.notify_one();
    }
    effects.into_iter().for_each(|effect| carry_out(shared, effect));
    result
}

fn carry_out(shared: &Arc<Shared>, effect: Effect) {
    match effect {
        Effect::Create(new) => create(shared, &new),
        Effect::Close(id) => close(shared, &id),
        Effect::Record(report) => record(shared, report),
        // Whoever has the ticket asks for it.
        Effect::Placed { .. } | Effect::Dropped { .. } => {}
    }
}

fn close(shared: &Shared, id: &MatchId) {
    let worker = shared.play.directory.worker_of(id).map(usize::from);
    if let Some(inbox) = worker.and_then(|worker| shared.play.inboxes.get(worker)) {
        // If too much waits, the match ends a minute after the last one has left.
        drop(inbox.order(Order::Close(id.clone())));
    }
}

fn create(shared: &Arc<Shared>, new: &NewMatch) {
    let wish = Wish {
        game: (*new.queue.game).into(),
        places: new.seats,
        bots: new.fill,
        teams: if *new.queue.mode == *TEAMS.0 { TEAMS.1 } else { 0 },
        is_private: new.private,
        ..Wish::usual(&shared.play.config)
    };
    let ordered = order(shared, &new.id, &wish, new.seed, None);
    let (shared, id) = (Arc::clone(shared), new.id.clone());
    drop(tokio::task::spawn_local(async move {
        let worker = match ordered {
            Ok(Ordered { worker, created }) => matches!(created.await, Ok(Ok(()))).then_some(worker),
            Err(_) => None,
        };
        with(&shared, |lobby| match worker {
            Some(worker) => lobby.running(net::now(), &id, worker),
            None => lobby.failed(net::now(), &id),
        });
    }));
}

/// Stores a result. The lobby gives it out again until it hears that it is stored.
fn record(shared: &Arc<Shared>, report: Report) {
    let rated = |index: usize| report.rated.contains(&index);
    let finishes = report.finishes.iter().enumerate().map(|(index, finish)| results::Finish {
        user: finish.user.clone(),
        name: Arc::clone(&finish.name),
        rank: finish.rank,
        points: finish.points,
        is_rated: rated(index),
    });
    let stored = results::Report {
        id: report.id.as_str().into(),
        game: (*report.queue.game).into(),
        mode: (*report.queue.mode).into(),
        finishes: finishes.collect(),
        rule: change_ratings,
    };
    let (answer, recorded) = oneshot::channel();
    let answer = move |result| drop(answer.send(result));
    if shared.store.record(stored, answer).is_err() {
        return;
    }
    let shared = Arc::clone(shared);
    drop(tokio::task::spawn_local(async move {
        match recorded.await {
            Ok(Err(RecordError::Unavailable(_))) | Err(_) => {}
            Ok(result) => {
                if let Err(error) = result {
                    tracing::warn!(id = %report.id, %error, "a result is not stored");
                }
                with(&shared, |lobby| lobby.recorded(net::now(), &report.id));
            }
        }
    }));
}

/// What a match does to ratings, for the store.
fn change_ratings(people: &[(Option<results::Rating>, u16)]) -> Vec<results::Rating> {
    let before: Vec<(Rating, u16)> = people.iter().map(|(rating, rank)| (of_store(*rating), *rank)).collect();
    let after = after_match(&before).into_iter();
    after.map(|Rating { mean, deviation }| results::Rating { mean, deviation }).collect()
}

fn of_store(rating: Option<results::Rating>) -> Rating {
    rating.map_or_else(Rating::default, |results::Rating { mean, deviation }| Rating { mean, deviation })
}

// === what people ask ===

/// Somebody looks for a match: a ticket, or a match at once.
pub(super) fn find(shared: &Arc<Shared>, head: &RequestHead) -> Answer<NodeEndpoint> {
    let identity = match identify(shared, head) {
        Ok(identity) => identity,
        Err(response) => return Answer::Response(*response),
    };
    let query = head.query().unwrap_or_default();
    let game = pairs(query).find(|(name, _)| *name == "game").map(|(_, value)| value);
    let mode = pairs(query).find(|(name, _)| *name == "mode").map_or(MODE, |(_, value)| value);
    let queue = QueueName::new(game.unwrap_or(&shared.play.config.default_game), mode);
    let shared = Arc::clone(shared);
    Answer::Later(Box::pin(async move {
        let rating = rating_of(&shared, &queue.game, &identity.user).await;
        let party = vec![Comer { user: identity.user.clone(), rating }];
        let found = with(&shared, |lobby| {
            let ticket = lobby.find(net::now(), matches::lobby::Wish { queue, party })?;
            lobby.ticket(ticket, &identity.user).map(|status| (ticket, status))
        });
        let (ticket, status) = match found {
            Ok(found) => found,
            Err(refusal) => return refused(&refusal),
        };
        let Some(secret) = issue(&shared, ticket, &identity.user) else {
            return refused(&Refusal::Busy { retry_after: Duration::from_secs(5) });
        };
        let (code, mut body) = told(&secret, &status);
        if let Some(token) = &identity.token {
            body.insert("token".to_owned(), Value::from(&**token));
        }
        json_response(code, &Value::Object(body))
    }))
}

/// How a ticket is, or the end of it.
pub(super) fn answer(shared: &Arc<Shared>, secret: &str, cancels: bool) -> Answer<NodeEndpoint> {
    let issued = lock(&shared.play.finding.tickets).0.get(secret).cloned();
    let Some(Issued { ticket, user, .. }) = issued else {
        return Answer::Response(refused(&Refusal::UnknownTicket));
    };
    if cancels {
        lock(&shared.play.finding.tickets).0.remove(secret);
        return match with(shared, |lobby| lobby.cancel(net::now(), ticket, &user)) {
            Ok(()) => json(StatusCode::OK, &serde_json::json!({ "cancelled": true })),
            Err(refusal) => Answer::Response(refused(&refusal)),
        };
    }
    match with(shared, |lobby| lobby.ticket(ticket, &user)) {
        Ok(status) => {
            let (code, body) = told(secret, &status);
            json(code, &Value::Object(body))
        }
        Err(refusal) => Answer::Response(refused(&refusal)),
    }
}

/// The best players of a game.
pub(super) fn ratings(shared: &Arc<Shared>, query: &str) -> Answer<NodeEndpoint> {
    let game = pairs(query).find(|(name, _)| *name == "game").map(|(_, value)| value);
    let game = game.unwrap_or(&shared.play.config.default_game);
    if shared.play.config.games.game(game).is_none() {
        return Answer::Response(refused(&Refusal::UnknownQueue));
    }
    let leaders = shared.store.leaderboard(game);
    let lines: Vec<Value> = leaders
        .iter()
        .flat_map(|standings: &Arc<Standings>| standings.entries.iter().take(LEADERS))
        .map(|entry| {
            serde_json::json!({
                "rank": entry.rank,
                "name": &*entry.name,
                "score": entry.rating.score() as f64 / 1000.0,
                "matches": entry.matches,
            })
        })
        .collect();
    // A moment after the start the store has not been asked yet.
    json(StatusCode::OK, &serde_json::json!({ "game": game, "leaders": lines, "known": leaders.is_some() }))
}

/// What is said of a ticket.
fn told(secret: &str, status: &TicketStatus) -> (StatusCode, Map<String, Value>) {
    let mut body = Map::new();
    body.insert("ticket".to_owned(), secret.into());
    match status {
        TicketStatus::Placed(Placement { id, until }) => {
            body.insert("match".to_owned(), id.as_str().into());
            body.insert("socket".to_owned(), format!("/v1/match/{id}").into());
            let left = until.saturating_sub(net::now());
            body.insert("seat_seconds".to_owned(), left.as_secs().into());
            (StatusCode::OK, body)
        }
        TicketStatus::Waiting { until, waiting, .. } => {
            body.insert("waiting".to_owned(), (*waiting).into());
            body.insert("seconds_left".to_owned(), until.saturating_sub(net::now()).as_secs().into());
            (StatusCode::ACCEPTED, body)
        }
    }
}

/// Who asks: a token in the header, or a name, for a new guest.
fn identify(shared: &Shared, head: &RequestHead) -> Result<Identity, Box<Response<Bytes>>> {
    let header = head.header("authorization").and_then(|value| value.split_once(' '));
    let token =
        header.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
    let name = pairs(head.query().unwrap_or_default()).find(|(name, _)| *name == "name");
    let name = name.and_then(|(_, value)| decoded(value)).filter(|name| is_name(name));
    let now = crate::worker::now();
    let entropy = random().map_or(now.unix_ms, u64::from_le_bytes);
    let occasion = Occasion { monotonic: now.monotonic, unix_ms: now.unix_ms, entropy };
    let name = name.as_deref().or_else(|| token.is_none().then_some("Guest"));
    shared.authenticator.authenticate(occasion, token, name).map_err(|error| {
        let (chat::hub::AuthError::BadHello(why) | chat::hub::AuthError::Unauthorized(why)) = error;
        Box::new(failed_response(StatusCode::UNAUTHORIZED, "unauthorized", why))
    })
}

/// A name as `hello` has it.
fn is_name(name: &str) -> bool {
    !name.trim().is_empty()
        && name.len() <= matches::wire::NAME_BYTES_MAX
        && !name.chars().any(char::is_control)
}

/// What the store knows of somebody. Nothing, if it has no time: then the person plays with those who are new.
async fn rating_of(shared: &Shared, game: &str, user: &UserId) -> Rating {
    let (answer, read) = oneshot::channel();
    let query = StandingsQuery { game: game.into(), skip: 0, limit: 0, users: vec![user.clone()] };
    if shared.store.standings(query, move |result| drop(answer.send(result))).is_err() {
        return Rating::default();
    }
    let standings = read.await.ok().and_then(Result::ok).unwrap_or_default();
    of_store(standings.users.first().map(|entry| entry.rating))
}

/// A secret for a ticket. None if there is no randomness.
fn issue(shared: &Shared, ticket: TicketId, user: &UserId) -> Option<String> {
    let secret = secret()?;
    let now = net::now();
    let mut tickets = lock(&shared.play.finding.tickets);
    tickets.0.retain(|_, issued| issued.until > now);
    tickets.0.insert(secret.clone(), Issued { ticket, user: user.clone(), until: now + TICKET_KNOWN });
    Some(secret)
}

/// Chance for ids and seeds. Without any it is 0, with which the lobby begins no match.
fn entropy() -> u128 {
    random().map_or(0, u128::from_le_bytes)
}

/// What is behind these locks is never left half changed by what could panic, so what a panic left behind is used.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Debug for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Finding").finish_non_exhaustive()
    }
}
