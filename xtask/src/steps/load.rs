//! The product under load, with its own tool: every run checks that each message arrives everywhere, once and in order.

use crate::ci::{Done, Outcome};
use crate::process::Job;
use crate::steps::node::Node;
use crate::tree::Tree;

const LOG: &str = "load";

/// A modest load, far below what the server can take: this step is about promises. `docs/benchmarks.md` is about speed.
const SCENARIOS: &[(&str, &[&str])] = &[
    ("chat", &["--connections", "32", "--rate", "400", "--seconds", "5"]),
    ("fanout", &["--connections", "200", "--rate", "50", "--seconds", "5", "--size", "128"]),
];

/// Runs the scenarios one after the other against one node.
pub(crate) fn run(tree: &Tree) -> Outcome {
    let node = Node::start(tree, LOG, &[])?;
    let url = format!("ws://{}/v1/chat", node.address);
    for (name, flags) in SCENARIOS {
        let job =
            Job::new(tree, LOG, tree.target.join("release/stoa")).args(["load", name, &url]).args(*flags);
        match job.run() {
            Ok(()) => {}
            // The exit code that says so; what the tool saw is in the log.
            Err(why) if why.ends_with("exit status: 3") => {
                return Ok(Done::Skipped(format!("{name}: this machine is too busy to offer the load")));
            }
            Err(why) => return Err(why),
        }
    }
    Done::passed("chat and fanout: nothing lost, doubled or out of order")
}
