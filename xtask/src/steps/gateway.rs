//! Gateways: others' in front of our nodes, with the configurations of `examples/front`, which the documentation promises
//! to work, and ours, with those of `examples/gateway`.

mod examples;
mod fronts;

use crate::ci::{Done, Outcome};
use crate::tree::Tree;

/// The log of this step.
const LOG: &str = "gateway";

/// Everything that needs real processes.
pub(crate) fn run(tree: &Tree) -> Outcome {
    let fronts = fronts::run(tree)?;
    let examples = examples::run(tree)?;
    Done::passed(format!("{fronts} other gateways in front of a node, {examples} examples with ours"))
}
