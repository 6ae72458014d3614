//! The classic room's game, played by clients in Python and Node that were written from its messages alone, on our server
//! over each version of HTTP.

use super::LOG;
use super::peers::Peers;
use crate::process::{Job, free_port};
use crate::steps::node::Node;
use crate::tree::Tree;
use std::time::Duration;

/// How long one game may take. Most take a second.
const DEADLINE: Duration = Duration::from_secs(90);

/// Plays all of it. How many games that were.
pub(super) fn run(tree: &Tree, peers: &Peers<'_>) -> Result<usize, String> {
    let secure = format!("127.0.0.1:{}", free_port()?);
    let flags = ["--tls-listen", &secure, "--tls-self-signed", "--classic-root"];
    let node = Node::start(tree, LOG, &flags)?;
    let (plain, secure) = (format!("ws://{}", node.address), format!("wss://{secure}"));
    let python = |url: &str, http: &str| peers.python("classic_client.py").args([url, http, "game1"]);
    let node_js = |url: &str, http: &str| peers.node("classic_client.mjs").args([url, http, "game2"]);
    let games: [Job; 8] = [
        python(&plain, "1"),
        python(&secure, "1"),
        python(&plain, "2"),
        python(&secure, "2"),
        python(&secure, "3"),
        node_js(&plain, "1"),
        node_js(&plain, "2"),
        node_js(&secure, "2"),
    ];
    let count = games.len();
    games.into_iter().try_for_each(|game| game.deadline(DEADLINE).run())?;
    Ok(count)
}
