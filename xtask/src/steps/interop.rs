//! Interoperation: our server and our client with WebSocket peers that share no code with us.
//!
//! The peers and their checks are the scripts in `tests/interop`, each of which prints a line of JSON per check. What they
//! found becomes the table in `docs/conformance.md`. Before that, whole chat clients talk to each other through our server.

mod classic;
mod conversation;
mod gateway;
mod matrix;
mod peers;
mod table;

use crate::ci::{Done, Outcome};
use crate::tree::Tree;
use peers::Peers;

/// The log of this step; the peers print into it.
const LOG: &str = "interop";

/// All pairs, then the table.
pub(crate) fn run(tree: &Tree) -> Outcome {
    conversation::run(tree)?;
    let peers = Peers::install(tree)?;
    let games = classic::run(tree, &peers)?;
    let table = matrix::run(tree, &peers)?;
    let note =
        format!("{} checks in {} pairs; {games} games in the classic room", table.checks(), table.pairs());
    let faults = table.faults();
    if !faults.is_empty() {
        return Err(format!("{note}; {} failed:\n      {}", faults.len(), faults.join("\n      ")));
    }
    table.publish(tree)?;
    Done::passed(note)
}
