//! Which peers are tried, over which versions of HTTP, with and without TLS.

use super::peers::{Peers, Place};
use super::table::{Ours, Table};
use super::{LOG, gateway};
use crate::process::Job;
use crate::tree::Tree;
use std::time::Duration;

/// How long all checks of one pair may take. Most take a second.
const DEADLINE: Duration = Duration::from_secs(180);

/// Tries all pairs.
pub(super) fn run(tree: &Tree, peers: &Peers<'_>) -> Result<Table, String> {
    let mut table = Table::default();
    our_server(tree, peers, &mut table)?;
    our_client(tree, peers, &mut table)?;
    gateway::run(tree, peers, &mut table)?;
    Ok(table)
}

/// Clients that others wrote, with our server.
fn our_server(tree: &Tree, peers: &Peers<'_>, table: &mut Table) -> Result<(), String> {
    let server = peers.our_server()?;
    let mut tried = |job| attempt(tree, table, Ours::Server, job);
    for url in server.urls() {
        tried(peers.python("http1_client.py").args([url]))?;
        tried(peers.node("node_client.mjs").args([url, "1"]))?;
    }
    tried(peers.node("chromium_client.mjs").args(server.secure()).args(["1"]))?;
    for url in server.urls() {
        tried(peers.python("http2_client.py").args([url]))?;
        tried(peers.node("node_client.mjs").args([url, "2"]))?;
    }
    tried(peers.node("chromium_client.mjs").args(server.secure()).args(["2"]))?;
    let proxy = peers.nghttpx_to_http2(&server)?;
    let through = ["--peer", "websockets through nghttpx", "--http", "2"];
    tried(peers.python("http1_client.py").args(proxy.plain()).args(through))?;
    tried(peers.python("http3_client.py").args(server.secure()))
}

/// Our client, with servers that others wrote.
fn our_client(tree: &Tree, peers: &Peers<'_>, table: &mut Table) -> Result<(), String> {
    let mut tried = |name: &str, http: &str, urls: Vec<&str>| -> Result<(), String> {
        urls.into_iter().try_for_each(|url| {
            attempt(tree, table, Ours::Client, peers.our_client(name).args([url, "--http", http]))
        })
    };
    let ws = peers.ws()?;
    let hypercorn = peers.hypercorn()?;
    tried("Node ws", "1", ws.urls())?;
    tried("Hypercorn", "1", hypercorn.urls())?;
    tried("Hypercorn", "2", hypercorn.urls())?;
    tried("nghttpx", "2", peers.nghttpx(&ws)?.urls())?;
    tried("HAProxy", "2", peers.haproxy(&ws)?.urls())?;
    tried("Hypercorn", "3", hypercorn.secure().collect())?;
    tried("aioquic", "3", peers.aioquic()?.secure().collect())
}

/// Runs the checks of one pair and takes what they print. Checks that fail are in the table; it is an error if there are
/// none at all.
pub(super) fn attempt(tree: &Tree, table: &mut Table, ours: Ours, job: Job) -> Result<(), String> {
    let read = || std::fs::read(tree.log(LOG)).unwrap_or_default();
    let before = read().len();
    let outcome = job.deadline(DEADLINE).run();
    let output = read().split_off(before);
    let output = String::from_utf8_lossy(&output);
    let faults = table.faults().len();
    let lines = table.take(ours, &output);
    match outcome {
        Ok(()) if lines > 0 => Ok(()),
        Ok(()) => Err("a pair was tried without a single check".to_owned()),
        // The table says which checks failed.
        Err(_) if table.faults().len() > faults => Ok(()),
        Err(why) => Err(why),
    }
}

impl Place {
    /// The plain address, then the one with TLS.
    pub(super) fn urls(&self) -> Vec<&str> {
        self.plain().chain(self.secure()).collect()
    }

    pub(super) fn plain(&self) -> impl Iterator<Item = &str> {
        self.plain.as_deref().into_iter()
    }

    pub(super) fn secure(&self) -> impl Iterator<Item = &str> {
        self.secure.as_deref().into_iter()
    }
}
