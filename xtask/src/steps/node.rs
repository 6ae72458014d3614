//! A node of its own for a step: `stoa serve` on a free port, with an empty data directory.

use crate::process::{Job, Server, free_port};
use crate::steps::rust;
use crate::tree::Tree;

/// A running node. Ends when dropped.
pub(crate) struct Node {
    /// Where it listens, as `127.0.0.1:PORT`.
    pub(crate) address: String,
    /// Its process.
    _server: Server,
}

impl Node {
    /// Builds the product if need be, and starts it. The node writes to the step's log, too.
    pub(crate) fn start(tree: &Tree, log: &str, flags: &[&str]) -> Result<Self, String> {
        let stoa = rust::stoa(tree, log)?;
        let data = tree.work.join("data").join(log);
        let _ = std::fs::remove_dir_all(&data);
        let port = free_port()?;
        let address = format!("127.0.0.1:{port}");
        let job = Job::new(tree, log, stoa).args(["serve", "--listen", &address, "--admin-listen", "off"]);
        let server = job.args(["--data"]).args([&data]).args(flags).serve(port)?;
        Ok(Self { address, _server: server })
    }
}
