//! `cargo xtask bench gateway`: our gateway beside HAProxy, nginx and Caddy, in front of the same backend.
//!
//! The gateway has core 0 for itself; the backend (our echo) and the generator share core 1, and cost less than any gateway
//! does, as the row without a gateway shows. Within a round all gateways take their turn.

mod latency;
mod many;
mod reload;

use super::cases::{Case, Field, echo, idle};
use super::proxies::{self, Mode, Proxy};
use super::tools::Tools;
use super::{Effort, Flags, machine, select, show_cases};
use crate::tree::{Tree, make_directory};

const STREAM: Field = Field::Gateways {
    proxies: &[
        Proxy::Stoa(Mode::Stream),
        Proxy::Haproxy(Mode::Stream),
        Proxy::HaproxySplice,
        Proxy::Nginx(Mode::Stream),
        Proxy::None,
    ],
    tls: false,
};
const TUNNELS: &[Proxy] = &[
    Proxy::Stoa(Mode::Tunnel),
    Proxy::Haproxy(Mode::Tunnel),
    Proxy::Nginx(Mode::Tunnel),
    Proxy::Caddy,
    Proxy::None,
];
const TUNNEL: Field = Field::Gateways { proxies: TUNNELS, tls: false };
/// TLS ends at the gateway.
const TLS: Field = Field::Gateways { proxies: TUNNELS, tls: true };
/// Many WebSockets on few connections to the backend.
const TO_HTTP2: Field = Field::Gateways {
    proxies: &[
        Proxy::Stoa(Mode::TunnelToHttp2),
        Proxy::Haproxy(Mode::TunnelToHttp2),
        Proxy::Stoa(Mode::Tunnel),
    ],
    tls: false,
};

const SMALL: &[&str] = &["--size", "32", "--in-flight", "16"];
const LARGE: &[&str] = &["--size", "65536", "--connections", "16"];
/// A tunnel has two sockets in the gateway, and a process has 20,000 descriptors here.
const IDLE: &[&str] = &["--connections", "8000"];
/// Clients keep at most eight tickets, so more at once would not all have one.
const RESUMED: &[&str] = &["--resume", "yes", "--at-once", "4"];

const fn opening(
    id: &'static str,
    title: &'static str,
    flags: &'static [&'static str],
    field: Field,
) -> Case {
    let kind = "handshakes";
    Case { kind, metric: "handshakes_per_server_s", is_fresh: true, ..echo(id, title, flags, field) }
}

/// What is measured as tables of rounds, in the order of the page.
#[rustfmt::skip]
const CASES: &[Case] = &[
    echo("stream-32", "Layer 4: echo, 32 B, 16 in flight on each of 64 connections", SMALL, STREAM),
    echo("stream-64k", "Layer 4: echo, 64 KiB, 1 in flight on each of 16 connections", LARGE, STREAM),
    echo("tunnel-32", "Layer 7: echo, 32 B, 16 in flight on each of 64 connections", SMALL, TUNNEL),
    echo("tunnel-64k", "Layer 7: echo, 64 KiB, 1 in flight on each of 16 connections", LARGE, TUNNEL),
    echo("tls-32", "Layer 7, TLS at the edge: echo, 32 B, 16 in flight on each of 64 connections", SMALL, TLS),
    echo("tls-64k", "Layer 7, TLS at the edge: echo, 64 KiB, 1 in flight on each of 16 connections", LARGE, TLS),
    echo("h2-32", "HTTP/2 to the backend: echo, 32 B, 16 in flight on each of 64 connections", SMALL, TO_HTTP2),
    idle("idle-stream", "Layer 4: memory of an idle connection", IDLE, STREAM),
    idle("idle-tunnel", "Layer 7: memory of an idle WebSocket", IDLE, TUNNEL),
    idle("idle-tls", "Layer 7, TLS at the edge: memory of an idle WebSocket", &["--connections", "4000"], TLS),
    opening("open-stream", "Layer 4: opening connections, and WebSockets through them", &[], STREAM),
    opening("open-tunnel", "Layer 7: opening WebSockets", &[], TUNNEL),
    opening("open-tls", "Layer 7: opening WebSockets, full TLS handshakes", &[], TLS),
    opening("open-resumed", "Layer 7: opening WebSockets, resumed TLS handshakes", RESUMED, TLS),
];

/// What is measured in another way.
const OTHERS: &[(&str, &str)] = &[
    ("latency-stream", "Layer 4: latency at 25, 50 and 75 % of the best peer's peak"),
    ("latency-tunnel", "Layer 7: latency at 25, 50 and 75 % of the best peer's peak"),
    ("many", "9,000 WebSockets on few connections of HTTP/2 to the backend, and one that never reads"),
    ("reload", "100 reloads under thousands of WebSockets"),
];

/// Runs `cargo xtask bench gateway`.
pub(super) fn run(tree: &Tree, flags: &mut Flags) -> Result<bool, String> {
    let effort = Effort::read(flags)?;
    let only = flags.take::<String>("--only")?;
    let is_list = flags.is_set("--list");
    flags.check_empty()?;
    let titles = CASES.iter().map(|case| (case.id, case.title)).chain(OTHERS.iter().copied());
    if is_list {
        titles.for_each(|(id, title)| println!("{id:<16} {title}"));
        return Ok(true);
    }
    let wanted = select(only.as_deref(), titles.map(|(id, _)| id), "gateway")?;
    make_directory(&tree.target.join("bench"))?;
    let mut tools = Tools::build_ours(tree)?;
    tools.versions = proxies::versions();
    if !effort.json {
        println!("{}", machine::facts(&tools));
    }
    show_cases(&tools, "gateway", CASES.iter().filter(|case| wanted.contains(&case.id)), &effort)?;
    for (id, title) in OTHERS.iter().filter(|(id, _)| wanted.contains(id)) {
        println!("### {title}\n\n`cargo xtask bench gateway --only {id}`\n");
        match *id {
            "latency-stream" => latency::run(&tools, &STREAM, &effort)?,
            "latency-tunnel" => latency::run(&tools, &TUNNEL, &effort)?,
            "many" => many::run(&tools, &effort)?,
            _ => reload::run(&tools)?,
        }
        println!();
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_has_a_name_of_its_own_and_ours_comes_first() {
        for (place, case) in CASES.iter().enumerate() {
            assert!(CASES[place + 1..].iter().all(|other| other.id != case.id), "{}", case.id);
            assert!(case.contestants()[0].name().starts_with("Stoa"), "{}", case.id);
        }
    }
}
