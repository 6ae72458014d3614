//! The page and the browser SDK: types, tests of the SDK, and two real browsers against the real server.

use crate::ci::{Done, Outcome};
use crate::install;
use crate::process::{Job, free_port};
use crate::steps::node::Node;
use crate::steps::rust;
use crate::tree::Tree;
use std::time::Duration;

/// Types are right (tsc reads them from the comments), and the SDK's own tests pass.
pub(crate) fn sdk(tree: &Tree) -> Outcome {
    let log = "web";
    install::npm(tree, log, "web")?;
    let npm = |script: &str| Job::new(tree, log, "npm").args(["run", "--silent", script]).directory("web");
    npm("check").run()?;
    npm("test").run()?;
    let text = std::fs::read_to_string(tree.log(log)).unwrap_or_default();
    let passed =
        text.lines().filter_map(|line| line.trim_start_matches(['#', 'ℹ', ' ']).strip_prefix("pass "));
    let passed: u64 = passed.filter_map(|number| number.trim().parse::<u64>().ok()).sum();
    if passed == 0 {
        Err("no test was run".to_owned())
    } else {
        Done::passed(format!("types, {passed} tests"))
    }
}

/// The pages in a real browser against the real server, from end to end. Pictures of them land in `target/ci/screenshots`.
pub(crate) fn browser(tree: &Tree) -> Outcome {
    let log = "browser";
    install::npm(tree, log, "web")?;
    let chromium = install::chromium(tree, log)?;
    let node = Node::start(tree, log, &[])?;
    let stoa = rust::stoa(tree, log)?;
    let screenshots = tree.work.join("screenshots");
    let _ = std::fs::remove_dir_all(&screenshots);
    for script in ["test:browser", "test:classic", "test:play"] {
        Job::new(tree, log, "npm")
            .args(["run", "--silent", script])
            .directory("web")
            .env("STOA_URL", format!("http://{}/", node.address))
            .env("STOA_BINARY", &stoa)
            .env("STOA_CHROMIUM", &chromium)
            .env("STOA_SCREENSHOTS", &screenshots)
            .deadline(Duration::from_secs(10 * 60))
            .run()?;
    }
    over_http2(tree, log)?;
    let text = std::fs::read_to_string(tree.log(log)).unwrap_or_default();
    let sums: Vec<&str> = text.lines().filter(|line| line.ends_with(" failed")).collect();
    Done::passed(format!("{}; the page over HTTP/2; pictures in {}", sums.join(", "), screenshots.display()))
}

/// The page comes over HTTP/2, and so do its WebSockets.
fn over_http2(tree: &Tree, log: &str) -> Result<(), String> {
    let port = free_port()?;
    let address = format!("127.0.0.1:{port}");
    let _node = Node::start(tree, log, &["--tls-listen", &address, "--tls-self-signed"])?;
    Job::new(tree, log, "npm")
        .args(["run", "--silent", "test:http2"])
        .directory("web")
        .env("STOA_URL", format!("https://{address}/"))
        .env("STOA_CHROMIUM", install::chromium(tree, log)?)
        .deadline(Duration::from_secs(120))
        .run()
}
