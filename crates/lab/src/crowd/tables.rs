//! Which matches a crowd plays in, if nobody says it: those that are open, and as many new ones as are needed.

use super::CrowdPlan;
use super::http::{ask, host_of};
use serde::Deserialize;

/// Places in the matches that are made for a crowd.
const PLACES: u32 = 256;

/// How long these matches last: longer than any measurement.
const MINUTES: u32 = 60;
/// A crowd up to this size joins a match that is there.
const PLAYERS_IN_A_USUAL_MATCH: u32 = 48;

/// Where a match is to be played.
#[derive(Debug, Deserialize)]
struct Found {
    id: String,
}

/// Makes as many matches of a game as the crowd fills, without bots of the server, and gives their ids.
///
/// # Errors
///
/// A sentence that says why there are none, and what to do.
pub async fn make_matches(plan: &CrowdPlan, game: &str) -> Result<Vec<String>, String> {
    let mut matches = Vec::new();
    for _ in 0..plan.players.div_ceil(PLACES) {
        let path = format!("/v1/matches?game={game}&places={PLACES}&bots=0&minutes={MINUTES}");
        matches.push(order(plan, &path).await?);
    }
    Ok(matches)
}

/// A match of Wreckroom that others may be in already, or new ones if the crowd is larger than a match usually is.
///
/// # Errors
///
/// As [`make_matches`].
pub async fn find_matches(plan: &CrowdPlan) -> Result<Vec<String>, String> {
    if plan.players > PLAYERS_IN_A_USUAL_MATCH {
        return make_matches(plan, "wreckroom").await;
    }
    Ok(vec![order(plan, "/v1/play?game=wreckroom").await?])
}

async fn order(plan: &CrowdPlan, path: &str) -> Result<String, String> {
    let host = host_of(&plan.url).ok_or("over wss:// say which match, with --match ID")?;
    let answer = ask(host, path, Some("")).await?;
    if !(200..300).contains(&answer.status) {
        return Err(format!("the server makes no match: {} {}", answer.status, answer.body.trim()));
    }
    let found: Found = serde_json::from_str(&answer.body)
        .map_err(|error| format!("the server's answer has no id of a match: {error}"))?;
    Ok(found.id)
}
