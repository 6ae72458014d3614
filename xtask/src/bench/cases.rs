//! What is measured: the cases and the columns of their tables.

use super::contestants::{self, Contestant, Deflate};
use super::proxies::Proxy;

/// Something to measure on several servers.
pub(crate) struct Case {
    /// The name for `--only`; the beginning of names selects a group.
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    /// What the generator does.
    pub(crate) kind: &'static str,
    pub(crate) flags: &'static [&'static str],
    /// The number that decides who is better.
    pub(crate) metric: &'static str,
    pub(crate) more_is_better: bool,
    /// A fresh server for each measurement.
    pub(crate) is_fresh: bool,
    pub(super) field: Field,
}

/// Who takes part.
pub(super) enum Field {
    /// Every server that can do it.
    All { tls: bool, deflate: Deflate },
    /// Our server, in several ways: a note, TLS, flags for the generator.
    Ways(&'static [(&'static str, bool, &'static [&'static str])]),
    /// Gateways in front of our echo, ours first.
    Gateways { proxies: &'static [Proxy], tls: bool },
}

/// A number of a report and how it is shown.
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) scale: f64,
}

const ECHO: &[Column] = &[
    Column { name: "messages_per_s", title: "messages/s", scale: 1.0 },
    Column { name: "server_ns_per_message", title: "server CPU per message, ns", scale: 1.0 },
    Column { name: "server_busy", title: "server's core busy", scale: 1.0 },
    Column { name: "generator_busy", title: "generator's core busy", scale: 1.0 },
];
const DEFLATE: &[Column] = &[
    Column { name: "messages_per_s", title: "messages/s", scale: 1.0 },
    Column { name: "server_ns_per_message", title: "server CPU per message, ns", scale: 1.0 },
    Column { name: "received_bytes_per_message", title: "bytes of an echo's frame (plain: 290)", scale: 1.0 },
    Column { name: "server_busy", title: "server's core busy", scale: 1.0 },
];
const IDLE: &[Column] = &[
    Column { name: "bytes_per_websocket", title: "bytes of `VmRSS` for each WebSocket", scale: 1.0 },
    Column { name: "websockets", title: "WebSockets", scale: 1.0 },
];
const HANDSHAKES: &[Column] = &[
    Column { name: "handshakes_per_server_s", title: "handshakes per second of a core", scale: 1.0 },
    Column { name: "server_us_per_handshake", title: "server CPU for each, µs", scale: 1.0 },
    Column { name: "handshakes_per_s", title: "handshakes/s in this run", scale: 1.0 },
    Column { name: "resumed_share", title: "of them resumed", scale: 1.0 },
];
const PACE: &[Column] = &[
    Column { name: "p99_us", title: "p99, µs", scale: 1.0 },
    Column { name: "p50_us", title: "p50, µs", scale: 1.0 },
    Column { name: "p999_us", title: "p99.9, µs", scale: 1.0 },
    Column { name: "server_busy", title: "server's core busy", scale: 1.0 },
    Column { name: "late_us", title: "generator late by at most, µs", scale: 1.0 },
];

pub(super) const fn echo(
    id: &'static str,
    title: &'static str,
    flags: &'static [&'static str],
    field: Field,
) -> Case {
    Case {
        id,
        title,
        kind: "echo",
        flags,
        metric: "messages_per_s",
        more_is_better: true,
        is_fresh: false,
        field,
    }
}

pub(super) const fn idle(
    id: &'static str,
    title: &'static str,
    flags: &'static [&'static str],
    field: Field,
) -> Case {
    Case {
        id,
        title,
        kind: "idle",
        flags,
        metric: "bytes_per_websocket",
        more_is_better: false,
        is_fresh: true,
        field,
    }
}

const PLAIN: Field = Field::All { tls: false, deflate: Deflate::Off };
const TLS: Field = Field::All { tls: true, deflate: Deflate::Off };
const NO_TAKEOVER: Field = Field::All { tls: false, deflate: Deflate::NoTakeover };
const TAKEOVER: Field = Field::All { tls: false, deflate: Deflate::Takeover };

/// How our own server is reached in cases that compare HTTP versions.
const VERSIONS: Field = Field::Ways(&[
    ("HTTP/1.1", false, &["--http", "1"]),
    ("HTTP/2", false, &["--http", "2"]),
    ("HTTP/1.1, TLS", true, &["--http", "1"]),
    ("HTTP/2, TLS", true, &["--http", "2"]),
    ("HTTP/3", true, &["--http", "3"]),
]);

/// All cases, in the order of the page.
#[rustfmt::skip]
pub(crate) const CASES: &[Case] = &[
    echo("echo-32-16", "Echo, 32 B, 16 in flight on each of 64 connections", &["--size", "32", "--in-flight", "16"], PLAIN),
    echo("echo-32-1", "Echo, 32 B, 1 in flight on each of 64 connections", &["--size", "32"], PLAIN),
    echo("echo-512-200", "Echo, 512 B, 1 in flight on each of 200 connections", &["--size", "512", "--connections", "200"], PLAIN),
    echo("echo-16k", "Echo, 16 KiB, 1 in flight on each of 64 connections", &["--size", "16384"], PLAIN),
    echo("tls-32-16", "Echo over TLS, 32 B, 16 in flight on each of 64 connections", &["--size", "32", "--in-flight", "16"], TLS),
    echo("tls-32-1", "Echo over TLS, 32 B, 1 in flight on each of 64 connections", &["--size", "32"], TLS),
    echo("tls-16k", "Echo over TLS, 16 KiB, 1 in flight on each of 64 connections", &["--size", "16384"], TLS),
    echo("deflate-16", "Compressed echo of chat events, no context takeover, 16 in flight on each of 64 connections",
        &["--size", "chat", "--in-flight", "16", "--compression", "no-takeover"], NO_TAKEOVER),
    echo("deflate-1", "Compressed echo of chat events, no context takeover, 1 in flight on each of 64 connections",
        &["--size", "chat", "--compression", "no-takeover"], NO_TAKEOVER),
    echo("takeover-16", "Compressed echo of chat events, context takeover, 16 in flight on each of 64 connections",
        &["--size", "chat", "--in-flight", "16", "--compression", "takeover"], TAKEOVER),
    echo("takeover-1", "Compressed echo of chat events, context takeover, 1 in flight on each of 64 connections",
        &["--size", "chat", "--compression", "takeover"], TAKEOVER),
    echo("http-1", "HTTP versions: echo, 32 B, 100 WebSockets (one HTTP/2 or HTTP/3 connection), 1 in flight",
        &["--size", "32", "--connections", "100", "--per-carrier", "100"], VERSIONS),
    echo("http-16", "HTTP versions: echo, 32 B, 100 WebSockets (one HTTP/2 or HTTP/3 connection), 16 in flight",
        &["--size", "32", "--connections", "100", "--per-carrier", "100", "--in-flight", "16"], VERSIONS),
    idle("idle-plain", "Memory of an idle WebSocket", &["--connections", "10000"], PLAIN),
    idle("idle-tls", "Memory of an idle WebSocket over TLS", &["--connections", "4000"], TLS),
    idle("idle-deflate", "Memory of an idle WebSocket with compression, no context takeover, after 20 messages",
        &["--connections", "4000", "--size", "chat", "--talk", "20", "--compression", "no-takeover"], NO_TAKEOVER),
    idle("idle-takeover", "Memory of an idle WebSocket with compression and context takeover, after 150 messages",
        &["--connections", "1000", "--size", "chat", "--talk", "150", "--compression", "takeover"], TAKEOVER),
    idle("idle-http", "HTTP versions: memory of an idle WebSocket, 100 on an HTTP/2 or HTTP/3 connection",
        &["--connections", "5000", "--per-carrier", "100"], VERSIONS),
    Case {
        id: "handshakes", title: "Opening WebSockets", kind: "handshakes", flags: &[],
        metric: "handshakes_per_server_s", more_is_better: true, is_fresh: false,
        field: Field::Ways(&[
            ("HTTP/1.1, TCP and upgrade", false, &["--http", "1"]),
            ("HTTP/1.1, full TLS handshake", true, &["--http", "1"]),
            // Clients keep at most eight tickets, so more at once would not all have one.
            ("HTTP/1.1, resumed TLS handshake", true, &["--http", "1", "--resume", "yes", "--at-once", "4"]),
            ("on an HTTP/2 connection that is there", false, &["--http", "2"]),
            ("on an HTTP/3 connection that is there", true, &["--http", "3"]),
        ]),
    },
    Case {
        id: "sibling", title: "One WebSocket that never reads: latency of 99 siblings at 100 messages/s each", kind: "pace",
        flags: &["--size", "32", "--connections", "100", "--per-carrier", "100", "--rate", "100"],
        metric: "p99_us", more_is_better: false, is_fresh: true,
        field: Field::Ways(&[
            ("HTTP/1.1", false, &["--http", "1"]),
            ("HTTP/1.1, one never reads", false, &["--http", "1", "--stalled", "1"]),
            ("HTTP/2", false, &["--http", "2"]),
            ("HTTP/2, one never reads", false, &["--http", "2", "--stalled", "1"]),
            ("HTTP/3", true, &["--http", "3"]),
            ("HTTP/3, one never reads", true, &["--http", "3", "--stalled", "1"]),
        ]),
    },
];

impl Case {
    pub(crate) fn contestants(&self) -> Vec<Contestant> {
        self.field.contestants()
    }

    /// Whether other servers take part, so that there is something to compare with.
    pub(crate) fn has_peers(&self) -> bool {
        matches!(self.field, Field::All { .. } | Field::Gateways { .. })
    }

    /// The first is the one that decides.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &'static Column> {
        match self.kind {
            "idle" => IDLE,
            "handshakes" => HANDSHAKES,
            "pace" => PACE,
            "echo" if self.flags.contains(&"--compression") => DEFLATE,
            _ => ECHO,
        }
        .iter()
    }
}

impl Field {
    pub(super) fn contestants(&self) -> Vec<Contestant> {
        match self {
            Self::All { tls, deflate } => contestants::all(*tls, *deflate),
            Self::Ways(ways) => {
                ways.iter().map(|(note, tls, flags)| contestants::stoa(note, *tls, flags)).collect()
            }
            Self::Gateways { proxies, tls } => {
                proxies.iter().map(|proxy| contestants::behind(*proxy, *tls, &[])).collect()
            }
        }
    }
}
