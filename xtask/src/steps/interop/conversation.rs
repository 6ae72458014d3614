//! Clients that nobody here wrote the WebSocket code of: the examples in Python and Node talk to each other, and with the
//! chat page in a browser, through our server.

use super::LOG;
use crate::install;
use crate::process::Job;
use crate::steps::node::Node;
use crate::tree::Tree;
use std::path::Path;
use std::time::Duration;

/// Each says something and ends well when it has heard the other.
pub(super) fn run(tree: &Tree) -> Result<(), String> {
    let python = install::python(tree, LOG, "examples", &["websockets==17.4"])?.join("python");
    install::npm(tree, LOG, "examples/node")?;
    install::npm(tree, LOG, "web")?;
    let chromium = install::chromium(tree, LOG)?;
    let node = Node::start(tree, LOG, &[])?;
    let url = format!("ws://{}/v1/chat", node.address);
    std::thread::scope(|scope| {
        let python =
            scope.spawn(|| talk(tree, &python, "examples/python/chat.py", &url, ["Python", "Browser"]));
        let node_js =
            scope.spawn(|| talk(tree, Path::new("node"), "examples/node/chat.mjs", &url, ["Node", "Python"]));
        let page = Job::new(tree, LOG, "node")
            .args(["test/foreign.mjs", "Python", "Node"])
            .directory("web")
            .env("STOA_URL", format!("http://{}/", node.address))
            .env("STOA_CHROMIUM", chromium)
            .deadline(Duration::from_secs(120))
            .run();
        let ended_early = |_| Err("the thread of a client ended early".to_owned());
        page.and(python.join().unwrap_or_else(ended_early)).and(node_js.join().unwrap_or_else(ended_early))
    })
}

fn talk(tree: &Tree, program: &Path, script: &str, url: &str, [own, other]: [&str; 2]) -> Result<(), String> {
    let say = format!("Hello from {own}");
    let until = format!("Hello from {other}");
    let job =
        Job::new(tree, LOG, program).args([script, "--say", &say, "--until", &until, url, "interop", own]);
    job.deadline(Duration::from_secs(60)).run()
}
