//! Which matches a crowd plays in, if nobody says it: those that are open, and as many new ones as are needed.

use super::CrowdPlan;
use super::http::{ask, host_of};
use serde::Deserialize;

/// Places in the matches that are made for a crowd.
const PLACES: u32 = 256;

/// What the server's list says about a match.
#[derive(Debug, Deserialize)]
struct Listed {
    id: String,
}

/// Makes as many matches of Wreckroom as the crowd fills, with places for 256 each, and gives their ids.
///
/// # Errors
///
/// A sentence that says why there are none, and what to do.
pub async fn find_matches(plan: &CrowdPlan) -> Result<Vec<String>, String> {
    let host = host_of(&plan.url).ok_or("over wss:// say which match, with --match ID")?;
    let mut matches = Vec::new();
    for _ in 0..plan.players.div_ceil(PLACES) {
        let body = format!(r#"{{"game":"wreckroom","players":{PLACES}}}"#);
        let answer = ask(host, "/v1/matches", Some(&body)).await?;
        if !(200..300).contains(&answer.status) {
            return Err(format!("the server makes no match: {} {}", answer.status, answer.body.trim()));
        }
        let listed: Listed = serde_json::from_str(&answer.body)
            .map_err(|error| format!("the server's answer has no id of a match: {error}"))?;
        matches.push(listed.id);
    }
    Ok(matches)
}
