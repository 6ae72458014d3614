//! Measures servers of matches: `match_bench crowd ws://127.0.0.1:8080 --players 256`; `match_bench help` tells the rest.
//! `cargo xtask bench match` runs it against our server and against Colyseus.

use lab::bench::arena::{CrowdCommand, USAGE, games, to_lines};
use server::auth::AuthConfig;
use server::play::PlayConfig;
use server::{Config, Node};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    match run() {
        Ok(output) => {
            let _ = std::io::stdout().write_all(output.as_bytes());
            ExitCode::SUCCESS
        }
        Err(why) => {
            let _ = writeln!(std::io::stderr(), "match_bench: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<String, String> {
    let mut arguments = std::env::args().skip(1);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    match arguments.next().as_deref() {
        Some("crowd") => {
            let report = runtime.block_on(CrowdCommand::parse(arguments)?.measure())?;
            report.judgement.why.iter().for_each(|why| {
                let _ = writeln!(std::io::stderr(), "  {why}");
            });
            Ok(to_lines(&report))
        }
        Some("serve") => {
            let [listen, admin, data] = std::array::from_fn(|_| arguments.next().unwrap_or_default());
            let node = Node::start(config(&listen, &admin, &data)?).map_err(|error| error.to_string())?;
            runtime.block_on(std::future::pending::<()>());
            drop(node);
            Ok(String::new())
        }
        Some(other) if !other.contains("help") => Err(format!("{other:?} is none of its commands")),
        _ => Ok(USAGE.to_owned()),
    }
}

/// A node with one worker that has the reduced game, and no limit that players from one address would meet.
fn config(listen: &str, admin: &str, data: &str) -> Result<Config, String> {
    let address = |text: &str| text.parse().map_err(|_| format!("{text:?} is no address"));
    let data = PathBuf::from(data);
    std::fs::create_dir_all(&data).map_err(|error| format!("cannot make {}: {error}", data.display()))?;
    Ok(Config {
        listen: vec![address(listen)?],
        tls_listen: Vec::new(),
        tls: None,
        http3: false,
        admin_listen: Some(address(admin)?),
        workers: 1,
        workers_pinned: false,
        auth: AuthConfig { guests_allowed: true, ..AuthConfig::default() },
        allowed_origins: net::origin::Allowed::SameOrigin,
        query_token_allowed: false,
        limits: chat::hub::HubLimits::default(),
        net_limits: net::Limits { pre_auth_connections_per_ip_max: u32::MAX, ..net::Limits::default() },
        store: state::StoreConfig::new(data.join("stoa.db")),
        websocket: ws::Config::default(),
        classic_root: None,
        play: PlayConfig { replays: None, ..PlayConfig::new(games(), data.clone()) },
        data,
    })
}
