//! `stoa serve`: one node, from flags to a running server, and back down again.

use crate::args::ServerThreads;
use crate::compression::CompressionArgs;
use crate::echo::wait_for_signal;
use crate::failure::Failure;
use crate::limits::LimitArgs;
use crate::play::PlayArgs;
use crate::terminal::say;
use crate::tls::{TlsArgs, keep_fresh};
use clap::Args;
use net::{Drain, Tls, origin};
use server::auth::AuthConfig;
use server::classic::ClassicRoot;
use server::{Addresses, Config, Node, keys};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// After the last close of a drain, this is how long clients have to answer it.
const DRAIN_GRACE: Duration = Duration::from_secs(10);

/// Flags of `stoa serve`.
#[derive(Args, Debug)]
pub(crate) struct ServeArgs {
    /// Address to listen on without TLS; may be given several times
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub listen: Vec<SocketAddr>,
    #[command(flatten)]
    pub tls: TlsArgs,
    /// Directory of the database and the keys; it is made if it is missing
    #[arg(long, value_name = "DIR", default_value = "stoa-data")]
    pub data: PathBuf,
    #[command(flatten)]
    pub threads: ServerThreads,
    /// Address for metrics and health, on this machine only; or off
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9090", value_parser = parse_admin)]
    pub admin_listen: Admin,
    /// Key that users' tokens (JWT) are checked with: a PEM public key (EdDSA, RS256) or a secret (HS256)
    #[arg(long, value_name = "FILE", conflicts_with = "jwks_file")]
    pub jwt_key_file: Option<PathBuf>,
    /// The same as a JSON Web Key Set, which may have several keys
    #[arg(long, value_name = "FILE")]
    pub jwks_file: Option<PathBuf>,
    /// What tokens must name in `aud`
    #[arg(long, value_name = "AUDIENCE")]
    pub jwt_audience: Option<String>,
    /// What tokens must name in `iss`
    #[arg(long, value_name = "ISSUER")]
    pub jwt_issuer: Option<String>,
    /// Whether people without a token may come as guests
    #[arg(long, value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set)]
    pub allow_guests: bool,
    /// Pages of this origin, such as `https://example.org`, may connect beside the server's own; may be given several times
    #[arg(long, value_name = "ORIGIN", value_parser = parse_origin)]
    pub allow_origin: Vec<String>,
    /// Take a token from the query of the URL (?access_token=…); it may then show up in the logs of proxies
    #[arg(long)]
    pub allow_query_token: bool,
    /// At the end, connections are closed one by one over this time, so that clients do not all come back at once
    #[arg(long, value_name = "S", default_value_t = 5.0)]
    pub drain_seconds: f64,
    /// Keep only the newest N events of each room [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub retain_events: Option<u64>,
    /// Show the classic room at / in place of the chat: its own page, or that in FILE, such as the course's, whose first
    /// `thegameid` becomes the id of the game
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = parse_classic_root)]
    pub classic_root: Option<ClassicPage>,
    #[command(flatten)]
    pub play: PlayArgs,
    #[command(flatten)]
    pub compression: CompressionArgs,
    #[command(flatten)]
    pub limits: LimitArgs,
    /// What to log: error, warn, info, debug, or per part, such as info,net=debug
    #[arg(long, value_name = "FILTER", default_value = "info")]
    pub log: String,
    /// Read values of flags from a TOML file
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Where metrics and health are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Admin(Option<SocketAddr>);

/// What the classic room shows at `/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ClassicPage {
    /// Nothing: it is not there.
    Nowhere,
    /// Its own page.
    Own,
    /// Somebody else's.
    File(PathBuf),
}

/// Runs the node until it is told to end, then drains it.
pub(crate) fn run(args: &ServeArgs) -> Result<ExitCode, Failure> {
    start_log(&args.log)?;
    let tls = args.tls.load(&args.data)?;
    let config = args.config(tls.clone())?;
    let node = Node::start(config).map_err(Failure::failed)?;
    greet(&node.addresses());
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::failed)?;
    runtime.block_on(async {
        wait_for_end(tls.as_ref()).await?;
        let window = Duration::from_secs_f64(args.drain_seconds.clamp(0.0, 3600.0));
        say(&format!("draining for {:.1} s; once more ends at once", window.as_secs_f64()));
        let drain = Drain { window, deadline: window + DRAIN_GRACE, ..Drain::default() };
        tokio::select! {
            drained = node.drain(drain) => {
                say(&format!("{} connections were asked to leave, {} were cut", drained.asked, drained.cut));
                Ok(ExitCode::SUCCESS)
            }
            second = wait_for_signal() => {
                second?;
                say("ended without waiting for the rest");
                // Destructors would wait for the worker threads. What was acknowledged is on disk already.
                std::process::exit(1)
            }
        }
    })
}

/// Waits for SIGINT or SIGTERM, and keeps the certificates fresh meanwhile.
async fn wait_for_end(tls: Option<&Tls>) -> Result<(), Failure> {
    tokio::select! {
        result = wait_for_signal() => result,
        Err(failure) = keep_fresh(tls) => Err(failure),
    }
}

fn greet(addresses: &Addresses) {
    for (secure, addresses) in [(false, &addresses.plain), (true, &addresses.tls)] {
        let (http, ws) = if secure { ("https", "wss") } else { ("http", "ws") };
        for address in addresses {
            say(&format!("page       {http}://{address}/"));
            say(&format!("WebSocket  {ws}://{address}{}", chat::protocol::PATH));
            say(&format!("classic    {http}://{address}/classic"));
        }
    }
    if let Some(admin) = addresses.admin {
        say(&format!("admin      http://{admin}/metrics"));
    }
    say("press Ctrl-C to stop");
}

fn start_log(filter: &str) -> Result<(), Failure> {
    let filter = tracing_subscriber::EnvFilter::try_new(filter)
        .map_err(|error| Failure::wrong(format!("--log {filter}: {error}")))?;
    let colours = crate::terminal::colours();
    // It fails only if somebody has started a log before, and nobody has.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours)
        .try_init();
    Ok(())
}

impl ServeArgs {
    /// What these flags mean for the node.
    fn config(&self, tls: Option<Tls>) -> Result<Config, Failure> {
        let keys = match (&self.jwt_key_file, &self.jwks_file) {
            (Some(path), _) => vec![keys::key_file(path).map_err(Failure::failed)?],
            (None, Some(path)) => keys::jwks_file(path).map_err(Failure::failed)?,
            (None, None) if self.jwt_audience.is_some() || self.jwt_issuer.is_some() => {
                return Err(Failure::wrong(
                    "--jwt-audience and --jwt-issuer need a key: --jwt-key-file or --jwks-file",
                ));
            }
            (None, None) if !self.allow_guests => {
                return Err(Failure::wrong(
                    "nobody could come in: give --jwt-key-file or --jwks-file, or allow guests",
                ));
            }
            (None, None) => Vec::new(),
        };
        let mut store = state::StoreConfig::new(self.data.join("stoa.db"));
        store.ledger.events_kept_per_room_max = self.retain_events;
        store.ledger.sends = self.limits.sends();
        store.ledger.rooms_per_user_max = self.limits.rooms_per_user_max.into();
        let allowed_origins = match self.allow_origin.as_slice() {
            [] => origin::Allowed::SameOrigin,
            origins => origin::Allowed::AlsoFrom(origins.to_vec()),
        };
        Ok(Config {
            listen: self.listen.clone(),
            tls_listen: self.tls.tls_listen.clone(),
            tls,
            http3: self.tls.http3(),
            admin_listen: self.admin_listen.0,
            data: self.data.clone(),
            workers: self.threads.count(),
            workers_pinned: self.threads.pin_workers,
            auth: AuthConfig {
                guests_allowed: self.allow_guests,
                keys,
                audience: self.jwt_audience.clone(),
                issuer: self.jwt_issuer.clone(),
            },
            allowed_origins,
            query_token_allowed: self.allow_query_token,
            limits: self.limits.chat(),
            net_limits: self.limits.net(),
            store,
            websocket: self.limits.websocket(self.compression.policy()),
            classic_root: self.classic_root()?,
            play: self.play.config(&self.data),
        })
    }

    fn classic_root(&self) -> Result<Option<ClassicRoot>, Failure> {
        match &self.classic_root {
            None | Some(ClassicPage::Nowhere) => Ok(None),
            Some(ClassicPage::Own) => Ok(Some(ClassicRoot::own())),
            Some(ClassicPage::File(path)) => ClassicRoot::from_file(path).map(Some).map_err(Failure::failed),
        }
    }
}

fn parse_admin(text: &str) -> Result<Admin, String> {
    if text == "off" {
        return Ok(Admin(None));
    }
    let address = text.parse().map_err(|_| "give an address such as 127.0.0.1:9090, or off".to_owned())?;
    Ok(Admin(Some(address)))
}

/// The flag alone means true; the configuration file and the environment say so in words.
fn parse_classic_root(text: &str) -> Result<ClassicPage, String> {
    Ok(match text {
        "" => return Err("give the file of a page, or nothing for the classic room's own".to_owned()),
        "true" => ClassicPage::Own,
        "false" => ClassicPage::Nowhere,
        path => ClassicPage::File(path.into()),
    })
}

/// Origins are compared as a whole, so one with a path or a slash at its end would never match.
fn parse_origin(text: &str) -> Result<String, String> {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or("");
    if host.is_empty() || host.contains(['/', '?', '#', '*', '@', ' ']) {
        return Err("give scheme, host and port only, such as https://example.org".to_owned());
    }
    Ok(text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Cli, Command};
    use clap::Parser;

    fn config(flags: &str) -> Result<Config, String> {
        let words = format!("stoa serve {flags}");
        let cli = Cli::try_parse_from(words.split_whitespace()).map_err(|e| e.to_string())?;
        let Command::Serve(args) = cli.command else { panic!("not serve") };
        args.config(None).map_err(|failure| match failure {
            Failure::Wrong(why) | Failure::Failed(why) => why,
            Failure::Usage(error) => error.to_string(),
        })
    }

    #[test]
    fn without_flags_the_limits_are_those_of_the_protocol_page() {
        let config = config("").unwrap();
        let page = include_str!("../../../docs/protocol.md");
        let told = serde_json::to_string(&config.limits.told()).unwrap();
        assert!(page.contains(&format!("\"limits\":{told}")), "{told} is not in docs/protocol.md");
        assert_eq!(config.store.ledger.sends, config.limits.sends);
        assert_eq!(config.websocket.limits.message_bytes_max, config.limits.message_bytes_max);
        assert_eq!(config.limits.connections_per_user_max, 64);
        assert_eq!(config.store.ledger.events_kept_per_room_max, None);
    }

    #[test]
    fn flags_reach_the_parts_that_they_are_for() {
        let config = config(
            "--sends-per-second 1000 --message-bytes-max 100000 --retain-events 9 --admin-listen off --allow-origin https://Example.org",
        )
        .unwrap();
        assert_eq!((config.limits.sends.per_second, config.limits.sends.burst), (1000, 5000));
        assert_eq!(config.store.ledger.sends, config.limits.sends);
        assert_eq!(config.websocket.limits.frame_bytes_max, 100_000);
        assert_eq!(config.store.ledger.events_kept_per_room_max, Some(9));
        assert_eq!(config.admin_listen, None);
        assert_eq!(config.classic_root, None);
        assert_eq!(config.allowed_origins, origin::Allowed::AlsoFrom(vec!["https://example.org".into()]));
    }

    #[test]
    fn the_classic_room_is_at_the_root_only_if_that_is_said() {
        for (flags, root) in [
            ("", None),
            ("--classic-root", Some(ClassicRoot::own())),
            ("--classic-root=true", Some(ClassicRoot::own())),
            ("--classic-root=false", None),
            ("--classic-root --allow-query-token", Some(ClassicRoot::own())),
        ] {
            assert_eq!(config(flags).unwrap().classic_root, root, "{flags}");
        }
    }

    #[test]
    fn flags_that_cannot_work_are_refused_with_a_sentence_that_helps() {
        for (flags, word) in [
            ("--allow-guests false", "nobody could come in"),
            ("--jwt-audience app", "need a key"),
            ("--jwt-key-file /no/such/file", "/no/such/file"),
            ("--allow-origin https://example.org/", "scheme, host and port only"),
            ("--admin-listen on", "or off"),
            ("--retain-events 0", "--retain-events"),
            ("--classic-root=/no/such/page.html", "/no/such/page.html"),
            ("--classic-root=", "the file of a page"),
            ("--tls-cert a.pem", "--tls-key"),
        ] {
            let why = config(flags).unwrap_err();
            assert!(why.contains(word), "{flags}: {why}");
        }
    }
}
