//! Strangers' clients with strangers' servers, and with ours, through our gateway: every version of HTTP on one side to
//! every version on the other.

use super::matrix::attempt;
use super::peers::{Peers, Place};
use super::table::{Ours, Table};
use crate::tree::Tree;

/// A server behind the gateway.
struct Backend {
    name: &'static str,
    place: Place,
    /// Versions of HTTP in which it takes WebSockets without TLS.
    versions: &'static [&'static str],
}

/// Tries all combinations.
pub(super) fn run(tree: &Tree, peers: &Peers<'_>, table: &mut Table) -> Result<(), String> {
    let backends = [
        Backend { name: "Stoa", place: peers.our_server()?, versions: &["1", "2"] },
        Backend { name: "Node ws", place: peers.ws()?, versions: &["1"] },
        Backend { name: "Python websockets", place: peers.websockets()?, versions: &["1"] },
        Backend { name: "Hypercorn", place: peers.hypercorn()?, versions: &["1", "2"] },
    ];
    for backend in &backends {
        for version in backend.versions {
            let place = peers.tunnel(&backend.place, version)?;
            clients(tree, peers, table, &place, &format!("tunnel to {} over HTTP/{version}", backend.name))?;
        }
    }
    for backend in &backends[..2] {
        let place = peers.stream(&backend.place)?;
        let to = format!("stream to {}", backend.name);
        // What the gateway does not look into, the backend must speak itself.
        http1(tree, peers, table, &place, &to)?;
        if backend.versions.contains(&"2") {
            http2(tree, peers, table, &place, &to)?;
        }
    }
    Ok(())
}

/// Clients of all three versions, plain and over TLS.
fn clients(tree: &Tree, peers: &Peers<'_>, table: &mut Table, place: &Place, to: &str) -> Result<(), String> {
    http1(tree, peers, table, place, to)?;
    http2(tree, peers, table, place, to)?;
    let named = ["--peer".to_owned(), format!("aioquic, {to}")];
    attempt(tree, table, Ours::Gateway, peers.python("http3_client.py").args(place.secure()).args(named))
}

fn http1(tree: &Tree, peers: &Peers<'_>, table: &mut Table, place: &Place, to: &str) -> Result<(), String> {
    place.urls().into_iter().try_for_each(|url| {
        let named = ["--peer".to_owned(), format!("Python websockets, {to}")];
        attempt(tree, table, Ours::Gateway, peers.python("http1_client.py").args([url]).args(named))
    })
}

fn http2(tree: &Tree, peers: &Peers<'_>, table: &mut Table, place: &Place, to: &str) -> Result<(), String> {
    place.urls().into_iter().try_for_each(|url| {
        let named = ["--peer".to_owned(), format!("h2 + wsproto, {to}")];
        attempt(tree, table, Ours::Gateway, peers.python("http2_client.py").args([url]).args(named))
    })
}
